"""Many ops at once on few threads: the same bits, and no call that waits for ever."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import concurrent.futures, sys
import numpy as np, tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[1]))
tf.config.threading.set_inter_op_parallelism_threads(4)
import tfrnn_ops

def problem(batch, time, units):
    rng = np.random.default_rng(batch)
    normal = lambda *shape: tf.constant(rng.standard_normal(shape) * 0.3, tf.float32)
    x, h = normal(batch, time, units), normal(batch, units)
    weights = normal(units, 3 * units), normal(units, 3 * units), normal(2, 3 * units)

    def run():
        with tf.GradientTape() as tape:
            tape.watch([x, h, *weights])
            outputs, final = tfrnn_ops.gru(x, h, *weights)
            loss = tf.reduce_sum(outputs * outputs) + tf.reduce_sum(final)
        return [t.numpy().tobytes() for t in [outputs, *tape.gradient(loss, [x, h, *weights])]]

    return run

# Batches of one and two make teams that wait for one another, the others do not.
problems = [problem(1, 60, 80), problem(2, 30, 100), problem(9, 10, 64), problem(40, 5, 96)]
want = [run() for run in problems]
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    rounds = range(int(sys.argv[2]))
    futures = [(i, pool.submit(problems[i])) for _ in rounds for i in range(len(problems))]
    for i, future in futures:
        assert future.result() == want[i], f"problem {i} gave other bits"
import hashlib
print(hashlib.sha256(b"".join(b for run in want for b in run)).hexdigest())
"""


@pytest.fixture(scope="module")
def digests():
    """What the program prints, by the number of intra-op threads."""
    return {}


@pytest.fixture
def busy_machine():
    """Four busy processes for every processor."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(4 * (os.cpu_count() or 1))]
    yield
    for process in processes:
        process.kill()
        process.wait()


def run(threads, rounds, digests):
    command = [sys.executable, "-c", PROGRAM, str(threads), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    digests[threads] = done.stdout.strip()
    assert len(set(digests.values())) == 1, "the number of threads changes the bits"


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_sixteen_at_once(threads, digests):
    run(threads, 12, digests)


@pytest.mark.usefixtures("busy_machine")
@pytest.mark.parametrize("threads", [1, 4])
def test_sixteen_at_once_on_a_busy_machine(threads, digests):
    run(threads, 4, digests)
