"""What every fused cell shares: calling the op, and its gradient."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

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
        self,
        inputs: Any,
        initial_state: Sequence[Any],
        kernel: Any,
        recurrent_kernel: Any,
        bias: Any,
        mask: Any,
        *,
        input_dropout_mask: Any = None,
        recurrent_dropout_mask: Any = None,
        peephole: Any = None,
        layer_norm: Any = None,
        projection: Any = None,
        seed: Any = None,
        keep_reserve: bool,
        **options: Any,
    ) -> tuple[Any, ...]:
        """Runs the forward op.

        Args:
            inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`.
            initial_state: one `[batch, units]` for each state; the first, as the outputs, is as
                wide as the `projection`, if there is one.
            kernel: `[features, gates * units]`.
            recurrent_kernel: `[units, gates * units]`, or `[units]` if the cell is diagonal.
            bias: the cell's bias, or None.
            mask: boolean, the first two axes of `inputs`; or None.
            input_dropout_mask: `[gates, batch, features]`, factors of the inputs in the product
                with each gate's weights, the same at every step; or None. It has no gradient.
            recurrent_dropout_mask: `[gates, batch, units]`, likewise for the recurrent operand; or
                `[1, batch, units]` if all gates have the same.
            peephole: `[3, units]`, or None.
            layer_norm: gains and offsets, `[2, columns]`, or None.
            projection: `[units, outputs]`, or None.
            seed: integers `[2]`, or None if nothing is drawn.
            keep_reserve: whether to keep what the gradient needs. Without it a gradient is still
                right, but runs the forward op a second time.
            **options: the other options by the functions' names; those left out are off.

        Returns:
            `(outputs, final_state)`: laid out as `inputs`, and one tensor for each state; and the
            cell state of every step, if `return_cell_states`.
        """
        dtype = inputs.dtype
        absent = tf.zeros([0], dtype)
        vectors = peephole
        if self.diagonal:
            recurrent_kernel, vectors = absent, recurrent_kernel[tf.newaxis]
        scalars = {name: options.pop(name, None) for name in _SCALARS}
        outputs, final_state, cell_states, _ = self.function("")(
            inputs,
            tuple(initial_state),
            kernel,
            recurrent_kernel,
            absent if bias is None else bias,
            tf.zeros([0], tf.bool) if mask is None else mask,
            absent if input_dropout_mask is None else input_dropout_mask,
            absent if recurrent_dropout_mask is None else recurrent_dropout_mask,
            absent if vectors is None else vectors,
            absent if layer_norm is None else layer_norm,
            absent if projection is None else projection,
            tf.zeros([0], tf.int64) if seed is None else tf.cast(seed, tf.int64),
            scalars=" ".join(
                f"{name}={float(value)!r}" for name, value in scalars.items() if value is not None
            ),
            keep_reserve=keep_reserve,
            **{name: value for name, value in options.items() if value is not None},
        )
        results = outputs, tuple(final_state)
        return (*results, cell_states) if options.get("return_cell_states") else results

    def function(self, suffix: str) -> Callable[..., Any]:
        """The generated function of one op: TfrnnLstmGrad is `ops.tfrnn_lstm_grad`."""
        return getattr(ops, re.sub(r"(?<!^)(?=[A-Z])", "_", self.op + suffix).lower())

    def attributes_of(self, op: Any) -> Mapping[str, Any]:
        """The attributes that all ops of the cell share."""
        return {name: op.get_attr(name) for name in self.attributes}

    def _gradient(self, op: Any, doutputs: Any, *upstream: Any) -> list[Any]:
        """The gradients of the forward op's inputs, in their order."""
        operands, _ = Operands.split(op.inputs)
        attributes = self.attributes_of(op)
        if op.get_attr("keep_reserve"):
            outputs, *_, reserve_space = op.outputs
        else:
            outputs, *_, reserve_space = self.function("")(
                *operands.arguments(), keep_reserve=True, **attributes
            )
        *dfinal_state, dcell_states, _ = upstream
        given = (*operands.arguments(), doutputs, dfinal_state, dcell_states, outputs)
        gradient = operands.like(None)
        if attributes["recompute"]:
            found = self._all_at_once(op, given, reserve_space, attributes)
        else:
            found = self._step_by_step(op, operands, given, reserve_space, attributes)
        for name, result in found.items():
            if name in ("x", "initial_state") or operands.has(name):
                setattr(gradient, name, result)
        if operands.has("bias") and operands.has("layer_norm"):
            gradient.bias = _offsets(gradient.layer_norm, operands.bias)
        return gradient.flat()

    def _step_by_step(
        self, op: Any, operands: Operands, given: Any, reserve_space: Any, attributes: Any
    ) -> dict[str, Any]:
        """The gradients of the operands that are wanted, by their names."""
        *found, dgates = self.function("Grad")(*given, reserve_space, **attributes)
        gradients = dict(zip(("initial_state", "vectors", "layer_norm"), found, strict=True))
        unused = unused_gradients(op)
        if 0 not in unused:
            gradients["x"] = self.function("GradInput")(*given, dgates, **attributes)
        if not unused.issuperset(operands.index(name) for name in _WEIGHTS):
            found = self.function("GradWeights")(*given, dgates, **attributes)
            gradients.update(zip(_WEIGHTS, found, strict=True))
        return gradients

    def _all_at_once(
        self, op: Any, given: Any, reserve_space: Any, attributes: Any
    ) -> dict[str, Any]:
        """All gradients of a call that kept only some states: segments cannot be pruned."""
        names = ("initial_state", "vectors", "layer_norm", "x", *_WEIGHTS)
        skips = 0 in unused_gradients(op)
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
