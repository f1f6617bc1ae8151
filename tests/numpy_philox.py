"""Philox4x32-10 in NumPy, from Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as
1, 2, 3" (2011), section 3.3.
"""

import numpy as np

MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox4x32(counter, key, rounds=10):
    """Ten rounds of the bijection.

    Args:
        counter: four arrays of 32-bit words, held as uint64.
        key: two such words.
        rounds: how many.

    Returns:
        Four arrays of 32-bit words, held as uint64.
    """
    c0, c1, c2, c3 = (np.asarray(c, np.uint64) for c in counter)
    k0, k1 = (np.uint64(k) for k in key)
    for _ in range(rounds):
        p0, p1 = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1 & LOW, (p0 >> HALF) ^ c3 ^ k1, p0 & LOW
        k0, k1 = (k0 + WEYL[0]) & LOW, (k1 + WEYL[1]) & LOW
    return c0, c1, c2, c3


def bits(seed, stream, time, batch, width):
    """The uint32 words `[time, batch, width]` of a stream; rows are padded to whole blocks."""
    padded = -(-width // 4) * 4
    block = np.arange(time * batch * padded // 4, dtype=np.uint64)
    key = int(seed[0]) % 2**64
    counter = [block & LOW, block >> HALF, stream, int(seed[1]) % 2**32]
    counter = np.broadcast_arrays(*(np.asarray(c, np.uint64) for c in counter))
    words = np.stack(philox4x32(counter, (key % 2**32, key >> 32)), axis=-1)
    return words.reshape([time, batch, padded])[..., :width].astype(np.uint32)


def chosen(seed, stream, rate, time, batch, width):
    """Booleans, True with this probability."""
    return bits(seed, stream, time, batch, width) < int(rate * 2**32)
