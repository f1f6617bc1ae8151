"""Wrappers: a cell with something around it. They have no variables and no scope of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfrnn_ops.v1 import _sequence
from tfrnn_ops.v1._base import RNNCell


class CellWrapper(RNNCell):
    """A cell around another.

    Args:
        cell: the cell inside.
        dtype: see `RNNCell`.
        trainable: see `RNNCell`.
        name: see `RNNCell`.

    Raises:
        TypeError: `cell` lacks what makes a cell.
    """

    def __init__(
        self, cell: Any, dtype: Any = None, trainable: bool = True, name: str | None = None
    ):
        super().__init__(trainable=trainable, name=name, dtype=dtype)
        check_cell("cell", cell)
        self.cell = cell

    @property
    def wrapped_cell(self) -> Any:
        """The cell inside."""
        return self.cell

    @property
    def state_size(self) -> Any:
        return self.cell.state_size

    @property
    def output_size(self) -> Any:
        return self.cell.output_size

    @property
    def trainable_weights(self) -> list[Any]:
        return list(self.cell.trainable_weights) if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Any]:
        frozen = [] if self.trainable else list(self.cell.trainable_weights)
        return frozen + list(self.cell.non_trainable_weights)

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        return self.cell.zero_state(batch_size, dtype)

    def _not_fused(self) -> list[str]:
        return _sequence.reasons(self.cell)

    def _sees(self, inputs: Any) -> Any:
        return self.cell._sees(inputs)

    def _droppable(self) -> Any:
        return self.cell._droppable()

    def _run(
        self,
        method: Callable[..., Any],
        inputs: Any,
        state: Any,
        scope: Any = None,
        inputs_shape: Any = None,
    ) -> tuple[Any, Any]:
        """Without a scope: what it is given is for the cell inside."""
        return method(inputs, state) if scope is None else method(inputs, state, scope)

    def call(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:
        """One step: what `_wrap` makes of the cell's."""
        if scope is None:
            return self._wrap(self.cell, inputs, state)
        return self._wrap(lambda x, s: self.cell(x, s, scope), inputs, state)

    def _run_sequence(self, steps: _sequence.Steps, inputs: Any, state: Any) -> tuple[Any, Any]:
        return self._wrap(lambda x, s: _sequence.run(self.cell, steps, x, s), inputs, state)

    def _wrap(self, run: Callable[..., tuple[Any, Any]], inputs: Any, state: Any) -> Any:
        """Calls `run(inputs, state)`, the cell inside, with something around it."""
        raise NotImplementedError


class ResidualWrapper(CellWrapper):
    """Adds the inputs of a cell to its outputs.

    Source: Wu et al., "Google's neural machine translation system" (2016), section 3.1.

    Args:
        cell: the cell.
        residual_fn: `residual_fn(inputs, outputs)` gives the outputs, in place of the sum.
        dtype: see `RNNCell`.
        trainable: see `RNNCell`.
        name: see `RNNCell`.
    """

    def __init__(
        self,
        cell: Any,
        residual_fn: Callable[[Any, Any], Any] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
    ):
        super().__init__(cell, dtype, trainable, name)
        self._residual_fn = residual_fn

    def _not_fused(self) -> list[str]:
        if self._residual_fn is not None:
            return ["residual_fn: a function of one step", *super()._not_fused()]
        return super()._not_fused()

    def _wrap(self, run: Callable[..., tuple[Any, Any]], inputs: Any, state: Any) -> Any:
        outputs, new_state = run(inputs, state)
        return (self._residual_fn or _sum)(inputs, outputs), new_state

    def _run_sequence(self, steps: _sequence.Steps, inputs: Any, state: Any) -> tuple[Any, Any]:
        outputs, new_state = super()._run_sequence(steps, inputs, state)
        return steps.zero_masked(outputs), new_state


class DeviceWrapper(CellWrapper):
    """Runs a cell on a device.

    Args:
        cell: the cell.
        device: what `tf.device` takes.
        dtype: see `RNNCell`.
        trainable: see `RNNCell`.
        name: see `RNNCell`.
    """

    def __init__(
        self,
        cell: Any,
        device: Any,
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
    ):
        super().__init__(cell, dtype, trainable, name)
        self._device = device

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        with tf.compat.v1.device(self._device):
            return super().zero_state(batch_size, dtype)

    def _wrap(self, run: Callable[..., tuple[Any, Any]], inputs: Any, state: Any) -> Any:
        with tf.compat.v1.device(self._device):
            return run(inputs, state)


def check_cell(name: str, cell: Any) -> None:
    """Checks that an argument has what makes a cell.

    Raises:
        TypeError: it lacks some of it.
    """
    if isinstance(cell, type):
        raise TypeError(f"{name} is the class {cell.__name__}; expected a cell, an object of it")
    missing = [member for member in ("output_size", "state_size") if not hasattr(cell, member)]
    if not (hasattr(cell, "zero_state") or hasattr(cell, "get_initial_state")):
        missing.append("zero_state or get_initial_state")
    if not callable(cell):
        missing.append("__call__")
    if missing:
        raise TypeError(f"{name} ({cell}) is not an RNNCell: it has no {', '.join(missing)}")


def _sum(inputs: Any, outputs: Any) -> Any:
    tf.nest.assert_same_structure(inputs, outputs)

    def add(x: Any, y: Any) -> Any:
        if not x.shape.is_compatible_with(y.shape):
            raise ValueError(
                f"ResidualWrapper cannot add inputs of shape {x.shape} to outputs of shape "
                f"{y.shape}; expected the same"
            )
        return x + y

    return tf.nest.map_structure(add, inputs, outputs)
