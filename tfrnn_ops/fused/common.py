"""What every fused cell shares: calling the op, and its gradient."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tfrnn_ops._library import ops
from tfrnn_ops.fused.operands import Operands, unused_gradients
from tfrnn_ops.fused.replay import second_gradient

# Options of the functions that the op takes as one text, see csrc/ops/checks.h.
_SCALARS = (
    "recurrent_dropout",
    "zoneout",
    "cell_zoneout",
    "layer_norm_epsilon",
    "cell_clip",
    "projection_clip",
)
_WEIGHTS = ("kernel", "recurrent_kernel", "bias", "projection")


class Direction(NamedTuple):
    """The operands that a direction of a layer has of its own.

    Attributes:
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`; or int32
            without the last axis: rows of `kernel` (zeros if there is none), which are gathered,
            not multiplied with. There is no `input_dropout_mask` then.
        initial_state: one `[batch, units]` for each state; the first, as the outputs, is as wide as
            the `projection`, if there is one.
        kernel: `[features, gates * units]`.
        recurrent_kernel: `[units, gates * units]`, or `[units]` if the cell is diagonal.
        bias: the cell's bias, or None.
        input_dropout_mask: `[gates, batch, features]`, factors of the inputs in the product with
            each gate's weights, the same at every step; or None. It has no gradient.
        recurrent_dropout_mask: `[gates, batch, units]`, likewise for the recurrent operand; or
            `[1, batch, units]` if all gates have the same.
        state_dropout_mask: `[time, batch, units]`, factors of the `h` that each step, in the order
            of processing, starts from; or None. It has no gradient.
        peephole: `[3, units]`, or None.
        layer_norm: gains and offsets, `[2, columns]`, or None.
        projection: `[units, outputs]`, or None.
        seed: integers `[2]`, or None if nothing is drawn.
    """

    inputs: Any
    initial_state: Sequence[Any]
    kernel: Any
    recurrent_kernel: Any
    bias: Any
    input_dropout_mask: Any = None
    recurrent_dropout_mask: Any = None
    state_dropout_mask: Any = None
    peephole: Any = None
    layer_norm: Any = None
    projection: Any = None
    seed: Any = None


class FusedOp:
    """A forward op and the gradient registered for it.

    The gradient is three ops, so that work whose result nobody uses is not done: the recurrence
    backwards, which leaves every gate's gradient in an opaque tensor, then the gradient of the
    inputs and that of the weights, both made from it; or one op for a call with `recompute`. Each
    is differentiated by replaying the reference.

    Args:
        op: the forward op's name, such as "TfrnnLstm"; those of its gradient begin with it.
        reference: the same cell in plain TensorFlow ops.
        gates: how many times `units` the kernels are wide.
        attributes: the names of attributes that only this cell has.
        diagonal: whether the recurrent weights are a vector.
    """

    def __init__(
        self,
        op: str,
        reference: Callable[..., Any],
        gates: int,
        attributes: Sequence[str] = (),
        *,
        diagonal: bool = False,
    ):
        self.op = op
        self.reference = reference
        self.gates = gates
        self.diagonal = diagonal
        self.attributes = (
            "time_major",
            "go_backwards",
            "zero_output_for_mask",
            "activation",
            "recurrent_activation",
            "training",
            "layer_norm_carry",
            "return_cell_states",
            "recompute",
            "scalars",
            *attributes,
        )
        tf.RegisterGradient(op)(self._gradient)
        for suffix in ("Grad", "GradInput", "GradWeights", "GradRecompute"):
            tf.RegisterGradient(op + suffix)(
                lambda op, *upstream, of=suffix: second_gradient(self, of, op, upstream)
            )

    def __call__(
        self, directions: Sequence[Direction], mask: Any, *, keep_reserve: bool, **options: Any
    ) -> tuple[Any, ...]:
        """Runs the forward op.

        Args:
            directions: the operands of the layer; or of both its directions, of which the second
                goes the other way through time. These have the same shapes, and the same operands
                are None.
            mask: boolean, the first two axes of the inputs; or None.
            keep_reserve: whether to keep what the gradient needs. Without it a gradient is still
                right, but runs the forward op a second time.
            **options: the other options by the functions' names; those left out are off.

        Returns:
            `(outputs, final_state)`: laid out as the inputs, those of a second direction beside
            those of the first and at the time of the first's; and one tensor for each state of each
            direction; and the cell state of every step, if `return_cell_states`.
        """
        scalars = {name: options.pop(name, None) for name in _SCALARS}
        outputs, final_state, cell_states, _ = self.function("")(
            *self._operands(directions, mask).arguments(),
            scalars=" ".join(
                f"{name}={float(value)!r}" for name, value in scalars.items() if value is not None
            ),
            keep_reserve=keep_reserve,
            **{name: value for name, value in options.items() if value is not None},
        )
        results = outputs, tuple(final_state)
        return (*results, cell_states) if options.get("return_cell_states") else results

    def _operands(self, directions: Sequence[Direction], mask: Any) -> Operands:
        absent = tf.zeros([0], directions[0].kernel.dtype)
        no_seed = tf.zeros([0], tf.int64)
        operands = Operands(*([] for _ in dataclasses.fields(Operands)))
        operands.mask = tf.zeros([0], tf.bool) if mask is None else mask
        for own in directions:
            recurrent_kernel, vectors = own.recurrent_kernel, own.peephole
            if self.diagonal:
                recurrent_kernel, vectors = absent, recurrent_kernel[tf.newaxis]
            operands.x.append(own.inputs)
            operands.initial_state += own.initial_state
            operands.kernel.append(own.kernel)
            operands.recurrent_kernel.append(recurrent_kernel)
            operands.seed.append(no_seed if own.seed is None else tf.cast(own.seed, tf.int64))
            optional = {
                "bias": own.bias,
                "input_dropout": own.input_dropout_mask,
                "recurrent_dropout": own.recurrent_dropout_mask,
                "state_dropout": own.state_dropout_mask,
                "vectors": vectors,
                "layer_norm": own.layer_norm,
                "projection": own.projection,
            }
            for name, tensor in optional.items():
                getattr(operands, name).append(absent if tensor is None else tensor)
        return operands

    def function(self, suffix: str) -> Callable[..., Any]:
        """The generated function of one op: TfrnnLstmGrad is `ops.tfrnn_lstm_grad`."""
        return getattr(ops, re.sub(r"(?<!^)(?=[A-Z])", "_", self.op + suffix).lower())

    def attributes_of(self, op: Any) -> Mapping[str, Any]:
        """The attributes that all ops of the cell share."""
        return {name: op.get_attr(name) for name in self.attributes}

    def _gradient(self, op: Any, doutputs: Any, *upstream: Any) -> list[Any]:
        """The gradients of the forward op's inputs, in their order."""
        operands, _ = Operands.split(op.inputs, op)
        attributes = self.attributes_of(op)
        if op.get_attr("keep_reserve"):
            outputs, *_, reserve_space = op.outputs
        else:
            outputs, *_, reserve_space = self.function("")(
                *operands.arguments(), keep_reserve=True, **attributes
            )
        *dfinal_state, dcell_states, _ = upstream
        given = (*operands.arguments(), doutputs, dfinal_state, dcell_states, outputs)
        if attributes["recompute"]:
            found = self._all_at_once(op, operands, given, reserve_space, attributes)
        else:
            found = self._step_by_step(op, operands, given, reserve_space, attributes)
        if operands.has("bias") and operands.has("layer_norm"):
            found["bias"] = list(map(_offsets, found["layer_norm"], operands.bias))
        gradients: list[Any] = [None] * len(op.inputs)
        for name, results in found.items():
            if operands.has(name):
                places = operands.places(name)
                gradients[places.start : places.stop] = results
        return gradients

    def _step_by_step(
        self, op: Any, operands: Operands, given: Any, reserve_space: Any, attributes: Any
    ) -> dict[str, Any]:
        """The gradients of the operands that are wanted, by their names."""
        *found, dgates = self.function("Grad")(*given, reserve_space, **attributes)
        gradients = dict(zip(("initial_state", "vectors", "layer_norm"), found, strict=True))
        unused = unused_gradients(op)
        if not unused.issuperset(operands.places("x")) and operands.x[0].dtype.is_floating:
            gradients["x"] = self.function("GradInput")(*given, dgates, **attributes)
        if not unused.issuperset(place for name in _WEIGHTS for place in operands.places(name)):
            found = self.function("GradWeights")(*given, dgates, **attributes)
            gradients.update(zip(_WEIGHTS, found, strict=True))
        return gradients

    def _all_at_once(
        self, op: Any, operands: Operands, given: Any, reserve_space: Any, attributes: Any
    ) -> dict[str, Any]:
        """All gradients of a call that kept only some states: segments cannot be pruned."""
        names = ("initial_state", "vectors", "layer_norm", "x", *_WEIGHTS)
        skips = unused_gradients(op).issuperset(operands.places("x"))
        skips = skips or operands.x[0].dtype.is_integer
        results = self.function("GradRecompute")(
            *given, reserve_space, skip_input=skips, **attributes
        )
        found = dict(zip(names, results, strict=True))
        if skips:
            del found["x"]
        return found


def _offsets(dlayer_norm: Any, bias: Any) -> Any:
    """The gradient of a bias that is added to normalised sums: that of their offsets."""
    size = tf.size(bias)
    return tf.reshape(dlayer_norm[1, :size], tf.shape(bias))
