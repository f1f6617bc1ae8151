"""The operands that all ops of a cell take, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any


@dataclasses.dataclass
class Operands:
    """The inputs of a forward op, which its gradient's ops take too, in their order.

    An absent operand is a vector of no elements.
    """

    x: Any
    initial_state: list[Any]
    kernel: Any
    recurrent_kernel: Any
    bias: Any
    mask: Any
    input_dropout: Any
    recurrent_dropout: Any
    state_dropout: Any
    vectors: Any
    layer_norm: Any
    projection: Any
    seed: Any

    @classmethod
    def split(cls, inputs: Sequence[Any], states: int | None = None) -> tuple[Operands, list[Any]]:
        """Operands out of an op's flat inputs, and what follows them.

        Args:
            inputs: the inputs of an op.
            states: how many states there are; None if nothing follows the operands.
        """
        others = len(dataclasses.fields(cls)) - 1
        count = len(inputs) - others if states is None else states
        end = others + count
        x, *rest = inputs[:end]
        return cls(x, list(rest[:count]), *rest[count:]), list(inputs[end:])

    def arguments(self) -> list[Any]:
        """The operands as an op's function takes them, the states in a list."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    def flat(self) -> list[Any]:
        """The operands in one list."""
        return [self.x, *self.initial_state, *self.arguments()[2:]]

    def like(self, value: Any) -> Operands:
        """Operands that are all `value`."""
        return Operands.split([value] * len(self.flat()))[0]

    def has(self, name: str) -> bool:
        """Whether an optional operand is there. One of a rank unknown to the graph is."""
        shape = getattr(self, name).shape
        return shape.rank != 1 or shape[0] != 0

    def index(self, name: str) -> int:
        """The place of an operand after the states in the flat list."""
        names = [field.name for field in dataclasses.fields(self)]
        return names.index(name) - 1 + len(self.initial_state)


def unused_gradients(op: Any) -> set[int]:
    """The inputs whose gradient a tape does not need; without a tape a graph prunes on its own."""
    try:
        return set(op.skip_input_indices or ())
    except AttributeError:  # a graph's operation
        return set()
