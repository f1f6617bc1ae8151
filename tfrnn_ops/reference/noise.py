"""Dropout of the recurrent state that is drawn anew at every step, and zoneout."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfrnn_ops import philox
from tfrnn_ops.reference.common import size, with_shape

_ZONEOUT_STREAMS = (philox.ZONEOUT_H, philox.ZONEOUT_C)


@dataclasses.dataclass
class Noise:
    """What is drawn at every step of a call, from a generator that stores nothing.

    Sources: per-step recurrent dropout, Semeniuta, Severyn & Barth, "Recurrent dropout without
    memory loss" (2016); zoneout, Krueger et al., "Zoneout: regularizing RNNs by randomly
    preserving hidden activations" (2016).

    Attributes:
        recurrent_dropout: the share of the previous output to drop. Without training, none.
        zoneout: for every state, the share of it to keep from the step before. Without training,
            every element becomes what it is on average.
        training: whether to draw.
        seed: integers `[2]`; may be None if nothing is drawn.

    Raises:
        ValueError: a rate is not in [0, 1), or the seed does not fit.
    """

    recurrent_dropout: float
    zoneout: Sequence[float]
    training: bool
    seed: Any

    def __post_init__(self):
        names = ("recurrent_dropout", "zoneout", "cell_zoneout")
        rates = (self.recurrent_dropout, *self.zoneout)
        for name, rate in zip(names, rates, strict=False):
            if not 0 <= rate < 1:
                raise ValueError(f"{name}: found {rate}; expected a rate in [0, 1)")
        if self.training and any(rates):
            self.seed = philox.as_seed(self.seed)

    def drop(self, step: Any, h: Any) -> Any:
        """Drops elements of `h` before its product, and scales the others to keep the mean."""
        rate = self.recurrent_dropout
        if not (self.training and rate):
            return h
        scaled = h * tf.constant(1 / (1 - rate), h.dtype)
        dropped = self._chosen(philox.RECURRENT_DROPOUT, rate, step, h)
        return tf.where(dropped, tf.zeros_like(h), scaled)

    def zone_out(self, step: Any, new: Sequence[Any], old: Sequence[Any]) -> tuple[Any, ...]:
        """Lets a share of each state keep its old value: `new + z * (old - new)`."""
        streams = zip(new, old, self.zoneout, _ZONEOUT_STREAMS, strict=False)
        return tuple(self._zone_out(stream, rate, step, n, o) for n, o, rate, stream in streams)

    def _zone_out(self, stream: int, rate: float, step: Any, new: Any, old: Any) -> Any:
        if not rate:
            return new
        if self.training:
            return tf.where(self._chosen(stream, rate, step, new), old, new)
        return new + tf.constant(rate, new.dtype) * (old - new)

    def _chosen(self, stream: int, rate: float, step: Any, like: Any) -> Any:
        """A boolean for every element of a `[batch, width]` tensor, True with this probability."""
        batch, width = size(like, 0), size(like, 1)
        bits = philox.random_bits(self.seed, stream, step, batch, width)
        return with_shape(bits < tf.constant(philox.threshold(rate), tf.uint32), like.shape)
