"""Derivatives of the gradient, by replaying a call on the reference path.

The ops of the gradient take all operands of the forward op and the gradients of its results, so
each is a function of these alone: the vector-Jacobian product of the reference. Its derivative is
that product's, which TensorFlow takes. It also serves forward mode, which TensorFlow derives from
the derivative of a gradient.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfrnn_ops.fused.operands import Operands

if TYPE_CHECKING:
    from tfrnn_ops.fused.common import FusedOp

_WEIGHTS = ("kernel", "recurrent_kernel", "bias", "projection")
_DIFFERENTIABLE = ("x", *_WEIGHTS, "vectors", "layer_norm")


def second_gradient(fused: FusedOp, suffix: str, op: Any, upstream: Sequence[Any]) -> list[Any]:
    """The gradients of the inputs of an op of the gradient.

    Args:
        fused: the op whose gradient it belongs to.
        suffix: which it is: "Grad", "GradInput", "GradWeights" or "GradRecompute".
        op: the operation.
        upstream: the gradients of its results.
    """
    states = op.get_attr("states")
    operands, others = Operands.split(op.inputs, states)
    doutputs = others[: states + 2]  # of the outputs, the states and the cell states
    present = [name for name in _DIFFERENTIABLE if operands.has(name)]
    values = [getattr(operands, name) for name in present]
    with tf.GradientTape() as outer:
        outer.watch([values, operands.initial_state, doutputs])
        with tf.GradientTape() as inner:
            inner.watch([values, operands.initial_state])
            results = _replay(fused, op, operands)
        of_states, names = _results_of(suffix)
        targets = [getattr(operands, name) for name in names if name in present]
        upstream_of_names = upstream[states:] if of_states else upstream
        weights = [d for name, d in zip(names, upstream_of_names, strict=False) if name in present]
        if of_states:
            targets = [*operands.initial_state, *targets]
            weights = [*upstream[:states], *weights]
        if operands.has("layer_norm") and operands.has("bias"):  # that of the offsets
            kept = [i for i, target in enumerate(targets) if target is not operands.bias]
            targets, weights = [targets[i] for i in kept], [weights[i] for i in kept]
        first = inner.gradient(
            results,
            targets,
            output_gradients=doutputs[: len(results)],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
    gradient = operands.like(None)
    found = outer.gradient(
        first, [values, operands.initial_state, doutputs], output_gradients=weights
    )
    for name, value in zip(present, found[0], strict=True):
        setattr(gradient, name, value)
    gradient.initial_state = found[1]
    return [*gradient.flat(), *found[2], None, None]


def _results_of(suffix: str) -> tuple[bool, tuple[str, ...]]:
    """Whether an op gives gradients of the initial states, and of which operands."""
    if suffix == "Grad":
        return True, ("vectors", "layer_norm")
    if suffix == "GradInput":
        return False, ("x",)
    if suffix == "GradRecompute":
        return True, ("vectors", "layer_norm", "x", *_WEIGHTS)
    return False, _WEIGHTS


def _replay(fused: FusedOp, op: Any, operands: Operands) -> list[Any]:
    """The results of the forward op that can be differentiated, by the reference."""

    def optional(name: str) -> Any:
        return getattr(operands, name) if operands.has(name) else None

    def per_gate(name: str) -> Any:
        return tf.unstack(getattr(operands, name)) if operands.has(name) else None

    attributes = dict(fused.attributes_of(op))
    for word in attributes.pop("scalars").decode().split():
        name, value = word.split("=")
        attributes[name] = float(value)
    for name in ("activation", "recurrent_activation"):
        attributes[name] = attributes[name].decode()
    attributes["recompute"] = attributes["recompute"] or None
    vectors = optional("vectors")
    recurrent_kernel = operands.recurrent_kernel
    if fused.diagonal:
        recurrent_kernel, vectors = vectors[0], None
    options = {
        **attributes,
        "mask": optional("mask"),
        "input_dropout_mask": per_gate("input_dropout"),
        "recurrent_dropout_mask": per_gate("recurrent_dropout"),
        "peephole": vectors,
        "layer_norm": optional("layer_norm"),
        "projection": optional("projection"),
        "seed": optional("seed"),
    }
    known = inspect.signature(fused.reference).parameters
    outputs, final_state, *cell_states = fused.reference(
        operands.x,
        operands.initial_state,
        operands.kernel,
        recurrent_kernel,
        optional("bias"),
        **{name: value for name, value in options.items() if name in known},
    )
    return [outputs, *tf.nest.flatten(final_state), *cell_states]
