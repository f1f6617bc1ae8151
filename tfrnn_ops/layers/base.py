"""What the layers and the cells share."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from tfrnn_ops._arguments import Weights
from tfrnn_ops._cells import Cell
from tfrnn_ops._execute import DirectionArguments, Results, execute, warn_if_not_fused
from tfrnn_ops.path import Decision, Request, decide, keeps_reserve


class Recurrent(keras.Layer):
    """From the attributes of a cell to one call of the fused op or the reference.

    Attributes:
        kind: the cell that the class computes.
    """

    kind: Cell
    _reasons_told: frozenset[tuple[str, ...]] = frozenset()

    def path_request(self, training: Any = False) -> Request:
        """What decides the path of a call, for `tfrnn_ops.path.decide`."""
        raise NotImplementedError

    def _run(
        self,
        cell: Any,
        request: Request,
        inputs: Any,
        initial_state: Any,
        step_inputs: Any,
        **arguments: Any,
    ) -> Results:
        """Runs the cell's kernels over `inputs`, and warns once of each way off the fused op.

        `step_inputs` is the first step, to draw a dropout mask for; None if one is drawn.
        """
        decision = self._decide(request)
        own = arguments_of_call(cell, request, inputs, initial_state, step_inputs)
        return execute(
            request,
            decision,
            **{field.name: getattr(own, field.name) for field in dataclasses.fields(own)},
            keep_reserve=keeps_reserve(request.training),
            **arguments,
        )

    def _decide(self, request: Request) -> Decision:
        """The path of a call, of which it warns if it is another than before."""
        decision = decide(request)
        if decision.reasons not in self._reasons_told:
            warn_if_not_fused(decision, f"{type(self).__name__} {self.name!r}")
            self._reasons_told |= {decision.reasons}
        return decision


def arguments_of_call(
    cell: Any, request: Request, inputs: Any, initial_state: Any, step_inputs: Any = None
) -> DirectionArguments:
    """What a cell gives to a call over `inputs`; `step_inputs` as for `_run`."""
    drawn: dict[str, Any] = {}  # in this order
    if request.drops(request.dropout):
        drawn["input_dropout_mask"] = cell.get_dropout_mask(step_inputs)
    if request.drops(request.recurrent_dropout):
        drawn["recurrent_dropout_mask"] = cell.get_recurrent_dropout_mask(initial_state[0])
    if request.drawing:
        drawn["seed"] = cell.seed_generator.next()
    return DirectionArguments(inputs, initial_state, _weights(cell, request), **drawn)


def _weights(cell: Any, request: Request) -> Weights:
    """The weights of a cell in the dtype that it computes in."""
    dtype = cell.compute_dtype
    tensors = {
        "kernel": cell.kernel,
        "recurrent_kernel": cell.recurrent_kernel,
        "bias": cell.bias,
        "peephole": cell.peephole_kernel,
        "projection": cell.projection_kernel,
    }
    tensors = {n: None if v is None else as_tensor(v, dtype) for n, v in tensors.items()}
    if cell.layer_norm_gain is not None:
        rows = (as_tensor(v, dtype) for v in (cell.layer_norm_gain, cell.layer_norm_offset))
        tensors["layer_norm"] = tf.stack([tf.convert_to_tensor(row) for row in rows])
    if request.training and request.drop_connect:
        tensors["recurrent_kernel"] = tf.nn.experimental.stateless_dropout(
            tf.convert_to_tensor(tensors["recurrent_kernel"]),
            request.drop_connect,
            cell.seed_generator.next(),
            rng_alg="philox",
        )
    return Weights(**tensors)


def broadcast_states(states: list[Any], inputs: Any, batch_axis: int) -> list[Any]:
    """The states of a layer, of which Keras gives one row to every row of a batch."""
    if inputs.shape[batch_axis] == 1:
        return states
    rows = (
        tf.shape(inputs)[batch_axis]
        if inputs.shape[batch_axis] is None
        else inputs.shape[batch_axis]
    )
    return [
        tf.broadcast_to(state, [rows, state.shape[1]])
        if state.shape.rank == 2 and state.shape[0] == 1
        else state
        for state in states
    ]


def as_tensor(value: Any, dtype: str) -> Any:
    """A tensor of the dtype, cast if need be; `value` may be a Keras variable or an array."""
    if isinstance(value, tf.Tensor) and value.dtype == dtype:
        return value
    return keras.ops.convert_to_tensor(value, dtype=dtype)
