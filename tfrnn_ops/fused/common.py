"""What every fused cell shares: calling the op, and its gradient."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfrnn_ops._library import ops


class FusedOp:
    """A forward op and the gradient registered for it.

    The gradient is three ops, so that work whose result nobody uses is not done: the recurrence
    backwards, which leaves every gate's gradient in an opaque tensor, then the gradient of the
    inputs and that of the weights, both made from it.

    Args:
        op: the forward op's name, such as "TfrnnLstm"; those of its gradient begin with it.
        attributes: the names of attributes that only this cell has.
    """

    def __init__(self, op: str, attributes: Sequence[str] = ()):
        self.op = op
        self._attributes = ("time_major", "go_backwards", *attributes)
        tf.RegisterGradient(op)(self._gradient)
        for suffix in ("Grad", "GradInput", "GradWeights"):
            tf.RegisterGradient(op + suffix)(_refuse_second_gradient)

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
        zero_output_for_mask: bool,
        keep_reserve: bool,
        **attributes: bool,
    ) -> tuple[Any, tuple[Any, ...]]:
        """Runs the forward op.

        Args:
            inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`.
            initial_state: one `[batch, units]` for each state.
            kernel: `[features, gates * units]`.
            recurrent_kernel: `[units, gates * units]`.
            bias: the cell's bias, or None.
            mask: boolean, the first two axes of `inputs`; or None.
            input_dropout_mask: `[gates, batch, features]`, factors of the inputs in the product
                with each gate's weights, the same at every step; or None. It has no gradient.
            recurrent_dropout_mask: `[gates, batch, units]`, likewise for the recurrent operand.
            zero_output_for_mask: whether masked steps put out zeros, not the previous output.
            keep_reserve: whether to keep what the gradient needs. Without it a gradient is still
                right, but runs the forward op a second time.
            **attributes: the op's other attributes.

        Returns:
            `(outputs, final_state)`: laid out as `inputs`, and one tensor for each state.
        """
        absent = tf.zeros([0], inputs.dtype)
        outputs, *final_state, _ = self._forward(
            inputs,
            *initial_state,
            kernel,
            recurrent_kernel,
            absent if bias is None else bias,
            tf.zeros([0], tf.bool) if mask is None else mask,
            absent if input_dropout_mask is None else input_dropout_mask,
            absent if recurrent_dropout_mask is None else recurrent_dropout_mask,
            zero_output_for_mask=zero_output_for_mask,
            keep_reserve=keep_reserve,
            **attributes,
        )
        return outputs, tuple(final_state)

    @property
    def _forward(self) -> Callable[..., Any]:
        return self._function("")

    def _function(self, suffix: str) -> Callable[..., Any]:
        """The generated function of one op: TfrnnLstmGrad is `ops.tfrnn_lstm_grad`."""
        return getattr(ops, re.sub(r"(?<!^)(?=[A-Z])", "_", self.op + suffix).lower())

    def _gradient(self, op: Any, doutputs: Any, *dfinal_state_and_reserve: Any) -> list[Any]:
        """The gradients of the forward op's inputs, in their order."""
        x, *initial_state, kernel, recurrent_kernel, bias, mask, drop_x, drop_h = op.inputs
        attributes = {name: op.get_attr(name) for name in self._attributes}
        zeros = {"zero_output_for_mask": op.get_attr("zero_output_for_mask")}
        if op.get_attr("keep_reserve"):
            results = op.outputs
        else:
            results = self._forward(*op.inputs, keep_reserve=True, **zeros, **attributes)
        outputs, *_, reserve_space = results

        *dinitial_state, dgates = self._function("Grad")(
            *initial_state,
            recurrent_kernel,
            mask,
            drop_h,
            outputs,
            reserve_space,
            doutputs,
            *dfinal_state_and_reserve[:-1],
            **zeros,
            **attributes,
        )
        unused = _unused_gradients(op)
        first_weight = 1 + len(initial_state)
        dx = None
        if 0 not in unused:
            dx = self._function("GradInput")(x, kernel, mask, drop_x, dgates, **attributes)
        dweights: Sequence[Any] = [None, None, None]
        if not unused.issuperset(range(first_weight, first_weight + len(dweights))):
            dweights = self._function("GradWeights")(
                x, initial_state[0], mask, drop_x, drop_h, outputs, dgates, bias, **attributes
            )
        return [dx, *dinitial_state, *dweights, None, None, None]


def _unused_gradients(op: Any) -> set[int]:
    """The inputs whose gradient eager mode does not need; a graph prunes on its own."""
    try:
        return set(op.skip_input_indices or ())
    except AttributeError:  # a graph's operation
        return set()


def _refuse_second_gradient(op: Any, *_: Any) -> list[Any]:
    raise NotImplementedError(
        f"{op.type} has no gradient yet: the fused ops can be differentiated once, in reverse "
        "mode. For second-order gradients and forward mode use tfrnn_ops.reference, or run the "
        "layer inside `with tfrnn_ops.use_reference():`."
    )
