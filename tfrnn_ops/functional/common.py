"""What the functions share: from their arguments to one call."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfrnn_ops._arguments import Weights
from tfrnn_ops._cells import Cell
from tfrnn_ops._execute import Results, execute, warn_if_not_fused
from tfrnn_ops.options import Options, check_bool
from tfrnn_ops.path import Request, decide, keeps_reserve

_LAYOUT = (
    "inputs",
    "initial_state",
    "seed",
    "mask",
    "sequence_length",
    "time_major",
    "go_backwards",
    "zero_output_for_mask",
    "state_dropout_mask",
)


def run(cell: Cell, arguments: Mapping[str, Any]) -> Results:
    """Runs a cell with the arguments of its public function, by name."""
    weights = Weights(**_pick(Weights, arguments))
    given = _pick(Options, arguments)
    for name in ("peephole", "projection", "layer_norm"):
        given[name] = getattr(weights, name) is not None
    check_bool("training", arguments["training"])
    request = Request(
        cell,
        Options(**given),
        training=arguments["training"],
        state_dropout=arguments["state_dropout_mask"] is not None,
    )
    decision = decide(request)
    warn_if_not_fused(decision, f"tfrnn_ops.{cell.name}")
    return execute(
        request,
        decision,
        weights=weights,
        # A function cannot know whether a graph that it is traced into will be differentiated.
        keep_reserve=keeps_reserve(training=True),
        **{name: arguments[name] for name in _LAYOUT},
    )


def _pick(kind: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that are fields of a dataclass."""
    names = (field.name for field in dataclasses.fields(kind))
    return {name: arguments[name] for name in names if name in arguments}
