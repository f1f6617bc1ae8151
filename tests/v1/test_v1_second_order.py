"""Gradients of gradients in graphs, as a gradient penalty takes them, against TF1's."""

import numpy as np
import pytest
import tensorflow as tf
from programs import makers, ours, theirs
from tolerance import assert_close

v1 = tf.compat.v1
X = np.random.default_rng(0).normal(size=(3, 3, 4))
LENGTHS = [3, 0, 2]
CELLS = {
    **makers(3),
    "two": lambda m: m.MultiRNNCell([m.GRUCell(4), m.ResidualWrapper(m.LSTMCell(4))]),
}


def values(run, batch=None):
    """What `run(x)` makes of a placeholder, its gradient and that of a penalty of the gradient."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float64, [batch, *X.shape[1:]])
        rng = np.random.default_rng(1)
        with v1.variable_scope("scope"):
            outputs = tf.nest.flatten(run(x))
        variables = sorted(v1.trainable_variables(), key=lambda v: v.name)
        loss = tf.add_n([tf.reduce_sum(tf.sin(output)) for output in outputs])
        (gradient,) = tf.gradients(loss, x)
        penalty = tf.reduce_sum(gradient**2)
        second = tf.gradients(penalty, [x, *variables])
        assert all(g is not None for g in second)
        for variable in variables:
            shape = variable.shape.as_list()
            session.run(v1.assign(variable, rng.normal(size=shape) / 2))
        return session.run([*outputs, gradient, *second], {x: X})


def static(library, cell, x, lengths=None):
    steps = tf.unstack(x, X.shape[1], axis=1)
    outputs, state = library.static_rnn(cell, steps, dtype=tf.float64, sequence_length=lengths)
    return tf.stack(outputs, 1), state


def where(active, new, old):
    """A new value in the rows that are active, the old one in the others."""
    return tf.nest.map_structure(lambda n, o: tf.where(active[:, tf.newaxis], n, o), new, old)


def step_by_step(cell, x):
    """What TF1's loops make of `LENGTHS`, without their conditions, which take long to trace."""
    with v1.variable_scope("rnn"):
        state = cell.zero_state(X.shape[0], tf.float64)
        outputs = []
        for t, step in enumerate(tf.unstack(x, X.shape[1], axis=1)):
            output, new = cell(step, state)
            active = tf.constant(LENGTHS) > t
            outputs.append(where(active, output, tf.zeros_like(output)))
            state = where(active, new, state)
    return tf.stack(outputs, 1), state


@pytest.mark.parametrize("cell", CELLS)
def test_in_a_graph(cell):
    make = CELLS[cell]
    # TensorFlow's own loop cannot be differentiated twice in TF1's control flow.
    want = values(lambda x: step_by_step(make(theirs), x), batch=X.shape[0])
    got = values(lambda x: ours.dynamic_rnn(make(ours), x, LENGTHS, dtype=tf.float64))
    assert_close(got, want)


def test_static_rnn_in_a_graph():
    want = values(lambda x: static(theirs, CELLS["two"](theirs), x), batch=X.shape[0])
    assert_close(values(lambda x: static(ours, CELLS["two"](ours), x)), want)


@pytest.mark.parametrize(
    ("cell", "plain"),
    [
        (lambda: ours.GRUBlockCellV2(3), "gru"),
        (lambda: ours.LSTMBlockCell(3), "lstm"),
        (lambda: ours.DropoutWrapper(ours.GRUCell(3), state_keep_prob=1.0), "gru"),
    ],
)
def test_of_contribs_cells_in_a_graph(cell, plain):
    got = values(lambda x: ours.dynamic_rnn(cell(), x, dtype=tf.float64))
    want = values(lambda x: static(theirs, CELLS[plain](theirs), x), batch=X.shape[0])
    assert_close(got, want)


def test_hessians_in_a_graph():
    found = []
    for library in (theirs, ours):
        with tf.Graph().as_default(), v1.Session() as session:
            x = tf.constant(X)
            initializer = v1.constant_initializer(0.3)
            with v1.variable_scope("scope", initializer=initializer):
                outputs, _ = static(library, library.LSTMCell(3), x)
            hessian = v1.hessians(tf.reduce_sum(outputs**2), x)
            session.run(v1.global_variables_initializer())
            found.append(session.run(hessian))
    assert_close(*found)
