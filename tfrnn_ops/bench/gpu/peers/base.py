"""What a peer on the GPU is."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

from tfrnn_ops.bench.gpu.cases import GpuCase
from tfrnn_ops.bench.gpu.tensors import GpuTensors, Weights


class GpuPeer(abc.ABC):
    """One library's way of running a case, ready to be called.

    Args:
        case: what to run.
        tensors: with these; laid out as suits the library, outside the timing.
        mode: of `cases.GPU_MODES`.

    Attributes:
        name: for the command line and the files.
        title: for people.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    @abc.abstractmethod
    def __init__(self, case: GpuCase, tensors: GpuTensors, mode: str): ...

    @classmethod
    def missing(cls, case: GpuCase, mode: str) -> str | None:
        """Why it cannot run the case, None if it can."""
        return None

    @property
    def note(self) -> str | None:
        """How it runs the case, if there is something to say."""
        return None

    @abc.abstractmethod
    def run(self, input_set: int) -> None:
        """Enqueues one call on PyTorch's current stream; this is what is timed."""

    @abc.abstractmethod
    def results(self) -> dict[str, Any]:
        """What the last `run` has computed, from then on in Keras's layout.

        Returns:
            "outputs" `[time, batch, directions * units]`, "final_<state>" `[directions, batch,
            units]` and, from training, "dinputs", "dinitial_<state>" and what `gradients` names.
        """


def gradients(weights: list[Weights]) -> dict[str, Any]:
    """Gradients of the weights by name: "dkernel", for the second direction "dkernel_1" ..."""
    return {
        f"d{name}{f'_{i}' if i else ''}": value
        for i, direction in enumerate(weights)
        for name, value in vars(direction).items()
    }


def numbered(name: str, values: list[Any]) -> dict[str, Any]:
    """Tensors of the states under names such as "final_0"."""
    return {f"{name}_{i}": value for i, value in enumerate(values)}
