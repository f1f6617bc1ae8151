"""The options of the cells, checked: what functions, layers, paths and explanations share."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

# Activations that the gates cannot use, and why.
_REFUSED_ACTIVATIONS = {
    "crelu": "doubles the width of what it is given",
    "glu": "halves the width of what it is given",
}
_LARGEST = 2**31 - 1  # of an int32


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharedOptions:
    """The options that a function and the constructor of a layer name alike.

    Attributes:
        zoneout: how often a unit of `h` keeps its previous value.
        cell_zoneout: likewise, of `c`.
        peephole: whether the gates see the cell state.
        layer_norm: whether the products and the cell state are normalised.
        layer_norm_epsilon: what is added to the variance there.
        layer_norm_carry: whether the normalised cell state is the one carried to the next step.
        cell_clip: the largest magnitude of the cell state, or None.
        projection_clip: the largest magnitude of the projected output, or None.
        recompute: how many steps lie between the states kept for the gradient, which makes the
            others again; None to keep all.
    """

    zoneout: float = 0.0
    cell_zoneout: float = 0.0
    peephole: bool = False
    layer_norm: bool = False
    layer_norm_epsilon: float = 1e-3
    layer_norm_carry: bool = False
    cell_clip: float | None = None
    projection_clip: float | None = None
    recompute: int | None = None

    def __post_init__(self) -> None:
        for name in ("zoneout", "cell_zoneout"):
            check_rate(name, getattr(self, name))
        for name in ("peephole", "layer_norm", "layer_norm_carry"):
            check_bool(name, getattr(self, name))
        for name in ("cell_clip", "projection_clip"):
            clip = getattr(self, name)
            if clip is not None:
                _check_positive(name, clip, "a finite number above 0, or None")
        _check_positive("layer_norm_epsilon", self.layer_norm_epsilon, "a finite number above 0")
        if self.recompute is not None:
            check_positive_int("recompute", self.recompute, "a number of steps above 0, or None")
        if self.layer_norm_carry and not self.layer_norm:
            raise ValueError(
                "layer_norm_carry is True, but without layer_norm there is no normalised cell "
                "state to carry; expected False"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(SharedOptions):
    """The options of one call of a cell, besides tensors and layout.

    Attributes:
        activation: a callable, the name of a Keras activation, or None for the identity.
        recurrent_activation: likewise, for the gates.
        reset_after: whether a GRU's reset gate acts after the product.
        recurrent_dropout: the rate at which `h` is dropped anew in every step's product.
        projection: whether the output is projected.
        return_cell_states: whether the cell state of every step is asked for.
    """

    activation: Any = "tanh"
    recurrent_activation: Any = "sigmoid"
    reset_after: bool = True
    recurrent_dropout: float = 0.0
    projection: bool = False
    return_cell_states: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate("recurrent_dropout", self.recurrent_dropout)
        check_bool("return_cell_states", self.return_cell_states)
        check_activations([self.activation, self.recurrent_activation])
        if self.projection_clip is not None and not self.projection:
            raise ValueError(
                f"projection_clip is {self.projection_clip!r}, but there is no projection to clip "
                "(projection, or projection_units of a layer); expected None"
            )

    def is_on(self, name: str) -> bool:
        """Whether the option called `name` has another value than its default."""
        return getattr(self, name) != _DEFAULTS[name]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerOptions(SharedOptions):
    """The constructor arguments of a layer or cell of this package besides Keras's.

    Attributes:
        recurrent_dropout_per_step: whether `recurrent_dropout` draws a new mask at every step.
        drop_connect: the rate at which elements of the recurrent kernel are dropped, in training.
        projection_units: the width that the output is projected to, or None.
    """

    recurrent_dropout_per_step: bool = False
    drop_connect: float = 0.0
    projection_units: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bool("recurrent_dropout_per_step", self.recurrent_dropout_per_step)
        check_rate("drop_connect", self.drop_connect)
        if self.projection_units is not None:
            check_positive_int(
                "projection_units", self.projection_units, "a width above 0, or None"
            )

    @classmethod
    def take(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        """Takes the arguments that are no business of Keras's out of `arguments`."""
        names = [field.name for field in dataclasses.fields(cls)]
        return {name: arguments.pop(name) for name in names if name in arguments}

    def options(self, cell: Any, return_cell_states: bool = False) -> Options:
        """The options of a call of a Keras cell that has these."""
        shared = {name: getattr(self, name) for name in _SHARED}
        return Options(
            **shared,
            activation=cell.activation,
            recurrent_activation=getattr(cell, "recurrent_activation", "sigmoid"),
            reset_after=getattr(cell, "reset_after", True),
            recurrent_dropout=cell.recurrent_dropout if self.recurrent_dropout_per_step else 0.0,
            projection=self.projection_units is not None,
            return_cell_states=return_cell_states,
        )


_SHARED = [f.name for f in dataclasses.fields(SharedOptions)]
_DEFAULTS = {f.name: f.default for f in dataclasses.fields(Options)}
LAYER_DEFAULTS: Mapping[str, Any] = {f.name: f.default for f in dataclasses.fields(LayerOptions)}


def check_activations(activations: Iterable[Any]) -> None:
    """Refuses activations that change the width of what they are given.

    Raises:
        ValueError: one is such an activation, by its name or as a function.
    """
    for activation in activations:
        name = activation
        if getattr(activation, "__module__", "").split(".")[0] in ("keras", "tensorflow"):
            name = getattr(activation, "__name__", "").removesuffix("_v2")  # as TensorFlow has it
        if isinstance(name, str) and name in _REFUSED_ACTIVATIONS:
            raise ValueError(
                f"activation {name} {_REFUSED_ACTIVATIONS[name]}, so that gates and states would "
                "not fit each other; expected one that keeps the width, such as relu"
            )


def check_rate(name: str, rate: Any) -> None:
    """Refuses a rate outside [0, 1)."""
    if not (_is_number(rate) and 0 <= rate < 1):
        raise ValueError(f"{name} is {rate!r}; expected a rate of at least 0 and below 1")


def check_bool(name: str, value: Any) -> None:
    """Refuses what is not a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; expected a bool")


def check_positive_int(name: str, value: Any, expected: str) -> None:
    """Refuses what is not an integer above 0 that the ops can hold."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value <= 0:
        raise ValueError(f"{name} is {value!r}; expected {expected}")
    if int(value) > _LARGEST:
        raise ValueError(f"{name} is {value!r}; expected at most {_LARGEST}")


def check_seed(name: str, value: Any) -> None:
    """Refuses what is neither an integer of at least 0 nor None, as Keras's generators do."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if value is not None and not (is_integer and value >= 0):
        raise ValueError(f"{name} is {value!r}; expected an integer of at least 0, or None")


def _check_positive(name: str, value: Any, expected: str) -> None:
    if not (_is_number(value) and 0 < value < math.inf):
        raise ValueError(f"{name} is {value!r}; expected {expected}")


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
