"""Second derivatives in graphs, and what graphs that take none, or few, are spared."""

import numpy as np
import pytest
import tensorflow as tf
from cells import GRU, IND_RNN, LSTM, SIMPLE_RNN, every_cell_and_ind_rnn, random_mask
from derivatives import BATCH, TIME, Problem
from spies import spy_on_fused_ops
from tolerance import assert_close

from tfrnn_ops import fused
from tfrnn_ops.fused import common

v1 = tf.compat.v1
PARTS = ("", "Grad", "GradInput", "GradWeights")
# For what cells do not differ in: one with two states, and one whose weights are a vector.
two_cells = pytest.mark.parametrize("case", [LSTM, IND_RNN], ids=["lstm", "ind_rnn"])
as_in_tf1 = pytest.mark.parametrize("behavior", ["v1"], indirect=True)


def op_of(case):
    """The name of the cell's forward op."""
    return getattr(fused, case.name).op


def node_types(concrete):
    """The types of all nodes that running a traced function takes, those in its loops included."""
    definition = concrete.graph.as_graph_def()
    names = [o.op.name for o in concrete.outputs if o is not None]
    needed = tf.compat.v1.graph_util.extract_sub_graph(definition, names)
    functions = {f.signature.name: f for f in definition.library.function}
    types, waiting, seen = [], list(needed.node), set()
    while waiting:
        node = waiting.pop()
        types.append(node.op)
        for value in node.attr.values():
            name = value.func.name
            if name in functions and name not in seen:
                seen.add(name)
                waiting += functions[name].node_def
    return types


@two_cells
def test_wherever_the_tapes_are(case):
    problem = Problem(case, "mask")
    want = problem.second(problem.variables)

    @tf.function(autograph=False)
    def values(*variables):
        return problem.values(variables)

    @tf.function(autograph=False)
    def gradient(*variables):
        return problem.gradient(list(variables))

    @tf.function(autograph=False)
    def second(*variables):
        return problem.second(list(variables))

    assert_close(second(*problem.variables), want, what="both inside")
    with tf.GradientTape() as tape:
        tape.watch(problem.variables)
        first = gradient(*problem.variables)
    assert_close(tape.gradient(first, problem.variables, problem.direction), want, what="one")
    outside = Problem(case, "mask")
    outside.values = lambda variables: values(*variables)
    assert_close(outside.second(problem.variables), want, what="both outside")


def test_options_in_a_graph():
    problem = Problem(LSTM, "all")
    run = tf.function(lambda *v: problem.second(list(v)), autograph=False)
    assert_close(run(*problem.variables), problem.second(problem.variables))


@every_cell_and_ind_rnn
def test_forward_mode_in_a_graph(case):
    problem = Problem(case, "mask")

    run = tf.function(lambda *v: problem.forward_over_reverse(list(v)), autograph=False)
    assert_close(run(*problem.variables), problem.second(problem.variables))
    if case is LSTM:  # with less of the same ops in it
        run = tf.function(lambda *v: problem.forward(list(v)), autograph=False)
        assert_close(run(*problem.variables), problem.forward(problem.variables))


@pytest.fixture(params=["v2", "v1"])
def behavior(request):
    """The loops and shapes of graphs: in one case as after `tf.compat.v1.disable_v2_behavior()`."""
    if request.param == "v1":
        v1.disable_control_flow_v2()
        v1.disable_v2_tensorshape()
    yield
    v1.enable_control_flow_v2()
    v1.enable_v2_tensorshape()


def in_a_graph(case, option, derivative, unknown=0, **options):
    """Evaluates `derivative(loss, variables, direction)` in a graph of TF1.

    The graph does not know the sizes of the first `unknown` axes of the inputs and the states.
    """
    with tf.Graph().as_default(), v1.Session() as session:
        problem = Problem(case, option)
        problem.options |= options
        arrays = session.run([problem.variables, problem.direction])
        given = tf.nest.map_structure(lambda a: v1.placeholder(a.dtype, a.shape), arrays)
        variables, direction = given
        for i in range(1 + len(problem.tensors.states)):
            known = list(arrays[0][i].shape)
            axes = unknown if i == 0 else min(unknown, 1)
            variables[i] = v1.placeholder(tf.float64, [None] * axes + known[axes:])
        results = derivative(problem.loss(variables), variables, direction)
        feed = dict(zip(tf.nest.flatten(given), tf.nest.flatten(arrays), strict=True))
        return session.run(results, feed)


def second(loss, variables, direction):
    return tf.gradients(tf.gradients(loss, variables), variables, direction)


@every_cell_and_ind_rnn
def test_tf_gradients_twice(case):
    mask = random_mask(BATCH, TIME)
    problem = Problem(case, "layer_norm")
    problem.options["mask"] = mask
    got = in_a_graph(case, "layer_norm", second, mask=mask)
    assert_close(got, problem.second(problem.variables))


@two_cells
@as_in_tf1
@pytest.mark.usefixtures("behavior")
def test_tf_gradients_twice_as_in_tf1(case):
    problem = Problem(case, "mask")
    got = in_a_graph(case, "mask", second)
    assert_close(got, problem.second(problem.variables))


