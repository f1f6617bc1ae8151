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

from tfrnn_ops.fused.operands import Operands, unused_gradients

if TYPE_CHECKING:
    from tfrnn_ops.fused.common import FusedOp

_MATRICES = ("kernel", "recurrent_kernel", "bias", "projection")
_WEIGHTS = (*_MATRICES, "vectors", "layer_norm")


def second_gradient(fused: FusedOp, suffix: str, op: Any, upstream: Sequence[Any]) -> list[Any]:
    """The gradients of the inputs of an op of the gradient.

    Args:
        fused: the op whose gradient it belongs to.
        suffix: which it is: "Grad", "GradInput", "GradWeights" or "GradRecompute".
        op: the operation.
        upstream: the gradients of its results.
    """
    states = op.get_attr("states")
    # Copies, as one tensor may have been given twice: for both states, or for two weights.
    inputs = [tf.identity(tensor) for tensor in op.inputs[:-2]]  # not the saved outputs and dgates
    operands, doutputs = Operands.split(inputs, states)
    # A tape tells what it does not need, which saves most of the work: forward mode needs only
    # the derivative by doutputs, in which the product is linear.
    present = [operands.index(name) for name in _WEIGHTS if operands.has(name)]
    after = range(len(inputs) - len(doutputs), len(inputs))
    unused = unused_gradients(op)
    places = [i for i in (*range(1 + states), *present, *after) if i not in unused]
    sources = [inputs[i] for i in places]
    targets, weights = _results_of(suffix, op, operands, upstream)
    with tf.GradientTape() as outer:
        outer.watch(sources)
        with tf.GradientTape() as inner:
            inner.watch(targets)
            results = _replay(fused, op, operands)
        first = inner.gradient(
            results,
            targets,
            output_gradients=doutputs[: len(results)],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
    gradients: list[Any] = [None] * len(op.inputs)
    found = outer.gradient(first, sources, output_gradients=weights)
    for place, value in zip(places, found, strict=True):
        gradients[place] = value
    return gradients


def _results_of(
    suffix: str, op: Any, operands: Operands, upstream: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """The operands whose gradients an op of the gradient computes, and the gradients of those."""
    names: tuple[str, ...] = ("x",) if suffix == "GradInput" else _MATRICES
    targets: list[Any] = []
    if suffix in ("Grad", "GradRecompute"):
        targets = list(operands.initial_state)
        names = ("vectors", "layer_norm")
    if suffix == "GradRecompute":
        names += ("x", *_MATRICES)
    weights = list(upstream[: len(targets)])
    for name, weight in zip(names, upstream[len(targets) :], strict=False):
        of_offsets = name == "bias" and operands.has("layer_norm")  # its gradient is that of these
        skipped = name == "x" and suffix == "GradRecompute" and op.get_attr("skip_input")
        if operands.has(name) and not of_offsets and not skipped:
            targets.append(getattr(operands, name))
            weights.append(weight)
    return targets, weights


def _replay(fused: FusedOp, op: Any, operands: Operands) -> list[Any]:
    """The results of the forward op that can be differentiated, by the reference."""

    def optional(name: str) -> Any:
        return getattr(operands, name) if operands.has(name) else None

    def per_gate(name: str) -> Any:
        if not operands.has(name):
            return None
        factors = tf.unstack(getattr(operands, name))
        return factors if len(factors) > 1 else factors * fused.gates  # one serves all

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
