"""Derivatives of the fused gradient: of every cell and option, in reverse and forward mode."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import LSTM, SIMPLE_RNN, Tensors, call, every_cell_and_ind_rnn, random_tensors
from derivatives import PAIRS, Problem, every_pair
from tolerance import SINGLE_ROUNDING, assert_close

import tfrnn_ops


@every_pair
def test_second_order(case, option):
    problem = Problem(case, option)
    got = problem.second(problem.variables)
    assert_close(got, problem.second(problem.variables, reference=True))
    assert_close(got, problem.differences(problem.gradient), "numerical gradient")


ACTIVATIONS = (
    *("tanh", "sigmoid", "hard_sigmoid", "relu", "relu6", "elu", "selu", "softplus", "softsign"),
    *("linear", "silu", "gelu"),
)
FORWARD = {
    key: pair
    for key, pair in PAIRS.items()
    if pair[0] is LSTM or pair[1] in ("plain", "layer_norm")
}


@pytest.mark.parametrize(("case", "option"), FORWARD.values(), ids=FORWARD)
def test_forward_mode(case, option):
    problem = Problem(case, option)
    got = problem.forward(problem.variables)
    assert_close(got, problem.differences(problem.values), "numerical gradient")


@pytest.mark.parametrize("case", [SIMPLE_RNN, LSTM], ids=["simple_rnn", "lstm"])
def test_forward_over_reverse(case):  # of the others in test_second_order_graphs.py
    problem = Problem(case, "mask")
    got = problem.forward_over_reverse(problem.variables)
    assert_close(got, problem.second(problem.variables))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation):
    problem = Problem(SIMPLE_RNN)
    problem.options["activation"] = activation
    got = problem.second(problem.variables)
    assert_close(got, problem.differences(problem.gradient), "numerical gradient")


@pytest.mark.parametrize("case", [SIMPLE_RNN, LSTM], ids=["simple_rnn", "lstm"])
def test_third_order(case):
    problem = Problem(case)

    def third(**kwargs):
        with tf.GradientTape() as tape:
            tape.watch(problem.variables)
            second = problem.second(problem.variables, **kwargs)
        return tape.gradient(second, problem.variables, problem.direction)

    got = third()
    assert_close(got, third(reference=True))
    assert_close(got, problem.differences(problem.second), "numerical gradient")


@every_cell_and_ind_rnn
def test_the_whole_hessian_is_symmetric(case):
    problem = Problem(case)
    x, *others = problem.variables
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        dx = tf.reshape(problem.gradient([x, *others])[0], [-1])
        rows = tf.unstack(dx)
    hessian = tf.stack([tf.reshape(outer.gradient(row, x), [-1]) for row in rows])
    assert_close(hessian, tf.transpose(hessian))
    direction = tf.reshape(problem.direction[0], [-1, 1])
    problem.direction[1:] = [tf.zeros_like(d) for d in problem.direction[1:]]
    want = problem.second(problem.variables)[0]
    assert_close(tf.reshape(hessian @ direction, want.shape), want)


@every_cell_and_ind_rnn
def test_each_operand_alone(case):
    """Only one gradient is taken, and differentiated by one operand only."""
    problem = Problem(case, "layer_norm")
    want = problem.gradient(problem.variables)
    for i, variable in enumerate(problem.variables):

        def gradient(value, i=i):
            variables = [*problem.variables[:i], value, *problem.variables[i + 1 :]]
            with tf.GradientTape() as tape:
                tape.watch(value)
                loss = problem.loss(variables)
            return tape.gradient(loss, value)

        assert_close(gradient(variable), want[i])
        with tf.GradientTape() as tape:
            tape.watch(variable)
            first = gradient(variable)
        got = tape.gradient(first, variable, problem.direction[i])
        delta = 1e-5 * problem.direction[i]
        difference = (gradient(variable + delta) - gradient(variable - delta)) / 2e-5
        assert_close(got, difference, "numerical gradient", what=str(i))


@every_cell_and_ind_rnn
def test_one_tensor_for_several_operands(case):
    """Each operand gets its own derivative, though the tensors are the same."""
    square = random_tensors(case, 3, 2, 4, 4)
    matrix, state = square.weights[0], square.states[0]

    def run(function, copy):
        def loss(matrix, state):
            recurrent = square.weights[1] if case.diagonal else copy(matrix)
            states = [state, *(copy(state) for _ in square.states[1:])]
            inputs = tf.stack([state, state], axis=1)
            tensors = Tensors(inputs, states, [matrix, recurrent])
            values = call(function, case, tensors, activation="tanh")
            return tf.reduce_sum(values[0] * state[:, tf.newaxis])

        variables = [matrix, state]
        with tf.GradientTape() as outer:
            outer.watch(variables)
            with tf.GradientTape() as inner:
                inner.watch(variables)
                value = loss(matrix, state)
            first = inner.gradient(value, variables)
        return outer.gradient(first, variables, variables)

    assert_close(run(case.function, lambda t: t), run(case.reference, tf.identity))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@every_cell_and_ind_rnn
def test_dtypes(case, dtype):
    """The second gradient has the dtype of the first, and about its precision."""
    problem, exact = Problem(case, dtype=dtype), Problem(case)
    exact.variables = [tf.cast(v, tf.float64) for v in problem.variables]
    exact.direction = [tf.cast(d, tf.float64) for d in problem.direction]
    got = problem.second(problem.variables)
    for g, w in zip(got, exact.second(exact.variables), strict=True):
        assert g.dtype == dtype
        error = np.abs(tf.cast(g, tf.float64) - w).max() / np.abs(w).max()
        assert error < 64 * SINGLE_ROUNDING.get(dtype, 2.0**-20)


@every_cell_and_ind_rnn
@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "graph"])
def test_a_gradient_penalty_on_a_layer(case, in_graph):
    """As in WGAN-GP: the loss holds the norm of the gradient by the inputs."""
    model = keras.Sequential([case.layer(5, activation="tanh"), keras.layers.Dense(1)])
    inputs = tf.random.stateless_normal([3, 4, 2], seed=[1, 2])
    model(inputs)

    def penalty():
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                critic = model(inputs, training=True)
            norm = tf.norm(inner.gradient(critic, inputs), axis=[1, 2])
            loss = tf.reduce_mean((norm - 1) ** 2) + tf.reduce_mean(critic)
        return outer.gradient(loss, model.trainable_variables)

    got = (tf.function(penalty, autograph=False) if in_graph else penalty)()
    with tfrnn_ops.use_reference():
        want = penalty()
    for g, w in zip(got, want, strict=True):
        assert_close(g, w, "training")
