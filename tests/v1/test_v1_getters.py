"""Custom getters of variable scopes, which may give something else than the variable."""

import numpy as np
import pytest
import tensorflow as tf
from programs import Program, assert_same, ours, theirs

v1 = tf.compat.v1
X = np.random.default_rng(0).normal(size=(3, 4, 2))
CELLS = {
    "rnn": lambda m: m.BasicRNNCell(5),
    "gru": lambda m: m.GRUCell(5),
    "basic lstm": lambda m: m.BasicLSTMCell(5),
    "lstm": lambda m: m.LSTMCell(5, use_peepholes=True, num_proj=3, proj_clip=0.5),
    "wrapped": lambda m: m.MultiRNNCell([m.ResidualWrapper(m.GRUCell(2)), m.LSTMCell(3)]),
}


def twice(getter, name, *args, **kwargs):
    return 2.0 * getter(name, *args, **kwargs)


def same(getter, name, *args, **kwargs):
    return tf.identity(getter(name, *args, **kwargs))


def cast(getter, name, *args, **kwargs):
    kwargs["dtype"] = tf.float32
    return tf.cast(getter(name, *args, **kwargs), tf.float64)


def renamed(getter, name, *args, **kwargs):
    return getter(f"{name}_of_mine", *args, **kwargs)


def run(getter, loop):
    def call(library, cell, x):
        with v1.variable_scope("scope", custom_getter=getter):
            if loop == "dynamic":
                return library.dynamic_rnn(cell, x, dtype=tf.float64)
            steps = tf.unstack(x, X.shape[1], axis=1)
            if loop == "static":
                return library.static_rnn(cell, steps, dtype=tf.float64)
            return cell(steps[0], cell.zero_state(X.shape[0], tf.float64))

    return call


@pytest.mark.parametrize("loop", ["dynamic", "static", "one step"])
@pytest.mark.parametrize("getter", [twice, same, cast, renamed])
@pytest.mark.parametrize("cell", CELLS)
def test_in_a_graph(cell, getter, loop):
    case = Program(CELLS[cell], run(getter, loop), (X,))
    assert_same(case.in_graph(ours), case.in_graph(theirs))


@pytest.mark.parametrize("cell", CELLS)
def test_the_variables_of_a_cell_in_a_graph_are_those_made(cell):
    with tf.Graph().as_default():
        made = CELLS[cell](ours)
        run(twice, "dynamic")(ours, made, tf.constant(X))
        assert {v.name for v in made.weights} == {v.name for v in v1.trainable_variables()}
        assert len(made.weights) == len(v1.trainable_variables())


def test_averages_of_variables_in_a_graph():
    """Scopes that give the averages of variables in their place."""

    def call(library, cells, x):
        first, second = cells
        outputs, _ = library.dynamic_rnn(first, x, dtype=tf.float64)
        averages = tf.train.ExponentialMovingAverage(0.9)
        averages.apply(v1.trainable_variables())

        def averaged(getter, name, *args, **kwargs):
            return averages.average(getter(name, *args, **kwargs))

        with v1.variable_scope("", reuse=True, custom_getter=averaged):
            averaged_outputs, _ = library.dynamic_rnn(second, x, dtype=tf.float64)
        return outputs, averaged_outputs

    case = Program(lambda m: [m.GRUCell(5), m.GRUCell(5)], call, (X,))
    assert_same(case.in_graph(ours), case.in_graph(theirs))


@pytest.mark.parametrize("cell", CELLS)
def test_in_tf2(cell):
    case = Program(CELLS[cell], run(renamed, "dynamic"), (X,))
    names, results = case.in_tf2(ours)
    assert names
    assert all(name.endswith("_of_mine:0") for name in names)
    plain = Program(CELLS[cell], run(None, "dynamic"), (X,)).in_tf2(ours)
    assert [name.replace("_of_mine", "") for name in names] == list(plain[0])
    assert_same(({}, results), ({}, plain[1]))


def test_a_tensor_needs_a_graph():
    with pytest.raises(ValueError, match="gave a tensor for 'scope/rnn/gru_cell/gates/kernel'"):
        run(twice, "dynamic")(ours, ours.GRUCell(5), tf.constant(X))
