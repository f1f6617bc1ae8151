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
        scope = without_reuse(v1.get_variable_scope())
        with v1.variable_scope(scope, custom_getter=self._get_variable, auxiliary_name_scope=False):
            return call(self, *args, **kwargs)

    return wrapper


def without_reuse(scope: Any) -> Any:
    """A copy of a variable scope that makes variables, even if its parents only reuse them."""
    return v1.VariableScope(
        reuse=False,
        name=scope.name,
        initializer=scope.initializer,
        regularizer=scope.regularizer,
        caching_device=scope.caching_device,
        partitioner=scope.partitioner,
        custom_getter=scope.custom_getter,
        name_scope=scope.original_name_scope,
        dtype=scope.dtype,
        use_resource=scope.use_resource,
        constraint=scope.constraint,
    )
