"""Where the variables of a cell are: in a TF1 graph's scopes, or in the cell itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

v1 = tf.compat.v1


def owns_variables() -> bool:
    """Whether variables belong to the cells here, not to the scopes of a TF1 graph."""
    return v1.executing_eagerly_outside_functions()


class Maker:
    """The last of a chain of custom getters: makes a cell's variable, or has the graph make it.

    Args:
        owned: the variables that the cell owns, by name.
        getter: what gets a variable of the graph's scopes; or the `Maker` of a cell inside.

    Attributes:
        made: what it has returned.
    """

    def __init__(self, owned: dict[str, Any], getter: Callable[..., Any]):
        self._owned = owned
        self._getter = getter
        self.made: list[Any] = []

    def __call__(self, name: str, **kwargs: Any) -> Any:
        if not owns_variables() or isinstance(self._getter, Maker):
            variable = self._getter(name, **kwargs)
        else:
            if name not in self._owned:
                self._owned[name] = make_variable(name, **kwargs)
            variable = self._owned[name]
        self.made.append(variable)
        return variable


def parts_of(variable: Any) -> list[Any]:
    """A variable, or those that a partitioned one consists of; none if it is a tensor."""
    if hasattr(variable, "trainable"):
        return [variable]
    return [] if tf.is_tensor(variable) else list(variable)


def make_variable(
    name: str,
    *,
    shape: Any,
    dtype: Any,
    initializer: Any,
    trainable: bool | None,
    regularizer: Any = None,
    partitioner: Any = None,
    constraint: Any = None,
    synchronization: Any = tf.VariableSynchronization.AUTO,
    aggregation: Any = tf.VariableAggregation.NONE,
    **_: Any,  # what concerns graphs only
) -> Any:
    """Makes a variable in TensorFlow 2, where scopes keep none and names need not be unique."""
    for option, value in (("regularizer", regularizer), ("partitioner", partitioner)):
        if value is not None:
            raise ValueError(
                f"{option} of {name!r} is {value!r}; expected None: it needs the graph of a "
                "tf.compat.v1.Session"
            )
    dtype = tf.as_dtype(dtype)
    if isinstance(initializer, type):
        initializer = initializer()
    if initializer is None:
        floating = dtype.is_floating or dtype.is_complex
        initializer = v1.glorot_uniform_initializer() if floating else v1.zeros_initializer()

    def first() -> Any:
        if not callable(initializer):
            return initializer
        return initializer(tf.TensorShape(shape).as_list(), dtype=dtype)

    return tf.Variable(
        first,
        trainable=trainable is not False,
        name=name,
        dtype=dtype,
        constraint=constraint,
        synchronization=synchronization,
        aggregation=aggregation,
    )


def owning(call: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a cell own the variables that its own `__call__` gets, in TensorFlow 2."""

    @functools.wraps(call)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not owns_variables():
            return call(self, *args, **kwargs)
        scope = own_scope(v1.get_variable_scope(), self._getter)
        with v1.variable_scope(scope, auxiliary_name_scope=False):
            return call(self, *args, **kwargs)

    return wrapper


def own_scope(scope: Any, getter: Callable[[Any], Callable[..., Any]]) -> Any:
    """A copy of a variable scope for a cell.

    In TensorFlow 2 it makes variables, even if its parents only reuse them.

    Args:
        scope: the variable scope.
        getter: maps the scope's custom getter, or None, to that of the copy.
    """
    return v1.VariableScope(
        reuse=False if owns_variables() else scope.reuse,
        name=scope.name,
        initializer=scope.initializer,
        regularizer=scope.regularizer,
        caching_device=scope.caching_device,
        partitioner=scope.partitioner,
        custom_getter=getter(scope.custom_getter),
        name_scope=scope.original_name_scope,
        dtype=scope.dtype,
        use_resource=scope.use_resource,
        constraint=scope.constraint,
    )
