"""What all cells share: variables, variable scopes and states of zeros."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from tfrnn_ops._cells import Cell
from tfrnn_ops.v1._arguments import as_initializer, dimensions, snake_case, zeros
from tfrnn_ops.v1._variables import Maker, own_scope, owning, owns_variables, parts_of

v1 = tf.compat.v1


class RNNCell(tf.Module):
    """The base class of cells: one step of a recurrent layer, and the variables it needs.

    A cell has a `state_size` and an `output_size`, and `cell(inputs, state)` returns
    `(output, new_state)`. A subclass defines the two sizes, and either `call(inputs, state)`, or
    `__call__(inputs, state, scope=None)` that opens a variable scope itself; both may call
    `tf.compat.v1.get_variable`. It may leave out the call of this class's constructor.

    In a TF1 graph the variables belong to the graph's variable scopes, as ever: their names decide
    which are shared. In TensorFlow 2, eagerly and in a `tf.function`, they belong to the cell,
    which makes them in its first call and finds them again in the next by their names.

    Args:
        trainable: whether the variables are trainable.
        name: the cell's name, and that of its variable scope; made from the class's by default,
            and numbered where the scope has been opened already.
        dtype: the dtype of the variables; that of the first inputs by default.
        reuse: whether to use variables of that scope that exist; as in
            `tf.compat.v1.variable_scope`.

    Attributes:
        built: whether the variables have been made.
    """

    # A subclass's constructor may leave out this one's.
    built = False
    trainable = True
    dtype: Any = None
    _cell_name: str | None = None
    _reuse: Any = None
    _scope: Any = None
    # What the fused op computes of this cell, if it is not made of others.
    _kind: Cell | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        cell = super().__new__(cls)
        # Not by plain assignment, which would save every variable under two names.
        object.__setattr__(cell, "_weights", [])
        cell._owned = {}
        return cell

    def __init__(
        self, trainable: bool = True, name: str | None = None, dtype: Any = None, reuse: Any = None
    ):
        super().__init__()
        self.trainable = trainable
        self.dtype = None if dtype is None else tf.as_dtype(dtype)
        self._cell_name = name
        self._reuse = reuse

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "__call__" in vars(cls):
            cls.__call__ = owning(vars(cls)["__call__"])  # type: ignore[method-assign]

    @property
    def name(self) -> str:
        """The name given, or the class's in snake_case."""
        return self._cell_name or snake_case(type(self).__name__)

    @property
    def state_size(self) -> Any:
        """The size of the state: an integer or a `TensorShape`, or a nest of them."""
        raise NotImplementedError(f"{type(self).__name__} has no state_size")

    @property
    def output_size(self) -> Any:
        """The size of the output: an integer or a `TensorShape`, or a nest of them."""
        raise NotImplementedError(f"{type(self).__name__} has no output_size")

    @property
    def scope_name(self) -> str:
        """The name of the cell's variable scope, once the cell has been called."""
        if self._scope is None:
            raise ValueError(f"cell {self.name!r} has no scope_name before it is first called")
        return self._scope.name

    @property
    def weights(self) -> list[Any]:
        """The variables, in the order in which they were made, trainable ones first."""
        return self.trainable_weights + self.non_trainable_weights

    @property
    def trainable_weights(self) -> list[Any]:
        """The trainable variables, of cells inside too."""
        return [w for w in self._all_weights() if w.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Any]:
        """The other variables."""
        return [w for w in self._all_weights() if not (w.trainable and self.trainable)]

    @property
    def variables(self) -> list[Any]:
        """The same as `weights`."""
        return self.weights

    @property
    def trainable_variables(self) -> list[Any]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Any]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:
        """Runs one step.

        Args:
            inputs: `[batch, features]`, or whatever the cell takes.
            state: tensors `[batch, size]` in the structure of `state_size`.
            scope: the variable scope to open in the first call, a name or a
                `tf.compat.v1.VariableScope`; the cell's name by default.

        Returns:
            `(output, new_state)`, in the structures of `output_size` and `state_size`.
        """
        return self._run(self.call, inputs, state, scope)

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """One step, inside the cell's variable scope."""
        raise NotImplementedError(f"{type(self).__name__} defines neither call nor __call__")

    def build(self, inputs_shape: Any) -> None:
        """Makes the variables, by `add_weight`, for inputs of this shape."""

    def add_weight(
        self,
        name: str,
        shape: Any,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        trainable: bool = True,
        constraint: Any = None,
        partitioner: Any = None,
    ) -> Any:
        """Makes or, as the scope's `reuse` says, finds a variable in the cell's scope.

        Args:
            name: its name, which may hold slashes.
            shape: its shape.
            dtype: its dtype; that of the cell by default.
            initializer: anything `tf.compat.v1.get_variable` takes, or a name; the scope's by
                default.
            regularizer: a function of the variable, whose result is added to the losses; the
                scope's by default.
            trainable: whether it is trainable, if the cell is.
            constraint: a projection applied after each update of the variable.
            partitioner: how to split it, by default as the scope says.

        Returns:
            The variable.
        """
        return self._record(
            v1.get_variable(
                name,
                shape,
                dtype or self.dtype or tf.float32,
                initializer=as_initializer(initializer),
                regularizer=regularizer,
                trainable=trainable and self.trainable,
                constraint=constraint,
                partitioner=partitioner,
            )
        )

    add_variable = add_weight

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """A state of zeros.

        Args:
            batch_size: an integer, or a tensor of one.
            dtype: the dtype.

        Returns:
            Tensors `[batch_size, size]` in the structure of `state_size`.
        """
        with tf.name_scope(f"{type(self).__name__}ZeroState"):
            return tf.nest.map_structure(
                lambda size: zeros(batch_size, size, dtype), self.state_size
            )

    def get_initial_state(
        self, inputs: Any = None, batch_size: Any = None, dtype: Any = None
    ) -> Any:
        """A state of zeros for these inputs, or for this batch size and dtype.

        Raises:
            ValueError: `inputs` contradicts the others, or too little is given.
        """
        if inputs is not None:
            inputs = tf.convert_to_tensor(inputs)
            batch = dimensions(inputs)[0]
            if None not in (batch_size, batch) and tf.get_static_value(batch_size) != batch:
                raise ValueError(f"batch_size is {batch_size}, but inputs has a batch of {batch}")
            if dtype is not None and inputs.dtype != dtype:
                raise ValueError(f"dtype is {dtype}, but inputs has dtype {inputs.dtype.name}")
            batch_size = tf.shape(inputs)[0] if batch is None else batch
            dtype = inputs.dtype
        if batch_size is None or dtype is None:
            raise ValueError(
                f"found batch_size={batch_size}, dtype={dtype}; expected both, or inputs"
            )
        return self.zero_state(batch_size, dtype)

    def _not_fused(self) -> list[str]:
        """Why `_run_sequence` cannot compute what the cell does; empty if it can."""
        return [f"{type(self).__name__} is a cell of one's own"]

    def _sees(self, inputs: Any) -> Any:
        """What the first fused op that runs over `inputs` gets of them; None if it is another."""
        return inputs

    def _droppable(self) -> Any:
        """Which tensors of the state `_run_sequence` can multiply by `Steps.factors`."""
        return tf.nest.map_structure(lambda _: False, self.state_size)

    def _run_sequence(self, steps: Any, inputs: Any, state: Any) -> tuple[Any, Any]:
        """Runs the cell over a whole sequence, inside its variable scope."""
        outputs, states = steps.run(self._fused_call(inputs, state), inputs)
        return outputs, self._state_of(states)

    def _fused_call(self, inputs: Any, state: Any) -> Any:
        """The `Call` that computes the cell over a whole sequence, inside its variable scope."""
        raise NotImplementedError

    def _state_of(self, states: tuple[Any, ...]) -> Any:
        """The state of the cell from those of its op."""
        (state,) = states
        return state

    def _run(
        self,
        method: Callable[..., Any],
        inputs: Any,
        state: Any,
        scope: Any = None,
        inputs_shape: Any = None,
    ) -> tuple[Any, Any]:
        """Runs a method inside the cell's variable scope, after building the cell."""
        with self._variable_scope(scope):
            if not self.built:
                flat_inputs = tf.nest.flatten(inputs)
                if self.dtype is None and flat_inputs:
                    self.dtype = tf.convert_to_tensor(flat_inputs[0]).dtype
                self.build(inputs_shape or _shapes(inputs))
                self.built = True
            return method(inputs, state)

    @contextlib.contextmanager
    def _variable_scope(self, scope: Any) -> Iterator[None]:
        if self._scope is None:
            if self._reuse:
                opened = v1.variable_scope(self.name if scope is None else scope)
            else:
                opened = v1.variable_scope(scope, default_name=self.name)
            with opened as captured:
                self._scope = own_scope(captured, self._getter)
        # In TensorFlow 2 there is nothing to find in the scope: the cell keeps its variables.
        reuse = True if self.built and not owns_variables() else self._reuse
        with (
            v1.variable_scope(self._scope, reuse=reuse, auxiliary_name_scope=False) as entered,
            tf.name_scope(entered.original_name_scope),
        ):
            yield

    def _getter(self, outside: Callable[..., Any] | None) -> Callable[..., Any]:
        """The custom getter of the cell's own scope, with what was the scope's in between."""

        def get(getter: Callable[..., Any], name: str, **kwargs: Any) -> Any:
            maker = Maker(self._owned, getter)
            if outside is None:
                return self._record(maker(name, **kwargs))
            found = outside(maker, name=name, **kwargs)
            if not parts_of(found):
                if owns_variables():
                    raise ValueError(
                        f"the custom_getter of the scope gave a tensor for {name!r}; expected a "
                        "variable: a tensor needs the graph of a tf.compat.v1.Session"
                    )
                for variable in maker.made:
                    self._record(variable)
            return self._record(found)

        return get

    def _record(self, variable: Any) -> Any:
        self._weights.extend(_unknown(parts_of(variable), self._weights))
        return variable

    def _all_weights(self) -> list[Any]:
        weights = list(self._weights)
        for module in self.submodules:
            if isinstance(module, RNNCell):
                weights.extend(_unknown(module._weights, weights))
        return weights


def _unknown(variables: list[Any], known: list[Any]) -> list[Any]:
    """The variables that are not among those known; they cannot be compared by ==."""
    return [v for v in variables if all(v is not k for k in known)]


def _shapes(inputs: Any) -> Any:
    return tf.nest.map_structure(lambda x: tf.convert_to_tensor(x).shape, inputs)
