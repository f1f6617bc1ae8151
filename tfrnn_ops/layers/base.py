"""What the layers and the cells share."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfrnn_ops._cells import Cell
from tfrnn_ops._execute import execute, warn_if_not_fused
from tfrnn_ops.path import Request, decide, keeps_reserve


class Recurrent(keras.Layer):
    """From the attributes of a Keras cell to one call of the fused op or the reference.

    Attributes:
        kind: the cell that the class computes.
    """

    kind: Cell
    _reasons_told: frozenset[tuple[str, ...]] = frozenset()

    def path_request(self, training: Any = False) -> Request:
        """What decides the path of a call, for `tfrnn_ops.path.decide`."""
        raise NotImplementedError

    def _request_of(self, cell: Any, training: Any, unroll: bool = False) -> Request:
        return Request(
            self.kind,
            {name: getattr(cell, name) for name in self.kind.activations},
            training=bool(training),
            dropout=cell.dropout,
            recurrent_dropout=cell.recurrent_dropout,
            dropout_per_gate=getattr(cell, "dropout_mask_count", None) is not None,
            unroll=unroll,
        )

    def _run(
        self,
        cell: Any,
        request: Request,
        inputs: Any,
        initial_state: Any,
        step_inputs: Any,
        **arguments: Any,
    ) -> tuple[Any, tuple[Any, ...]]:
        """Runs the cell's kernels over `inputs`, and warns once of each way off the fused op.

        `step_inputs` is the first step, to draw a dropout mask for; None if one is drawn.
        """
        decision = decide(request)
        if decision.reasons not in self._reasons_told:
            warn_if_not_fused(decision, f"{type(self).__name__} {self.name!r}", stacklevel=2)
            self._reasons_told |= {decision.reasons}
        if request.drops(request.dropout):
            arguments["input_dropout_mask"] = cell.get_dropout_mask(step_inputs)
        if request.drops(request.recurrent_dropout):
            arguments["recurrent_dropout_mask"] = cell.get_recurrent_dropout_mask(initial_state[0])
        weights = [
            None if weight is None else as_tensor(weight, cell.compute_dtype)
            for weight in (cell.kernel, cell.recurrent_kernel, cell.bias)
        ]
        return execute(
            self.kind,
            decision,
            inputs,
            initial_state,
            weights,
            keep_reserve=keeps_reserve(request.training),
            **{name: getattr(cell, name) for name in self.kind.options},
            **arguments,
        )


def as_tensor(value: Any, dtype: str) -> Any:
    """A tensor of the dtype, cast if need be; `value` may be a Keras variable or an array."""
    if isinstance(value, tf.Tensor) and value.dtype == dtype:
        return value
    return keras.ops.convert_to_tensor(value, dtype=dtype)
