"""Which path a call takes, the fused op or plain TensorFlow ops, and why."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import keras
import tensorflow as tf

from tfrnn_ops import _gpu, _tensorflow
from tfrnn_ops._cells import Cell
from tfrnn_ops.options import Options

Path = Literal["fused", "reference"]

_reference_forced = contextvars.ContextVar("tfrnn_ops_reference_forced", default=False)


def _place() -> tuple[str, ...] | None:
    """What a path depends on besides the call, for `tf.function` to trace it anew elsewhere."""
    found: tuple[str, ...] = ("tfrnn_ops.use_reference",) if _reference_forced.get() else ()
    if _tensorflow.has_gpu() and (device := _tensorflow.device_asked_for()) is not None:
        found += (device,)
    return found or None


_tensorflow.key_traces(_place)


class ReferencePathWarning(UserWarning):
    """A layer or function left the fused op for the slower reference path."""


@contextlib.contextmanager
def use_reference() -> Iterator[None]:
    """Sends every call inside the block to the reference path, without a warning.

    For comparing the two paths, and for graphs that are to hold TensorFlow's own ops only;
    `tfrnn_ops.export` makes a SavedModel of these. A `tf.function` has a trace for each path: one
    that has run before is traced again in here, and what is traced in here stays here. Only a
    `tf.types.experimental.ConcreteFunction` keeps the path that it has.

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
        options: its options.
        training: whether dropout is in force, and zoneout draws.
        dropout: the rate of dropout on the inputs, with one mask for all steps.
        recurrent_dropout: likewise, on the recurrent state.
        dropout_per_gate: whether every gate draws its own masks of these two.
        drop_connect: the rate of dropout on the recurrent kernel.
        unroll: whether a loop, if there is one, is to be Python's.
        state_dropout: whether the state that each step starts from has factors.
    """

    cell: Cell
    options: Options
    training: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    dropout_per_gate: bool = False
    drop_connect: float = 0.0
    unroll: bool = False
    state_dropout: bool = False

    def drops(self, rate: float) -> bool:
        """Whether dropout of this rate, with one mask for all steps, does anything in this call."""
        return self.training and (0.0 < rate < 1.0 or (rate == 1.0 and self.cell.full_dropout))

    @property
    def drawing(self) -> tuple[str, ...]:
        """The options that draw random numbers at every step of this call."""
        names = ("recurrent_dropout", "zoneout", "cell_zoneout") if self.training else ()
        return tuple(name for name in names if self.options.is_on(name))

    @property
    def in_force(self) -> tuple[str, ...]:
        """The cell's options, besides activations and variants, that change what is computed."""
        idle = ("reset_after", *self.cell.activations)
        if not self.training:
            idle += ("recurrent_dropout",)
        return tuple(n for n in self.cell.options if n not in idle and self.options.is_on(n))

    @property
    def gpu_features(self) -> tuple[str, ...]:
        """What the call asks for, as `_core.gpu_features()` names it."""
        asked = set(self.in_force)
        plain = dict(zip(self.cell.activations, ("tanh", "sigmoid"), strict=False))
        found = {
            "projection": "projection" in asked,
            "layer_norm": "layer_norm" in asked,
            "vectors": "peephole" in asked or self.cell.diagonal,
            "activations": any(
                activation_name(getattr(self.options, name)) != usual
                for name, usual in plain.items()
            ),
            "cell_clip": "cell_clip" in asked,
            "cell_states": "return_cell_states" in asked,
            "per_gate_dropout": self.dropout_per_gate and self.drops(self.recurrent_dropout),
            "state_dropout": self.state_dropout,
        }
        return tuple(name for name, is_asked in found.items() if is_asked)


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
            on a GPU, in code that XLA is to compile, or inside `use_reference`.
    """
    served: dict[str, tuple[str, str]] = {}  # how each option is, and where
    reasons: list[str] = []

    def serve(option: str, how: str, where: str = "", *, fused: bool = True) -> None:
        served[option] = how, where
        if not fused:
            reasons.append(f"{option}: {how}")

    cell = request.cell
    if cell.fused is None:
        reasons.append(f"cell: there is no fused op for {cell.name}")

    def serve_inside(option: str, how: str, *, fused: bool = True) -> None:
        if fused or cell.fused is None:
            serve(option, how, "inside")
        else:
            serve(option, f"{how}, which the fused op does not have", fused=False)

    for name in cell.activations:
        asked, known = activation_name(getattr(request.options, name)), cell.options[name]
        assert isinstance(known, tuple)
        if cell.fused and asked not in known and len(known) == 1:
            serve(name, f"the fused op has {known[0]} only, not {asked}", fused=False)
        else:
            serve_inside(name, asked, fused=asked in known)

    if not request.drops(request.dropout):
        serve("dropout", _idle(request, request.dropout))
    elif request.dropout_per_gate:
        serve_inside("dropout", f"{request.dropout}, a mask for every gate")
    else:
        serve("dropout", f"{request.dropout}, applied to the inputs", "before")

    if not request.drops(request.recurrent_dropout):
        rate = request.recurrent_dropout or request.options.recurrent_dropout
        serve("recurrent_dropout", _idle(request, rate))
    elif cell.carries_h and not request.dropout_per_gate:
        how = "this Keras draws one mask, which drops the state carried past the weights too"
        serve("recurrent_dropout", how, fused=False)
    else:
        serve_inside("recurrent_dropout", f"{request.recurrent_dropout}")

    for name in request.in_force:
        value = getattr(request.options, name)
        how = "asked for" if value is True else f"{value}"
        if name == "recurrent_dropout":
            how += " anew at every step"
        elif name in ("zoneout", "cell_zoneout") and not request.training:
            how += " as its expectation"
        serve_inside(name, how, fused=bool(cell.options[name]))

    if request.drop_connect:
        if request.training:
            how = f"{request.drop_connect}, applied to the recurrent kernel"
            serve("drop_connect", how, "before")
        else:
            serve("drop_connect", _idle(request, request.drop_connect))

    if request.unroll:
        serve("unroll", "asked for", "loop")
    else:
        serve("unroll", "not asked for")

    def decided(*, asked_for: bool = False) -> Decision:
        path: Path = "reference" if reasons else "fused"
        places = _PLACES[path]
        options = {name: f"{how}{places[where]}" for name, (how, where) in served.items()}
        return Decision(path, tuple(reasons), options, asked_for)

    if anywhere:
        return decided()
    if _tensorflow.is_in_xla():
        reasons.append("XLA: the call is compiled by XLA, which cannot hold the fused op")
    if cell.fused is not None and _gpu.has_op(cell.fused.op):
        missing = _gpu.obstacle()
        if missing:
            reasons.append(f"GPU: {missing}")
    asked_for = _reference_forced.get()
    if asked_for:
        reasons.append("use_reference: the call is made inside tfrnn_ops.use_reference()")
    return decided(asked_for=asked_for)


# Where an option is served, on each path.
_PLACES: dict[Path, dict[str, str]] = {
    "fused": {
        "": "",
        "inside": ", in the fused op",
        "before": " before the op",
        "loop": ", a hint for loops; the fused op has none",
    },
    "reference": {
        "": "",
        "inside": ", in the loop of TensorFlow ops",
        "before": " before the loop",
        "loop": ", a Python loop",
    },
}


def _idle(request: Request, rate: float) -> str:
    if not rate:
        return "none"
    if request.training:
        return f"{rate}, which Keras takes for none"
    return f"{rate}, not in force without training"


def activation_name(activation: Any) -> str:
    """The name of an activation given as a name, a function or None.

    It is one of the names that Keras gives the usual activations only if it is that function, with
    Keras's constants; a function of one's own that is called so is "another" one.
    """
    function = keras.activations.get(activation)
    if function in _KNOWN:
        return _KNOWN[function]
    name = getattr(function, "__name__", type(function).__name__)
    return f"another {name}" if name in _KNOWN.values() else name


def _known_activations() -> dict[Any, str]:
    names = (
        *("tanh", "sigmoid", "hard_sigmoid", "relu", "relu6", "elu", "selu", "softplus"),
        *("softsign", "linear", "silu", "gelu"),
    )
    modules = (keras.activations, keras.ops, tf, tf.nn)
    known = {
        getattr(module, name): name for name in names for module in modules if hasattr(module, name)
    }
    del known[keras.ops.gelu]  # by default the approximation by tanh
    return known


_KNOWN = _known_activations()


def keeps_reserve(training: bool) -> bool:
    """Whether a call made here should keep what its gradient needs.

    In eager mode a tape tells. A graph may be differentiated after it has been traced, so there
    `training` counts too. Either way a wrong guess costs time or memory, never a wrong gradient.
    """
    if _tensorflow.is_recording():
        return True
    return training and not tf.executing_eagerly()
