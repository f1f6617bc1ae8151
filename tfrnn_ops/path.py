"""Which path a call takes, the fused op or plain TensorFlow ops, and why."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import keras
import tensorflow as tf

from tfrnn_ops import _tensorflow
from tfrnn_ops._cells import Cell

Path = Literal["fused", "reference"]

_reference_forced = contextvars.ContextVar("tfrnn_ops_reference_forced", default=False)


class ReferencePathWarning(UserWarning):
    """A layer or function left the fused op for the slower reference path."""


@contextlib.contextmanager
def use_reference() -> Iterator[None]:
    """Sends every call inside the block to the reference path, without a warning.

    For what the fused op cannot do whatever the arguments, such as second-order gradients, and
    for comparing the two paths. A `tf.function` keeps the path that it was traced with.

    Example:
        >>> with tfrnn_ops.use_reference(), tf.GradientTape() as tape:
        ...     loss = tf.reduce_sum(layer(x))
    """
    token = _reference_forced.set(True)
    try:
        yield
    finally:
        _reference_forced.reset(token)


@dataclasses.dataclass(frozen=True)
class Request:
    """What decides the path of one call, besides where the call is made.

    Attributes:
        cell: the cell.
        activations: the activations asked for, by argument name.
        training: whether dropout is in force.
        dropout: the rate of dropout on the inputs.
        recurrent_dropout: the rate of dropout on the recurrent state.
        dropout_per_gate: whether every gate draws its own masks.
        unroll: whether a Python loop is asked for.
    """

    cell: Cell
    activations: Mapping[str, Any]
    training: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    dropout_per_gate: bool = False
    unroll: bool = False

    def drops(self, rate: float) -> bool:
        """Whether dropout of this rate does anything in this call."""
        return self.training and (0.0 < rate < 1.0 or (rate == 1.0 and self.cell.full_dropout))


@dataclasses.dataclass(frozen=True)
class Decision:
    """The path of one call.

    Attributes:
        path: "fused" or "reference".
        reasons: why it is not fused; empty if it is.
        options: how every option is served, by its name.
        asked_for: whether the caller asked for the reference path by name.
    """

    path: Path
    reasons: tuple[str, ...]
    options: Mapping[str, str]
    asked_for: bool = False


def decide(request: Request, *, anywhere: bool = False) -> Decision:
    """Decides the path of a call.

    Args:
        request: what the call asks for.
        anywhere: whether to leave aside where the call is made. Otherwise it is made here: maybe
            in code that XLA is to compile, or inside `use_reference`.
    """
    options: dict[str, str] = {}
    reasons: list[str] = []

    def serve(option: str, how: str, *, fused: bool = True) -> None:
        options[option] = how
        if not fused:
            reasons.append(f"{option}: {how}")

    for name, fused_activation in request.cell.activations.items():
        asked = activation_name(request.activations[name])
        if asked == fused_activation:
            serve(name, f"{asked}, in the fused op")
        else:
            serve(name, f"the fused op has {fused_activation} only, not {asked}", fused=False)

    if not request.drops(request.dropout):
        serve("dropout", _idle(request, request.dropout))
    elif request.dropout_per_gate:
        serve("dropout", f"{request.dropout}, a mask for every gate, in the fused op")
    else:
        serve("dropout", f"{request.dropout}, applied to the inputs before the op")

    if not request.drops(request.recurrent_dropout):
        serve("recurrent_dropout", _idle(request, request.recurrent_dropout))
    elif request.cell.carries_h and not request.dropout_per_gate:
        how = "this Keras draws one mask, which drops the state carried past the weights too"
        serve("recurrent_dropout", how, fused=False)
    else:
        serve("recurrent_dropout", f"{request.recurrent_dropout}, in the fused op")

    if request.unroll:
        serve("unroll", "asks for a Python loop", fused=False)
    else:
        serve("unroll", "not asked for")

    if anywhere:
        return Decision("reference" if reasons else "fused", tuple(reasons), options)
    if _tensorflow.is_in_xla():
        reasons.append("XLA: the call is compiled by XLA, which cannot hold the fused op")
    asked_for = _reference_forced.get()
    if asked_for:
        reasons.append("use_reference: the call is made inside tfrnn_ops.use_reference()")
    return Decision("reference" if reasons else "fused", tuple(reasons), options, asked_for)


def _idle(request: Request, rate: float) -> str:
    if not rate:
        return "none"
    if request.training:
        return f"{rate}, which Keras takes for none"
    return f"{rate}, not in force without training"


def activation_name(activation: Any) -> str:
    """The name of an activation given as a name, a function or None; "tanh" only if it is tanh."""
    function = keras.activations.get(activation)
    for name in ("tanh", "sigmoid"):
        known = (getattr(keras.activations, name), getattr(keras.ops, name), getattr(tf, name))
        if function in known:
            return name
    name = getattr(function, "__name__", type(function).__name__)
    return f"another {name}" if name in ("tanh", "sigmoid") else name


def keeps_reserve(training: bool) -> bool:
    """Whether a call made here should keep what its gradient needs.

    In eager mode a tape tells. A graph may be differentiated after it has been traced, so there
    `training` counts too. Either way a wrong guess costs time or memory, never a wrong gradient.
    """
    if _tensorflow.is_recording():
        return True
    return training and not tf.executing_eagerly()
