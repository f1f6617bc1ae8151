"""Programs as TF1 lectures wrote them, trained with either library: the same numbers.

Each is a function of the library alone: only the import line of such a program changes.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow
from programs import ours, theirs
from tolerance import assert_close

import tfrnn_ops

tf = tensorflow.compat.v1
TEXT = Path(tfrnn_ops.__file__).read_text()
SYMBOLS = sorted(set(TEXT))
IDS = np.array([SYMBOLS.index(c) for c in TEXT]) + 1
BATCH, TIME, WIDTH = 8, 20, 64
assert len(SYMBOLS) <= WIDTH

pytestmark = pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")


def passages():
    """Batches of text, sequences cut short by zeros."""
    rng = np.random.default_rng(0)
    while True:
        begins = rng.integers(0, len(IDS) - TIME, BATCH)
        ids = IDS[begins[:, None] + np.arange(TIME)]
        yield np.where(np.arange(TIME) < rng.integers(2, TIME + 1, (BATCH, 1)), ids, 0)


def next_character_loss(sequence, outputs):
    """`outputs [batch, time, units]` to the mean loss of the characters that follow."""
    kernel = tf.get_variable("w", [outputs.shape.as_list()[2], WIDTH])
    logits = tensorflow.tensordot(outputs, tf.cast(kernel, outputs.dtype), 1)
    targets = sequence[:, 1:]
    weights = tf.cast(tf.sign(targets), logits.dtype)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.maximum(targets - 1, 0), logits=logits[:, :-1]
    )
    return tf.reduce_sum(losses * weights) / tf.reduce_sum(weights)


def deep_gru(rnn, sequence, x, lengths):
    cells = [rnn.GRUCell(n) for n in (16, 24)]
    outputs, _ = rnn.dynamic_rnn(rnn.MultiRNNCell(cells), x, lengths, dtype=tf.float64)
    return outputs


def static_over_unstacked(rnn, sequence, x, lengths):
    outputs, _ = rnn.static_rnn(rnn.BasicRNNCell(16), tf.unstack(x, TIME, 1), dtype=tf.float64)
    return tf.stack(outputs, 1)


def lstm_in_a_python_loop(rnn, sequence, x, lengths):
    lstm = rnn.MultiRNNCell([rnn.BasicLSTMCell(16, forget_bias=0.0) for _ in range(2)])
    state = lstm.zero_state(BATCH, tf.float64)
    outputs = []
    with tf.variable_scope("RNN"):
        for step in range(TIME):
            if step > 0:
                tf.get_variable_scope().reuse_variables()
            output, state = lstm(x[:, step, :], state)
            outputs.append(output)
    return tf.stack(outputs, 1)


def own_gru(rnn, sequence, x, lengths):
    class GRUCell(rnn.RNNCell):
        def __init__(self, input_size, state_size):
            self.input_size = input_size
            self._state_size = state_size

        @property
        def state_size(self):
            return self._state_size

        @property
        def output_size(self):
            return self._state_size

        def __call__(self, inputs, state, scope=None):
            scope = scope or type(self).__name__
            n, m = self.input_size, self._state_size
            with tf.variable_scope(scope):
                init = tf.random_normal_initializer(stddev=0.1)

                def product(name, left, size):
                    w = tf.get_variable(name, [size, m], tf.float64, init)
                    return tf.matmul(left, w)

                b = tf.get_variable("b", [m], tf.float64, tf.zeros_initializer())
                z = tf.nn.sigmoid(product("Wz", inputs, n) + product("Uz", state, m))
                r = tf.nn.sigmoid(product("Wr", inputs, n) + product("Ur", state, m))
                o = tf.nn.tanh(product("Wo", inputs, n) + product("Uo", r * state, m) + b)
                state = z * state + (1 - z) * o
            return state, state

    outputs, _ = rnn.dynamic_rnn(GRUCell(WIDTH, 16), x, lengths, dtype=tf.float64)
    return outputs


def bidirectional(rnn, sequence, x, lengths):
    (fw, bw), _ = rnn.bidirectional_dynamic_rnn(
        rnn.LSTMCell(16), rnn.LSTMCell(16), x, lengths, dtype=tf.float64
    )
    return tf.concat([fw, bw], 2)


def peepholes_and_residuals(rnn, sequence, x, lengths):
    cell = rnn.MultiRNNCell(
        [rnn.LSTMCell(16, use_peepholes=True), rnn.ResidualWrapper(rnn.GRUCell(16))]
    )
    return rnn.dynamic_rnn(cell, x, lengths, dtype=tf.float64)[0]


def variational_dropout(rnn, sequence, x, lengths):
    def cell(size, inputs):
        return rnn.DropoutWrapper(
            rnn.GRUCell(size),
            input_keep_prob=0.8,
            variational_recurrent=True,
            input_size=inputs,
            dtype=tf.float64,
            seed=size,
        )

    layers = rnn.MultiRNNCell([cell(16, WIDTH), cell(12, 16)])
    return rnn.dynamic_rnn(layers, x, lengths, dtype=tf.float64)[0]


def losses_of(library, program):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        sequence = tf.placeholder(tf.int32, [BATCH, TIME])
        lengths = tf.reduce_sum(tf.sign(sequence), 1)
        x = tf.one_hot(sequence - 1, WIDTH, dtype=tf.float64)
        loss = next_character_loss(sequence, program(library, sequence, x, lengths))
        variables = tf.trainable_variables()
        train = tf.train.AdamOptimizer(0.01).minimize(loss)
        session.run(tf.global_variables_initializer())
        rng = np.random.default_rng(0)
        for variable in sorted(variables, key=lambda v: v.name):
            variable.load(rng.normal(size=variable.shape.as_list()) / 5, session)
        batches = passages()
        return [session.run([loss, train], {sequence: next(batches)})[0] for _ in range(6)]


@pytest.mark.parametrize(
    "program",
    [
        deep_gru,
        static_over_unstacked,
        lstm_in_a_python_loop,
        own_gru,
        bidirectional,
        peepholes_and_residuals,
        variational_dropout,
    ],
)
def test_lecture(program):
    losses = losses_of(ours, program)
    assert_close(losses, losses_of(theirs, program), "training")
    assert losses[-1] < losses[0] - 0.1


def test_lecture_of_per_step_dropout_learns():
    def program(rnn, sequence, x, lengths):
        cell = rnn.DropoutWrapper(rnn.GRUCell(32), output_keep_prob=0.9, input_keep_prob=0.9)
        return rnn.dynamic_rnn(cell, x, lengths, dtype=tf.float64)[0]

    losses = losses_of(ours, program)
    assert losses[-1] < losses[0] - 0.1


EXAMPLE = Path(__file__).parents[2] / "examples" / "tf1_char_rnn.py"


def run_example(*arguments):
    run = subprocess.run(
        [sys.executable, str(EXAMPLE), *map(str, arguments)], capture_output=True, text=True
    )
    return run.returncode, run.stdout, run.stderr


@pytest.mark.slow
def test_the_example_trains_goes_on_and_samples(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(TEXT * 3)
    out = tmp_path / "run"
    training = ["train", "--text", text, "--out", out, "--units", 12, 16, "--batch", 4]
    status, _, errors = run_example(*training, "--steps", 3, "--every", 2)
    assert status == 0, errors
    assert "3/3" in errors
    status, _, errors = run_example(*training, "--steps", 5)
    assert status == 0, errors
    assert "5/5" in errors
    assert (out / "checkpoint-5.index").exists()
    names = [name for name, _ in tf.train.list_variables(str(out / "checkpoint-5"))]
    assert "rnn/multi_rnn_cell/cell_1/gru_cell/candidate/kernel" in names
    status, sampled, errors = run_example("sample", "--out", out, "--start", "def", "--length", 7)
    assert status == 0, errors
    assert len(sampled) == 3 + 7 + 1
    assert sampled.startswith("def")


@pytest.mark.slow
def test_the_example_says_what_is_wrong(tmp_path):
    status, _, errors = run_example("sample", "--out", tmp_path)
    assert status == 2
    assert f"error: --out {tmp_path}: found no checkpoint" in errors
