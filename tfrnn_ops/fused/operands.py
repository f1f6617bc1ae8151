"""The operands that all ops of a cell take, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any


@dataclasses.dataclass
class Operands:
    """The inputs of a forward op, which its gradient's ops take too, in their order.

    All but the mask are lists, with one tensor for each direction; the states of a direction follow
    one another. An absent operand is a vector of no elements.
    """

    x: list[Any]
    initial_state: list[Any]
    kernel: list[Any]
    recurrent_kernel: list[Any]
    bias: list[Any]
    mask: Any
    input_dropout: list[Any]
    recurrent_dropout: list[Any]
    state_dropout: list[Any]
    vectors: list[Any]
    layer_norm: list[Any]
    projection: list[Any]
    seed: list[Any]

    @classmethod
    def split(cls, inputs: Sequence[Any], op: Any) -> tuple[Operands, list[Any]]:
        """Operands out of flat inputs, and what follows them.

        Args:
            inputs: the inputs of an op of the cell, or something for each.
            op: that op, which knows how many there are of each kind.
        """
        counts = {"initial_state": op.get_attr("states"), "mask": 1}
        parts, begin = [], 0
        for field in dataclasses.fields(cls):
            end = begin + counts.get(field.name, op.get_attr("directions"))
            part = list(inputs[begin:end])
            parts.append(part[0] if field.name == "mask" else part)
            begin = end
        return cls(*parts), list(inputs[begin:])

    @property
    def directions(self) -> int:
        """How many directions there are."""
        return len(self.x)

    def arguments(self) -> list[Any]:
        """The operands as an op's function takes them: lists but for the mask."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    def flat(self) -> list[Any]:
        """The operands in one list."""
        return [tensor for part in self.arguments() for tensor in _as_list(part)]

    def has(self, name: str) -> bool:
        """Whether an optional operand is there. One of a rank unknown to the graph is."""
        shape = _as_list(getattr(self, name))[0].shape
        return shape.rank != 1 or shape.as_list() != [0]

    def places(self, name: str) -> range:
        """The places of an operand in the flat list."""
        begin = 0
        for field in dataclasses.fields(self):
            end = begin + len(_as_list(getattr(self, field.name)))
            if field.name == name:
                return range(begin, end)
            begin = end
        raise KeyError(name)


def _as_list(part: Any) -> list[Any]:
    return part if isinstance(part, list) else [part]


def unused_gradients(op: Any) -> set[int]:
    """The inputs whose gradient a tape does not need; without a tape a graph prunes on its own."""
    try:
        return set(op.skip_input_indices or ())
    except AttributeError:  # a graph's operation
        return set()
