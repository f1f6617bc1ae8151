"""Derivatives of the gradient, by replaying a call on the reference path.

The ops of the gradient take all operands of the forward op and the gradients of its results, so
each is a function of these alone: the vector-Jacobian product of the reference. Its derivative is
that product's, which TensorFlow takes. It also serves forward mode, which TensorFlow derives from
the derivative of a gradient.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfrnn_ops.fused.operands import Operands, unused_gradients
from tfrnn_ops.reference.common import static_size

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
    given = list(op.inputs[:-2])  # not the saved outputs and dgates
    operands, doutputs = Operands.split(given, op)
    # A tape tells what it does not need, which saves most of the work: forward mode needs only
    # the derivative by doutputs, in which the product is linear.
    names = ("x", "initial_state", *(name for name in _WEIGHTS if operands.has(name)))
    present = [place for name in names for place in operands.places(name)]
    after = range(len(given) - len(doutputs), len(given))
    unused = unused_gradients(op)
    places = [i for i in (*present, *after) if i not in unused and given[i].dtype.is_floating]

    def differentiate(given: list[Any], upstream: list[Any]) -> list[Any]:
        # Copies, as one tensor may have been given twice: for both states, or for two weights.
        inputs = [tf.identity(tensor) for tensor in given]
        sources = [inputs[i] for i in places]
        operands, doutputs = Operands.split(inputs, op)
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
        return outer.gradient(first, sources, output_gradients=weights)

    if not (tf.executing_eagerly() or tf.compat.v1.control_flow_v2_enabled()):
        # A tape does not see the loops of TF1, and finds no gradient; in a function there are none.
        traced = tf.function(differentiate, autograph=False)
        differentiate = traced.get_concrete_function(given, list(upstream))
    gradients: list[Any] = [None] * len(op.inputs)
    for place, value in zip(places, differentiate(given, list(upstream)), strict=True):
        gradients[place] = value
    return gradients


def _results_of(
    suffix: str, op: Any, operands: Operands, upstream: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """The operands whose gradients an op of the gradient computes, and the gradients of those."""
    names: tuple[str, ...] = ("x",) if suffix == "GradInput" else _MATRICES
    if suffix in ("Grad", "GradRecompute"):
        names = ("initial_state", "vectors", "layer_norm")
    if suffix == "GradRecompute":
        names += ("x", *_MATRICES)
    targets: list[Any] = []
    weights: list[Any] = []
    given = iter(upstream)
    for name in names:
        of_offsets = name == "bias" and operands.has("layer_norm")  # its gradient is that of these
        skipped = name == "x" and suffix == "GradRecompute" and op.get_attr("skip_input")
        own = getattr(operands, name)
        own_weights = list(itertools.islice(given, len(own)))
        if operands.has(name) and not of_offsets and not skipped:
            targets += own
            weights += own_weights
    return targets, weights


def _replay(fused: FusedOp, op: Any, operands: Operands) -> list[Any]:
    """The results of the forward op that can be differentiated, by the reference."""
    attributes = dict(fused.attributes_of(op))
    for word in attributes.pop("scalars").decode().split():
        name, value = word.split("=")
        attributes[name] = float(value)
    for name in ("activation", "recurrent_activation"):
        attributes[name] = attributes[name].decode()
    batch = static_size(operands.x[0], 1 if attributes["time_major"] else 0)
    if not attributes["recompute"] or not (tf.executing_eagerly() or batch is not None):
        # TensorFlow fails to differentiate a loop of loops twice in a graph without that size.
        attributes["recompute"] = None
    outputs, states, others = [], [], []
    for direction in range(operands.directions):
        found, final_state, *others = _replay_direction(fused, operands, direction, attributes)
        if direction > 0:
            found = tf.reverse(found, [0 if attributes["time_major"] else 1])
        outputs.append(found)
        states += tf.nest.flatten(final_state)
    return [tf.concat(outputs, -1) if len(outputs) > 1 else outputs[0], *states, *others]


def _replay_direction(
    fused: FusedOp, operands: Operands, direction: int, attributes: dict[str, Any]
) -> Any:
    """What the reference returns for one direction."""

    def optional(name: str) -> Any:
        return getattr(operands, name)[direction] if operands.has(name) else None

    def per_gate(name: str) -> Any:
        if not operands.has(name):
            return None
        factors = tf.unstack(getattr(operands, name)[direction])
        return factors if len(factors) > 1 else factors * fused.gates  # one serves all

    vectors = optional("vectors")
    recurrent_kernel = operands.recurrent_kernel[direction]
    if fused.diagonal:
        recurrent_kernel, vectors = vectors[0], None
    options = {
        **attributes,
        "go_backwards": attributes["go_backwards"] != (direction > 0),
        "mask": operands.mask if operands.has("mask") else None,
        "input_dropout_mask": per_gate("input_dropout"),
        "recurrent_dropout_mask": per_gate("recurrent_dropout"),
        "state_dropout_mask": optional("state_dropout"),
        "peephole": vectors,
        "layer_norm": optional("layer_norm"),
        "projection": optional("projection"),
        "seed": optional("seed"),
    }
    known = inspect.signature(fused.reference).parameters
    states = len(operands.initial_state) // operands.directions
    return fused.reference(
        operands.x[direction],
        operands.initial_state[direction * states : (direction + 1) * states],
        operands.kernel[direction],
        recurrent_kernel,
        optional("bias"),
        **{name: value for name, value in options.items() if name in known},
    )
