"""The list of cells: what the rest of the package must know of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from tfrnn_ops import fused, reference


@dataclasses.dataclass(frozen=True)
class Cell:
    """One kind of recurrent layer.

    Attributes:
        name: the public function's name.
        gates: how many times `units` the kernels are wide.
        states: the names of the states; the first is also the output.
        reference: the cell in plain TensorFlow ops.
        options: the options that the cell has, by the name of the functions' argument, each with
            whether the fused op computes it too; for an activation which ones it computes.
        layer_norm_width: how many times `units` gains, and offsets, layer normalisation has.
        fused: the compiled op; None if there is none.
        biases: how many biases `[gates * units]` there are, by the value of `reset_after`.
        diagonal: whether the recurrent kernel is a vector `[units]`: no unit sees another.
        full_dropout: whether the Keras layer heeds a dropout rate of 1. SimpleRNN does, LSTM and
            GRU take it for 0.
        carries_h: whether h[t-1] reaches h[t] past the weights too. Where Keras draws one mask of
            recurrent dropout for all gates, as Keras 3.5 does, it drops that share as well.
    """

    name: str
    gates: int
    states: tuple[str, ...]
    reference: Callable[..., Any]
    options: Mapping[str, bool | tuple[str, ...]]
    layer_norm_width: int
    fused: fused.common.FusedOp | None = None
    biases: Callable[[bool], int] = lambda reset_after: 1
    diagonal: bool = False
    full_dropout: bool = False
    carries_h: bool = False

    @property
    def activations(self) -> tuple[str, ...]:
        """The names of the arguments that are activations."""
        return tuple(name for name, fused in self.options.items() if isinstance(fused, tuple))


# The activations that the fused ops compute.
ACTIVATIONS = (
    *("tanh", "sigmoid", "hard_sigmoid", "relu", "relu6", "elu", "selu", "softplus", "softsign"),
    *("linear", "silu", "gelu"),
)

LSTM = Cell(
    "lstm",
    4,
    ("h", "c"),
    reference.lstm,
    options={
        "activation": ACTIVATIONS,
        "recurrent_activation": ACTIVATIONS,
        "recurrent_dropout": True,
        "zoneout": True,
        "cell_zoneout": True,
        "peephole": True,
        "projection": True,
        "layer_norm": True,
        "layer_norm_carry": True,
        "cell_clip": True,
        "projection_clip": True,
        "recompute": True,
        "return_cell_states": True,
    },
    layer_norm_width=9,
    fused=fused.lstm,
)
GRU = Cell(
    "gru",
    3,
    ("h",),
    reference.gru,
    options={
        "activation": ACTIVATIONS,
        "recurrent_activation": ACTIVATIONS,
        "reset_after": True,
        "recurrent_dropout": True,
        "zoneout": True,
        "layer_norm": True,
        "recompute": True,
    },
    layer_norm_width=6,
    fused=fused.gru,
    biases=lambda reset_after: 1 + reset_after,
    carries_h=True,
)
SIMPLE_RNN = Cell(
    "simple_rnn",
    1,
    ("h",),
    reference.simple_rnn,
    options={
        "activation": ACTIVATIONS,
        "recurrent_dropout": True,
        "zoneout": True,
        "layer_norm": True,
        "recompute": True,
    },
    layer_norm_width=2,
    fused=fused.simple_rnn,
    full_dropout=True,
)
IND_RNN = Cell(
    "ind_rnn",
    1,
    ("h",),
    reference.ind_rnn,
    options={
        "activation": ACTIVATIONS,
        "recurrent_dropout": True,
        "zoneout": True,
        "layer_norm": True,
        "recompute": True,
    },
    layer_norm_width=1,
    fused=fused.ind_rnn,
    diagonal=True,
    full_dropout=True,
)
