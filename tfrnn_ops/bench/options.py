"""The options that can be measured one by one, and who has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_RATE = 0.2
_GATED = ("lstm", "gru", "gru_reset_before")


@dataclass(frozen=True)
class Option:
    """One option of a layer.

    Attributes:
        ours: the arguments of our layer.
        keras: those of Keras's; None if it has no such option.
        cells: the cells that have it; None for all.
        draws: whether it draws random numbers in training.
        projects: whether the output is half as wide as the units.
    """

    ours: Mapping[str, Any]
    keras: Mapping[str, Any] | None = None
    cells: tuple[str, ...] | None = None
    draws: bool = False
    projects: bool = False


def _both(arguments: Mapping[str, Any], **others: Any) -> Option:
    return Option(arguments, arguments, **others)


OPTIONS: dict[str, Option] = {
    "relu": _both({"activation": "relu"}),
    "hard_sigmoid": _both({"recurrent_activation": "hard_sigmoid"}, cells=_GATED),
    "no_bias": _both({"use_bias": False}),
    "dropout": _both({"dropout": _RATE}, draws=True),
    "recurrent_dropout": _both({"recurrent_dropout": _RATE}, draws=True),
    "recurrent_dropout_per_step": Option(
        {"recurrent_dropout": _RATE, "recurrent_dropout_per_step": True}, draws=True
    ),
    "drop_connect": Option({"drop_connect": _RATE}, draws=True),
    "zoneout": Option({"zoneout": _RATE}, draws=True),
    "layer_norm": Option({"layer_norm": True}),
    "recompute": Option({"recompute": 10}),
    "peephole": Option({"peephole": True}, cells=("lstm",)),
    "cell_clip": Option({"cell_clip": 3.0}, cells=("lstm",)),
    "projection": Option({}, cells=("lstm",), projects=True),
}
