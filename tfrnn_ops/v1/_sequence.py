"""Runs a cell over a whole sequence in the fused ops, if it can be expressed by them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfrnn_ops import _cells, functional
from tfrnn_ops._arguments import DTYPES
from tfrnn_ops.path import activation_name
from tfrnn_ops.v1._arguments import dimensions
from tfrnn_ops.v1._base import RNNCell
from tfrnn_ops.v1._one_hot import indices_of, replaced


@dataclasses.dataclass(frozen=True)
class Call:
    """What a cell asks of the fused op that computes it.

    Attributes:
        kind: the cell of the op.
        state: the first states, in the op's order.
        weights: the kernel, the recurrent kernel and the bias.
        options: other arguments of the kind's function, by name.
    """

    kind: _cells.Cell
    state: Sequence[Any]
    weights: Sequence[Any]
    options: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Steps:
    """The layout of a sequence, and the fused ops over it.

    Attributes:
        mask: which steps count: boolean, the first two axes of the inputs; None for all.
        time_major: whether time is the first axis.
        factors: of the state that each step starts from, `[time, batch, size]`, in the structure of
            the state, with None for what is not multiplied; or None.
    """

    mask: Any = None
    time_major: bool = False
    factors: Any = None

    def run(self, call: Call, inputs: Any) -> tuple[Any, tuple[Any, ...]]:
        """The op over these steps: zeros, and an unchanged state, where masked."""
        function = getattr(functional, call.kind.name)
        outputs, state = function(**self.arguments(call, inputs))
        return outputs, tuple(tf.nest.flatten(state))

    def arguments(self, call: Call, inputs: Any) -> dict[str, Any]:
        """The arguments of the function that runs the op over these steps."""
        indices = indices_of(inputs)
        if indices is not None:
            replaced([inputs])
            inputs = indices
        factors = [f for f in tf.nest.flatten(self.factors) if f is not None]
        kernel, recurrent_kernel, bias = call.weights
        return {
            "inputs": inputs,
            "initial_state": call.state,
            "kernel": kernel,
            "recurrent_kernel": recurrent_kernel,
            "bias": bias,
            "mask": self.mask,
            "time_major": self.time_major,
            "zero_output_for_mask": self.mask is not None,
            "state_dropout_mask": factors[0] if factors else None,
            **call.options,
        }

    def of_cell(self, number: int) -> Steps:
        """The same steps of one cell of many, whose states are in a tuple."""
        if self.factors is None:
            return self
        return dataclasses.replace(self, factors=self.factors[number])

    def dropping(self, factors: Any) -> Steps:
        """The same steps with the state multiplied by these factors, too."""

        def product(own: Any, other: Any) -> Any:
            return own if other is None else other if own is None else own * other

        if self.factors is not None:
            factors = _map_nullable(product, self.factors, factors)
        return dataclasses.replace(self, factors=factors)

    def zero_masked(self, outputs: Any) -> Any:
        """Zeros in place of the outputs that do not count."""
        if self.mask is None:
            return outputs
        return tf.where(self.mask[:, :, tf.newaxis], outputs, tf.zeros([], outputs.dtype))


def _map_nullable(function: Any, *structures: Any) -> Any:
    """`tf.nest.map_structure` over structures of tensors and None."""
    flat = zip(*map(tf.nest.flatten, structures), strict=True)
    return tf.nest.pack_sequence_as(structures[0], [function(*values) for values in flat])


def reasons(cell: Any) -> list[str]:
    """Why a cell cannot run over a whole sequence in the fused ops; empty if it can."""
    name = type(cell).__name__
    if not isinstance(cell, RNNCell):
        return [f"{name} is no cell of tfrnn_ops.v1"]
    order = type(cell).__mro__
    known = order.index(_who_runs(cell))
    for method in ("call", "__call__", "_run"):
        if any(method in vars(c) for c in order[:known]):
            return [f"{name} defines its own {method}"]
    return cell._not_fused()


def is_one_call(cell: Any) -> bool:
    """Whether a cell, for which `reasons` finds none, is one fused op and nothing around it."""
    return "_run_sequence" not in vars(_who_runs(cell))


def _who_runs(cell: RNNCell) -> type:
    """The class that says how a cell runs over a whole sequence."""
    methods = {"_run_sequence", "_fused_call"}
    return next(c for c in type(cell).__mro__ if methods & set(vars(c)))


def input_reasons(inputs: Any) -> list[str]:
    """Why the fused ops cannot take these inputs; empty if they can."""
    if tf.nest.is_nested(inputs):
        return ["inputs are more than one tensor"]
    inputs = tf.convert_to_tensor(inputs)
    if inputs.shape.rank != 3:
        return [f"inputs has shape {inputs.shape}, not three axes: time, batch and features"]
    if inputs.dtype not in DTYPES:
        return [f"inputs has dtype {inputs.dtype.name}"]
    return []


def run(cell: RNNCell, steps: Steps, inputs: Any, state: Any) -> tuple[Any, Any]:
    """Runs a cell, for which `reasons` finds none, over a whole sequence.

    Args:
        cell: the cell.
        steps: the layout.
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `steps.time_major`.
        state: the first state.

    Returns:
        `(outputs, final_state)`. Outputs that are masked are zeros, unless a wrapper of the cell
        makes something else of zeros.

    Raises:
        ValueError: a tensor of the state has another width or batch; as in TF1.
        TypeError: a tensor of the state has another dtype than the inputs; as in TF1.
    """
    return inside(cell, steps, functools.partial(cell._run_sequence, steps), inputs, state)


def inside(
    cell: RNNCell, steps: Steps, method: Callable[[Any, Any], Any], inputs: Any, state: Any
) -> Any:
    """Calls `method(inputs, state)` inside a cell's variable scope, the cell built; see `run`."""
    sizes = dimensions(inputs)
    batch = sizes[1 if steps.time_major else 0]
    _check_state(cell, inputs, batch, state)
    return cell._run(method, inputs, state, inputs_shape=tf.TensorShape([batch, sizes[2]]))


