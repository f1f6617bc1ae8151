"""The random bits: against NumPy and the published vectors, and as random numbers."""

import numpy as np
import numpy_philox
import pytest
import tensorflow as tf

from tfrnn_ops import philox

SEEDS = [(0, 0), (1, 2), (-1, -1), (2**40 + 3, 2**33 + 5), (-(2**63), 2**63 - 1)]


# The file kat_vectors of the authors' library Random123.
@pytest.mark.parametrize(
    ("counter", "key", "want"),
    [
        ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_numpy_gives_the_published_vectors(counter, key, want):
    got = numpy_philox.philox4x32(counter, key)
    assert " ".join(f"{int(word):08x}" for word in got) == want


def drawn(seed, stream, time, batch, width, **function):
    """All steps of a stream, each drawn by itself, with sizes that the graph does not know."""

    @tf.function(**function)
    def run(seed, rows):
        batch, width = tf.unstack(tf.shape(rows))
        return tf.stack([philox.random_bits(seed, stream, t, batch, width) for t in range(time)])

    unknown = tf.TensorSpec([None, None], tf.float32)
    run = run if function else run.get_concrete_function(tf.TensorSpec([2], tf.int64), unknown)
    return run(philox.as_seed(tf.constant(seed, tf.int64)), tf.zeros([batch, width])).numpy()


@pytest.mark.parametrize("seed", SEEDS, ids=str)
@pytest.mark.parametrize("stream", [philox.RECURRENT_DROPOUT, philox.ZONEOUT_H, philox.ZONEOUT_C])
def test_bits_equal_numpy(seed, stream):
    want = numpy_philox.bits(seed, stream, 3, 5, 7)
    eager = [philox.random_bits(philox.as_seed(seed), stream, t, 5, 7) for t in range(3)]
    np.testing.assert_array_equal(eager, want)
    np.testing.assert_array_equal(drawn(seed, stream, 3, 5, 7), want)
    np.testing.assert_array_equal(drawn(seed, stream, 3, 5, 7, jit_compile=True), want)


@pytest.mark.parametrize("sizes", [(2, 1, 1), (1, 4, 4), (4, 3, 8), (2, 33, 257), (3, 0, 5)])
def test_sizes(sizes):
    np.testing.assert_array_equal(drawn((5, 6), 1, *sizes), numpy_philox.bits((5, 6), 1, *sizes))


def test_the_whole_stream_is_tensorflows_own():
    s0, s1 = -3, 2**32 + 9
    whole = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[4, 5, 8],
        key=tf.constant([s0 % 2**64], tf.uint64),
        counter=tf.constant([0, 2 + (s1 % 2**32 << 32)], tf.uint64),
        alg=1,
        dtype=tf.uint32,
    )
    np.testing.assert_array_equal(drawn((s0, s1), 2, 4, 5, 7), whole[..., :7])


@pytest.mark.parametrize("jit_compile", [False, True], ids=["", "xla"])
def test_the_block_number_has_64_bits(jit_compile):
    step, batch, width = 2**31 - 1, 4, 9  # 12 blocks a step

    @tf.function(jit_compile=jit_compile)
    def run(step):
        return philox.random_bits(philox.as_seed((1, 2)), 1, step, batch, width)

    block = np.uint64(step * 12) + np.arange(12, dtype=np.uint64)
    counter = (block & numpy_philox.LOW, block >> numpy_philox.HALF, 1, 2)
    words = numpy_philox.philox4x32(counter, (1, 0))
    want = np.stack(words, axis=-1).reshape([batch, 12])[:, :width]
    np.testing.assert_array_equal(run(tf.constant(step)), want)


@pytest.mark.parametrize("rate", [0.0, 1e-3, 0.1, 0.5, 0.9, 1 - 2**-33])
def test_the_threshold_gives_the_rate(rate):
    bits = drawn((11, 12), 0, 16, 64, 257)
    share = np.mean(bits < np.uint32(philox.threshold(rate)))
    assert abs(share - rate) <= 5 * np.sqrt(rate * (1 - rate) / bits.size)


def test_words_are_uniform_and_independent():
    """Of every word with its neighbours along each axis, and in other streams and seeds."""
    base = drawn((1, 2), 0, 16, 64, 256)
    others = {
        "step": base[1:],
        "row": base[:, 1:],
        "unit": base[:, :, 1:],
        "stream": drawn((1, 2), 1, 16, 64, 256),
        "key": drawn((2, 2), 0, 16, 64, 256),
        "counter": drawn((1, 3), 0, 16, 64, 256),
    }
    counts = np.bincount(base.ravel() >> 24, minlength=256)
    expected = base.size / 256
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi2 - 255) < 5 * np.sqrt(2 * 255)
    for name, other in others.items():
        same = tuple(slice(n) for n in other.shape)
        correlation = np.corrcoef(base[same].ravel(), other.ravel())[0, 1]
        assert abs(correlation) < 5 / np.sqrt(other.size), name


@pytest.mark.parametrize(
    ("seed", "found"),
    [
        (None, "None"),
        ([1.0, 2.0], "float32"),
        ([1], r"\(1,\)"),
        ([[1, 2]], r"\(1, 2\)"),
        (3, r"\(\)"),
    ],
)
def test_what_is_no_seed(seed, found):
    with pytest.raises(ValueError, match=f"seed: found .*{found}.*expected two integers"):
        philox.as_seed(seed)
