"""The list of cells: what the rest of the package must know of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from tfrnn_ops import fused, reference


@dataclasses.dataclass(frozen=True)
class Cell:
    """One kind of recurrent layer.

    Attributes:
        name: the public function's name.
        gates: how many times `units` the kernels are wide.
        states: the names of the states; the first is also the output.
        activations: the activations, by argument name, that the fused op computes.
        fused: the compiled op.
        reference: the same in plain TensorFlow ops.
        attributes: arguments that only this cell has; both of the above take them.
        biases: how many biases `[gates * units]` there are, by those attributes.
        full_dropout: whether the Keras layer heeds a dropout rate of 1. SimpleRNN does, LSTM and
            GRU take it for 0.
        carries_h: whether h[t-1] reaches h[t] past the weights too. Where Keras draws one mask of
            recurrent dropout for all gates, as Keras 3.5 does, it drops that share as well.
    """

    name: str
    gates: int
    states: tuple[str, ...]
    activations: dict[str, str]
    fused: fused.common.FusedOp
    reference: Callable[..., Any]
    attributes: tuple[str, ...] = ()
    biases: Callable[..., int] = lambda: 1
    full_dropout: bool = False
    carries_h: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """The names of the arguments, besides tensors and layout, that define the cell."""
        return (*self.activations, *self.attributes)


_GATED = {"activation": "tanh", "recurrent_activation": "sigmoid"}

LSTM = Cell("lstm", 4, ("h", "c"), _GATED, fused.lstm, reference.lstm)
GRU = Cell(
    "gru",
    3,
    ("h",),
    _GATED,
    fused.gru,
    reference.gru,
    attributes=("reset_after",),
    biases=lambda reset_after: 1 + reset_after,
    carries_h=True,
)
SIMPLE_RNN = Cell(
    "simple_rnn",
    1,
    ("h",),
    {"activation": "tanh"},
    fused.simple_rnn,
    reference.simple_rnn,
    full_dropout=True,
)