def _check_state(cell: RNNCell, inputs: Any, batch: int | None, state: Any) -> None:
    sizes, tensors = tf.nest.flatten(cell.state_size), tf.nest.flatten(state)
    if len(sizes) != len(tensors):
        return  # for who takes it apart
    for size, tensor in zip(sizes, map(tf.convert_to_tensor, tensors), strict=True):
        if tensor.dtype != inputs.dtype:
            raise TypeError(
                f"state has dtype {tensor.dtype.name}; expected {inputs.dtype.name}, as inputs has"
            )
        rows, width = dimensions(tensor) if tensor.shape.rank == 2 else (None, None)
        if width not in (None, size):
            raise ValueError(
                f"Dimensions must be equal, but are {width} and {size}: the width of the state, "
                f"and that of {type(cell).__name__}"
            )
        if None not in (rows, batch) and rows != batch:
            raise ValueError(
                f"Dimensions must be equal, but are {batch} and {rows}: the batch of the inputs, "
                "and of the state"
            )


def first_axes(inputs: Any) -> list[Any]:
    """The sizes of the first two axes of inputs, as integers or else tensors."""
    indices = indices_of(inputs)
    known = dimensions(inputs)[:2]
    # Not of one-hot inputs themselves, which then need not be made.
    sizes = tf.shape(inputs if indices is None else indices)
    return [sizes[axis] if size is None else size for axis, size in enumerate(known)]


def activation_reasons(activation: Any) -> list[str]:
    """Why the fused ops lack an activation; empty if they have it."""
    name = activation_name(activation)
    if name in _cells.ACTIVATIONS:
        return []
    return [f"activation: the fused op has none called {name}"]


def split_rows(kernel: Any, features: int, units: int) -> tuple[Any, Any]:
    """The rows of a kernel that belong to the inputs, and those that belong to the state.

    Raises:
        ValueError: the kernel was made for another number of features.
    """
    rows = dimensions(kernel)[0]
    if rows != features + units:
        raise ValueError(
            f"Dimensions must be equal, but are {features} and {rows - units}: the "
            "number of features of the inputs, and of those that the cell was first called with"
        )
    return tuple(tf.split(kernel, [features, units]))  # its gradient is one op, a slice's three


def lstm_weights(
    kernel: Any, bias: Any, features: int, outputs: int, forget_bias: Any
) -> tuple[Any, Any, Any]:
    """Keras's weights of an LSTM from TF1's.

    Args:
        kernel: `[features + outputs, 4 * units]`, gates i, g, f, o.
        bias: `[4 * units]`.
        features: the number of features.
        outputs: the size of the output.
        forget_bias: what to add to the bias of f.

    Returns:
        `kernel`, `recurrent_kernel` and `bias`, gates i, f, g, o.
    """
    i, g, f, o = tf.split(kernel, 4, axis=1)
    kernels = split_rows(tf.concat([i, f, g, o], 1), features, outputs)
    i, g, f, o = tf.split(bias, 4)
    return *kernels, tf.concat([i, f + forget_bias, g, o], 0)


def gru_weights(
    gate_kernel: Any, gate_bias: Any, candidate_kernel: Any, candidate_bias: Any, features: int
) -> tuple[Any, Any, Any]:
    """Keras's weights of a GRU with `reset_after=False` from TF1's.

    Args:
        gate_kernel: `[features + units, 2 * units]`, gates r and u; u is Keras's z.
        gate_bias: `[2 * units]`.
        candidate_kernel: `[features + units, units]`.
        candidate_bias: `[units]`.
        features: the number of features.

    Returns:
        `kernel`, `recurrent_kernel` and `bias`, gates z, r and candidate.
    """
    units = dimensions(candidate_kernel)[1]
    kernel = tf.concat([tf.roll(gate_kernel, units, 1), candidate_kernel], 1)
    r, z = tf.split(gate_bias, 2)
    bias = tf.concat([z, r, candidate_bias], 0)
    return *split_rows(kernel, features, units), bias
