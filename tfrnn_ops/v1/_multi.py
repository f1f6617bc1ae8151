"""Cells one upon another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfrnn_ops._warnings import warn
from tfrnn_ops.v1 import _sequence
from tfrnn_ops.v1._base import RNNCell
from tfrnn_ops.v1._wrappers import check_cell

v1 = tf.compat.v1


class MultiRNNCell(RNNCell):
    """Cells one upon another: each takes the output of the one before.

    Variables are those of the cells, in scopes `cell_0`, `cell_1`...

    Args:
        cells: the cells, from the input to the output.
        state_is_tuple: whether the state is the tuple of theirs, or else one tensor, their
            concatenation.

    Raises:
        ValueError: there are no cells, or `state_is_tuple` is False and a state is a tuple.
        TypeError: `cells` is no list or tuple, or one of them no cell.
    """

    def __init__(self, cells: Sequence[Any], state_is_tuple: bool = True):
        super().__init__()
        if not isinstance(cells, (list, tuple)):
            raise TypeError(f"cells is a {type(cells).__name__}; expected a list or a tuple")
        if not cells:
            raise ValueError("cells is empty; expected at least one")
        for i, cell in enumerate(cells):
            check_cell(f"cells[{i}]", cell)
        if len({id(cell) for cell in cells}) < len(cells):
            warn("MultiRNNCell is given the same cell more than once: its weights are shared")
        sizes = [cell.state_size for cell in cells]
        if not state_is_tuple and any(tf.nest.is_nested(size) for size in sizes):
            raise ValueError(
                f"state_is_tuple is False, but the cells have state sizes {sizes}; expected one "
                "number for each"
            )
        self._cells = cells
        self._state_is_tuple = state_is_tuple

    @property
    def state_size(self) -> Any:
        sizes = tuple(cell.state_size for cell in self._cells)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> Any:
        return self._cells[-1].output_size

    @property
    def trainable_weights(self) -> list[Any]:
        return self._weights_of("trainable_weights") if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Any]:
        frozen = [] if self.trainable else self._weights_of("trainable_weights")
        return frozen + self._weights_of("non_trainable_weights")

    def _weights_of(self, kind: str) -> list[Any]:
        return [w for cell in self._cells for w in getattr(cell, kind, ())]

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        if not self._state_is_tuple:
            return super().zero_state(batch_size, dtype)
        with tf.name_scope(f"{type(self).__name__}ZeroState"):
            return tuple(cell.zero_state(batch_size, dtype) for cell in self._cells)

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        return self._chain(lambda _, cell, x, s: cell(x, s), inputs, state)

    def _not_fused(self) -> list[str]:
        return [
            f"cell_{i}: {reason}"
            for i, cell in enumerate(self._cells)
            for reason in _sequence.reasons(cell)
        ]

    def _run_sequence(self, steps: _sequence.Steps, inputs: Any, state: Any) -> tuple[Any, Any]:
        def run(i: int, cell: Any, x: Any, s: Any) -> tuple[Any, Any]:
            return _sequence.run(cell, steps.of_cell(i), x, s)

        return self._chain(run, inputs, state)

    def _sees(self, inputs: Any) -> Any:
        return self._cells[0]._sees(inputs)

    def _droppable(self) -> Any:
        if self._state_is_tuple:
            return tuple(cell._droppable() for cell in self._cells)
        return super()._droppable()

    def _chain(self, run: Callable[..., tuple[Any, Any]], x: Any, state: Any) -> tuple[Any, Any]:
        if self._state_is_tuple:
            if not tf.nest.is_nested(state) or len(state) != len(self._cells):
                raise ValueError(
                    f"state is {state}; expected a tuple of {len(self._cells)}, one for each cell"
                )
            states = state
        else:
            states = tf.split(state, [cell.state_size for cell in self._cells], axis=1)
        new_states = []
        for i, (cell, cell_state) in enumerate(zip(self._cells, states, strict=True)):
            with v1.variable_scope(f"cell_{i}"):
                x, new_state = run(i, cell, x, cell_state)
            new_states.append(new_state)
        return x, tuple(new_states) if self._state_is_tuple else tf.concat(new_states, 1)
