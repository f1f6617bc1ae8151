"""What a peer is."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import numpy as np

from tfrnn_ops.bench.cases import Case, Tensors


class Peer(abc.ABC):
    """One library's way of running a case, ready to be called.

    It has equal weights and inputs as its rivals, laid out as suits it best, outside the timing.

    Args:
        case: what to run.
        tensors: with these.
        mode: "forward" for inference, which keeps nothing for a gradient; "train" for outputs and
            the gradients of the inputs and all weights.

    Attributes:
        name: for the command line and the files.
        title: for people.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    @abc.abstractmethod
    def __init__(self, case: Case, tensors: Tensors, mode: str): ...

    @classmethod
    def missing(cls, case: Case) -> str | None:
        """Why it cannot run the case, None if it can."""
        return None

    @abc.abstractmethod
    def run(self) -> Any:
        """Runs once: this is what is timed."""

    @abc.abstractmethod
    def arrays(self, result: Any) -> dict[str, np.ndarray]:
        """What `run` has returned, in the layout of Keras.

        Returns:
            "outputs" and, from training, the gradients under the names of `Tensors`.
        """


GRADIENTS = ("inputs", "kernel", "recurrent_kernel", "bias")
