"""The random bits of dropout and zoneout: a counter-based generator, so that no mask is stored.

Any word can be computed from its place alone: element `(t, b, u)` of a stream depends on the seed,
the stream, and `t`, `b`, `u`, whatever else was drawn before. The forward pass, the gradient, a
recomputation and the fused op on any device thus see the same bits.

Source: Philox4x32-10 of Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3"
(2011).
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

# What is drawn, each from a stream of its own.
RECURRENT_DROPOUT, ZONEOUT_H, ZONEOUT_C = range(3)

_ALGORITHM = 1  # Philox, to TensorFlow
_WORDS_PER_BLOCK = 4  # of a counter


def as_seed(seed: Any) -> Any:
    """Checks a seed.

    Args:
        seed: integers `[2]`; negative ones too.

    Returns:
        The seed as an int64 tensor.

    Raises:
        ValueError: it is None, not of integers, or of another shape.
    """
    if seed is None:
        raise ValueError("seed: found None; expected two integers, as dropout or zoneout draws")
    seed = tf.convert_to_tensor(seed)
    if not seed.dtype.is_integer or not seed.shape.is_compatible_with([2]):
        raise ValueError(
            f"seed: found shape {seed.shape} and dtype {seed.dtype.name}; expected two integers"
        )
    return tf.cast(seed, tf.int64)


def random_bits(seed: Any, stream: int, step: Any, batch: Any, width: Any) -> Any:
    """The bits of one step: row `step` of a stream that is `[time, batch, width]`.

    Rows of `width` words begin at whole blocks of four; the words that pad them are left out. With
    `W` that padded width, word `j` of block `step * batch * W / 4 + i` is

        Philox4x32-10(key = s0, counter = block + 2^64 * (stream + 2^32 * s1))[j]

    Args:
        seed: int64 `[2]`, of which the first, `s0`, is the 64-bit key, and the low half of the
            second, `s1`, a part of the counter.
        stream: what the bits are for.
        step: an integer, or an integer tensor; 0 is the first step processed.
        batch: the number of rows, an integer or a tensor.
        width: the number of words in a row, an integer or a tensor.

    Returns:
        uint32 `[batch, width]`, independent and uniform.
    """
    blocks = (width + _WORDS_PER_BLOCK - 1) // _WORDS_PER_BLOCK
    first = tf.cast(step, tf.uint64) * tf.cast(batch, tf.uint64) * tf.cast(blocks, tf.uint64)
    key, high = tf.unstack(tf.bitcast(seed, tf.uint64))
    high = tf.bitwise.left_shift(high, tf.constant(32, tf.uint64)) + tf.constant(stream, tf.uint64)
    words = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[batch, blocks * _WORDS_PER_BLOCK],
        key=key[tf.newaxis],
        counter=tf.stack([first, high]),
        alg=_ALGORITHM,
        dtype=tf.uint32,
    )
    return words[:, :width]


def threshold(rate: float) -> int:
    """The 32-bit number that bits are below with probability `rate`, which is in [0, 1)."""
    return math.floor(rate * 2**32)
