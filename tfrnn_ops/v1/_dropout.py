"""Dropout around a cell."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from tfrnn_ops.v1 import _sequence
from tfrnn_ops.v1._arguments import batch_shape
from tfrnn_ops.v1._lstm import LSTMStateTuple
from tfrnn_ops.v1._wrappers import CellWrapper


class DropoutWrapper(CellWrapper):
    """Drops elements of a cell's inputs, outputs and state, and scales up the others.

    A keep probability may be a tensor, such as a placeholder that is fed 1 without training.

    Source: Zaremba, Sutskever & Vinyals, "Recurrent neural network regularization" (2014), and
    with `variational_recurrent` Gal & Ghahramani, "A theoretically grounded application of
    dropout in recurrent neural networks" (2016).

    Args:
        cell: the cell.
        input_keep_prob: the probability to keep an element of the inputs.
        output_keep_prob: the same for the outputs.
        state_keep_prob: the same for the new state, as the next step sees it.
        variational_recurrent: whether all steps drop the same elements, and all sequences of a
            batch too. They are drawn once in each `Session.run`; in TensorFlow 2 when the wrapper
            is made.
        input_size: the size of the inputs, an integer, a `TensorShape` or a nest of them; needed
            if inputs are dropped with `variational_recurrent`.
        dtype: the dtype of inputs, state and outputs; needed with `variational_recurrent`.
        seed: makes the random numbers repeatable, together with the graph's seed.
        dropout_state_filter_visitor: `visitor(part)` says for the state and for any part of it
            whether to drop elements of it: a boolean, or a structure of booleans, one for each
            part of the part. All but the `c` of an `LSTMStateTuple` and tensor arrays by default.
        trainable: see `RNNCell`.
        name: see `RNNCell`.

    Raises:
        TypeError: `cell` is no cell, or `dropout_state_filter_visitor` no function.
        ValueError: a probability is not between 0 and 1, or `variational_recurrent` lacks what it
            needs.
    """

    def __init__(
        self,
        cell: Any,
        input_keep_prob: Any = 1.0,
        output_keep_prob: Any = 1.0,
        state_keep_prob: Any = 1.0,
        variational_recurrent: bool = False,
        input_size: Any = None,
        dtype: Any = None,
        seed: int | None = None,
        dropout_state_filter_visitor: Callable[[Any], Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ):
        super().__init__(cell, dtype, trainable, name)
        if dropout_state_filter_visitor is not None and not callable(dropout_state_filter_visitor):
            raise TypeError(
                f"dropout_state_filter_visitor is {dropout_state_filter_visitor!r}; expected a "
                "function"
            )
        self._visitor = dropout_state_filter_visitor or _all_but_memory
        self._seed = seed
        self._keep = {
            "input": _probability("input_keep_prob", input_keep_prob),
            "output": _probability("output_keep_prob", output_keep_prob),
            "state": _probability("state_keep_prob", state_keep_prob),
        }
        self._noise: dict[str, list[Any]] | None = None
        if not variational_recurrent:
            return
        if dtype is None:
            raise ValueError("dtype is None; expected one, as variational_recurrent is True")
        if self._drops("input") and input_size is None:
            raise ValueError(
                "input_size is None; expected one, as variational_recurrent is True and "
                "input_keep_prob may be less than 1"
            )
        sizes = {"state": cell.state_size, "output": cell.output_size}
        if self._drops("input"):
            sizes["input"] = input_size
        self._noise = {
            kind: [
                tf.random.uniform(batch_shape(1, s), seed=self._op_seed(kind, i), dtype=dtype)
                for i, s in enumerate(tf.nest.flatten(size))
            ]
            for kind, size in sizes.items()
        }

    def _not_fused(self) -> list[str]:
        reasons = super()._not_fused()
        if reasons or not self._drops("state"):
            return reasons
        chosen, droppable = self._chosen(), tf.nest.flatten(self.cell._droppable())
        if all(able or not drops for able, drops in zip(droppable, chosen, strict=True)):
            return []
        return [
            "state_keep_prob: the fused op drops the state it puts out, no other (c of an LSTM)"
        ]

    def _chosen(self) -> list[bool]:
        """Which tensors of the state are dropped."""
        with tf.Graph().as_default():  # the visitor may look at tensors
            state = self.cell.zero_state(1, self.dtype or tf.float32)
            chosen = _choose(self._visitor, state, itertools.count())
            return [index is not None for index in chosen]

    def _sees(self, inputs: Any) -> Any:
        return None if self._drops("input") else super()._sees(inputs)

    def _run_sequence(self, steps: _sequence.Steps, inputs: Any, state: Any) -> tuple[Any, Any]:
        if not self._drops("state"):
            return super()._run_sequence(steps, inputs, state)
        factors, last = self._state_factors(steps, inputs, state)
        if self._drops("input"):
            inputs = self._drop("input", inputs)
        outputs, new_state = _sequence.run(self.cell, steps.dropping(factors), inputs, state)
        new_state = tf.nest.pack_sequence_as(
            new_state,
            [
                s if f is None else s * f
                for s, f in zip(tf.nest.flatten(new_state), tf.nest.flatten(last), strict=True)
            ],
        )
        if self._drops("output"):
            outputs = self._drop("output", outputs)
        return outputs, new_state

    def _state_factors(self, steps: _sequence.Steps, inputs: Any, state: Any) -> tuple[Any, Any]:
        """What the state is multiplied by before every step, and after the last that counts.

        A step drops of the state that it makes: the first begins with the state as it was given,
        and a sequence without steps keeps that.
        """
        time = _sequence.first_axes(inputs)[0 if steps.time_major else 1]
        factors: list[Any] = []
        last: list[Any] = []
        flat = tf.nest.flatten(state)
        chosen = list(_choose(self._visitor, state, itertools.count()))
        for position, (value, index) in enumerate(zip(flat, chosen, strict=True)):
            if index is None:
                factors.append(None)
                last.append(None)
                continue
            untouched = tf.ones_like(value)[tf.newaxis]
            ones = tf.ones(tf.concat([[time], tf.shape(value)], 0), value.dtype)
            drawn = self._drop_one("state", ones, position, index)
            drawn = tf.stop_gradient(tf.concat([untouched, drawn], 0))
            after = drawn[-1]
            if steps.mask is not None:
                any_step = tf.reduce_any(steps.mask, 0 if steps.time_major else 1)
                after = tf.where(any_step[:, tf.newaxis], after, tf.ones([], value.dtype))
            factors.append(drawn[:-1])
            last.append(after)
        return tf.nest.pack_sequence_as(state, factors), tf.nest.pack_sequence_as(state, last)

    def _wrap(self, run: Callable[..., tuple[Any, Any]], inputs: Any, state: Any) -> Any:
        if self._drops("input"):
            inputs = self._drop("input", inputs)
        outputs, new_state = run(inputs, state)
        if self._drops("state"):
            new_state = self._drop("state", new_state, self._visitor)
        if self._drops("output"):
            outputs = self._drop("output", outputs)
        return outputs, new_state

    def _drops(self, kind: str) -> bool:
        keep = self._keep[kind]
        return not isinstance(keep, float) or keep < 1

    def _drop(self, kind: str, values: Any, visitor: Callable[[Any], Any] = lambda _: True) -> Any:
        chosen = list(_choose(visitor, values, itertools.count()))
        results = list(tf.nest.flatten(values))
        for position, index in enumerate(chosen):
            if index is None:
                continue
            results[position] = self._drop_one(kind, results[position], position, index)
        return tf.nest.pack_sequence_as(values, results)

    def _drop_one(self, kind: str, value: Any, position: int, index: int) -> Any:
        keep = self._keep[kind]
        if self._noise is None:
            return tf.nn.dropout(value, rate=1.0 - keep, seed=self._op_seed(kind, index))
        # 1 with probability `keep`: the noise is uniform between 0 and 1.
        return value / keep * tf.floor(keep + self._noise[kind][position])

    def _op_seed(self, kind: str, index: int) -> int | None:
        """A seed for each tensor, made as TF1 made it."""
        if self._seed is None:
            return None
        digest = hashlib.md5(f"{self._seed}{kind}_{index}".encode()).hexdigest()
        return int(digest[:8], 16) & 0x7FFFFFFF


def _probability(name: str, value: Any) -> Any:
    """A float, or a tensor if its value is not known."""
    known = tf.get_static_value(tf.convert_to_tensor(value))
    if known is None:
        return tf.convert_to_tensor(value)
    if not 0 <= known <= 1:
        raise ValueError(f"{name} is {known}; expected a number between 0 and 1")
    return float(known)


def _all_but_memory(part: Any) -> Any:
    if isinstance(part, LSTMStateTuple):
        return LSTMStateTuple(c=False, h=True)
    return not isinstance(part, tf.TensorArray)


def _choose(
    visitor: Callable[[Any], Any], part: Any, count: Iterator[int], drop: Any = None
) -> Iterator[int | None]:
    """For every tensor of a part, in order: its number, or None if it is not to be dropped.

    What is left alone as a whole counts as one.
    """
    drop = visitor(part) if drop is None or drop is True else drop
    if drop is False:
        next(count)
        yield from [None] * len(tf.nest.flatten(part))
    elif not tf.nest.is_nested(part):
        if drop is not True:
            raise TypeError(
                f"dropout_state_filter_visitor gave {drop!r} for one tensor; expected a boolean"
            )
        yield next(count)
    else:
        children = _children(part)
        drops = [True] * len(children) if drop is True else _children(drop)
        for child, drop_child in zip(children, drops, strict=True):
            if not isinstance(drop_child, bool):
                raise TypeError(
                    f"dropout_state_filter_visitor gave {drop!r}; expected a boolean, or one for "
                    "each part"
                )
            yield from _choose(visitor, child, count, drop_child)


def _children(part: Any) -> list[Any]:
    return [part[key] for key in sorted(part)] if isinstance(part, dict) else list(part)
