"""Second derivatives in graphs, and what graphs that take none, or few, are spared."""

import pytest
import tensorflow as tf
from cells import GRU, LSTM, every_cell_and_ind_rnn
from derivatives import Problem
from spies import spy_on_fused_ops
from tolerance import assert_close

from tfrnn_ops import fused
from tfrnn_ops.fused import common

PARTS = ("", "Grad", "GradInput", "GradWeights")


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


@every_cell_and_ind_rnn
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


@pytest.mark.parametrize("option", ["all", "recurrent_dropout"])
def test_options_in_a_graph(option):
    problem = Problem(LSTM, option)
    run = tf.function(lambda *v: problem.second(list(v)), autograph=False)
    assert_close(run(*problem.variables), problem.second(problem.variables))


@every_cell_and_ind_rnn
def test_forward_mode_in_a_graph(case):
    problem = Problem(case, "mask")

    @tf.function(autograph=False)
    def run(*variables):
        variables = list(variables)
        return problem.forward(variables), problem.forward_over_reverse(variables)

    forward, over_reverse = run(*problem.variables)
    assert_close(forward, problem.forward(problem.variables))
    assert_close(over_reverse, problem.second(problem.variables))


@every_cell_and_ind_rnn
def test_tf_gradients_twice(case):
    """In a graph of TF1."""
    problem = Problem(case, "layer_norm")
    want = problem.second(problem.variables)
    arrays = [[t.numpy() for t in ts] for ts in (problem.variables, problem.direction)]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        given = [[tf.compat.v1.placeholder(a.dtype, a.shape) for a in some] for some in arrays]
        variables, direction = given
        again = Problem(case, "layer_norm")
        loss = again.loss(variables)
        first = tf.gradients(loss, variables)
        second = tf.gradients(first, variables, direction)
        feed = dict(zip(tf.nest.flatten(given), tf.nest.flatten(arrays), strict=True))
        got = session.run(second, feed)
    assert_close(got, want)


@every_cell_and_ind_rnn
@pytest.mark.parametrize("known_rank", [True, False])
def test_sizes_unknown_to_the_graph(case, known_rank):
    problem = Problem(case, "layer_norm")
    shapes = [[None] * v.shape.rank if known_rank else None for v in problem.variables]

    @tf.function(input_signature=[tf.TensorSpec(s, tf.float64) for s in shapes], autograph=False)
    def run(*flat):
        shaped = [tf.ensure_shape(t, v.shape) for t, v in zip(flat, problem.variables, strict=True)]
        return problem.second(shaped if not known_rank else list(flat))

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