@as_in_tf1
@pytest.mark.usefixtures("behavior")
def test_tf_gradients_twice_with_options():
    problem = Problem(LSTM, "all")
    got = in_a_graph(LSTM, "all", second, unknown=2)
    assert_close(got, problem.second(problem.variables))


@pytest.mark.parametrize("unknown", [0, 2])
@pytest.mark.usefixtures("behavior")
def test_tf_gradients_twice_with_recompute(unknown):
    problem = Problem(SIMPLE_RNN)
    got = in_a_graph(SIMPLE_RNN, "plain", second, unknown=unknown, recompute=2)
    assert_close(got, problem.second(problem.variables))


@pytest.mark.usefixtures("behavior")
def test_hessians():
    def hessian(loss, variables, direction):
        return v1.hessians(loss, variables[1])

    def product(loss, variables, direction):
        return tf.gradients(tf.gradients(loss, variables[1]), variables[1], direction[1])

    (found,), (along,) = (in_a_graph(GRU, "mask", f) for f in (hessian, product))
    direction = Problem(GRU, "mask").direction[1]
    assert_close(np.tensordot(found, direction, 2), along)


@two_cells
@pytest.mark.usefixtures("behavior")
def test_tapes_in_a_graph(case):
    def second(loss, variables, direction):
        again = Problem(case, "mask")
        again.direction = direction
        return again.second(variables)

    problem = Problem(case, "mask")
    got = in_a_graph(case, "mask", second, unknown=2)
    assert_close(got, problem.second(problem.variables))


@every_cell_and_ind_rnn
def test_sizes_unknown_to_the_graph(case):
    problem = Problem(case, "mask")
    specs = [tf.TensorSpec([None] * v.shape.rank, tf.float64) for v in problem.variables]
    run = tf.function(lambda *v: problem.second(list(v)), input_signature=specs, autograph=False)
    assert_close(run(*problem.variables), problem.second(problem.variables))


def test_ranks_unknown_to_the_graph():
    problem = Problem(LSTM, "layer_norm")
    specs = [tf.TensorSpec(None, tf.float64) for _ in problem.variables]

    @tf.function(input_signature=specs, autograph=False)
    def run(*flat):
        pairs = zip(flat, problem.variables, strict=True)
        return problem.second([tf.ensure_shape(t, v.shape) for t, v in pairs])

    assert_close(run(*problem.variables), problem.second(problem.variables))


@every_cell_and_ind_rnn
@pytest.mark.parametrize(
    ("wanted", "pruned"), [(0, "GradWeights"), (-1, "GradInput")], ids=["inputs", "bias"]
)
def test_gradients_that_nobody_needs_are_pruned(case, wanted, pruned, monkeypatch):
    problem = Problem(case)

    def second(*variables):
        variables = list(variables)
        with tf.GradientTape() as outer:
            outer.watch(variables[wanted])
            with tf.GradientTape() as inner:
                inner.watch(variables[wanted])
                loss = tf.add_n([tf.reduce_sum(v**2) for v in problem.values(variables)])
            penalty = tf.reduce_sum(inner.gradient(loss, variables[wanted]) ** 2)
        return outer.gradient(penalty, variables[wanted])

    run = tf.function(second, autograph=False)
    types = node_types(run.get_concrete_function(*problem.variables))
    op = op_of(case)
    assert types.count(op) == 1
    assert types.count(f"{op}Grad") == 2  # of the loss, and of what its gradient has of the outputs
    assert op + pruned not in types
    called = spy_on_fused_ops(monkeypatch)
    second(*problem.variables)  # in eager mode, where what is called runs
    assert f"{op}Grad" in dict(called)
    assert op + pruned not in dict(called)


@every_cell_and_ind_rnn
def test_training_pays_nothing_for_it(case, monkeypatch):
    """A graph of first order has the four ops, no loop, and does not see the replay."""
    problem = Problem(case, "layer_norm")

    def replayed(*_):
        raise AssertionError("the replay was traced")

    monkeypatch.setattr(common, "second_gradient", replayed)
    run = tf.function(lambda *v: problem.gradient(list(v)), autograph=False)
    types = node_types(run.get_concrete_function(*problem.variables))
    for part in PARTS:
        assert types.count(op_of(case) + part) == 1, part
    assert not {"While", "StatelessWhile", "MatMul", "TensorListReserve"} & set(types)
    with pytest.raises(AssertionError, match="the replay was traced"):
        problem.second(problem.variables)


def test_a_tape_around_a_step_replays_nothing_until_it_is_asked(monkeypatch):
    """An outer tape that is not asked for a gradient costs no replay."""
    calls = []
    original = common.second_gradient
    monkeypatch.setattr(
        common, "second_gradient", lambda *args: calls.append(args) or original(*args)
    )
    problem = Problem(GRU)
    with tf.GradientTape() as tape:
        tape.watch(problem.variables)
        first = problem.gradient(problem.variables)
    assert not calls
    tape.gradient(first, problem.variables)
    assert len(calls) == 3
