"""Inside `tf.function`: unknown sizes, saved gradients, XLA."""

import numpy as np
import pytest
import tensorflow as tf
from cells import LSTM, call, every_cell, random_mask, random_tensors
from gradients import values_and_gradients
from tolerance import assert_close

import tfrnn_ops


@every_cell
@pytest.mark.parametrize("known_rank", [True, False])
def test_sizes_unknown_to_the_graph(case, known_rank):
    @tf.function(
        input_signature=[
            tf.TensorSpec([None] * t.shape.rank if known_rank else None, t.dtype)
            for t in random_tensors(case, 1, 1, 1, 1).all()
        ]
    )
    def run(*flat):
        shapes = [t.shape for t in flat]
        with tf.GradientTape() as tape:
            tape.watch(flat)
            values = call(case.function, case, tensors.replace(flat))
            loss = tf.add_n([tf.reduce_sum(v**2) for v in values])
        assert shapes[0].rank == (3 if known_rank else None)
        return values, tape.gradient(loss, flat)

    for sizes in [(3, 5, 4, 6), (1, 1, 2, 3), (2, 0, 4, 5), (0, 3, 4, 5)]:
        tensors = random_tensors(case, *sizes)
        values, gradients = run(*tensors.all())
        assert_close(values, call(case.function, case, tensors))
        assert [g.shape for g in gradients] == [t.shape for t in tensors.all()]
    assert run.experimental_get_tracing_count() == 1


@every_cell
def test_known_sizes_stay_known(case):
    tensors = random_tensors(case, 3, 5, 4, 6)

    @tf.function(
        input_signature=[
            tf.TensorSpec([3, None, 4], tf.float64),
            *(tf.TensorSpec(t.shape, t.dtype) for t in tensors.all()[1:]),
        ]
    )
    def run(*flat):
        with tf.GradientTape() as tape:
            tape.watch(flat)
            outputs, *states = call(case.function, case, tensors.replace(flat))
            loss = tf.reduce_sum(outputs)
        dinputs, *_ = tape.gradient(loss, flat)
        assert outputs.shape.as_list() == [3, None, 6]
        assert all(s.shape == (3, 6) for s in states)
        assert dinputs.shape.as_list() == [3, None, 4]
        return outputs

    run.get_concrete_function()


def op_types(graph):
    return [operation.type for operation in graph.get_operations()]


@every_cell
@pytest.mark.parametrize(
    ("wanted", "pruned"), [(0, "GradWeights"), (-2, "GradInput")], ids=["inputs", "weights"]
)
def test_only_the_gradients_asked_for_are_computed(case, wanted, pruned):
    tensors = random_tensors(case, 3, 5, 4, 6)

    @tf.function(autograph=False)
    def run(*flat):
        with tf.GradientTape() as tape:
            tape.watch(flat[wanted])
            loss = tf.reduce_sum(call(case.function, case, tensors.replace(flat))[0])
        return tape.gradient(loss, flat[wanted])

    concrete = run.get_concrete_function(*tensors.all())
    pruned_graph = tf.compat.v1.graph_util.extract_sub_graph(
        concrete.graph.as_graph_def(), [concrete.outputs[0].op.name]
    )
    types = {node.op for node in pruned_graph.node}
    fused = case.function.__name__.title().replace("_", "")
    assert f"Tfrnn{fused}Grad" in types
    assert f"Tfrnn{fused}{pruned}" not in types


@every_cell
@pytest.mark.parametrize("training", [False, True])
def test_a_tape_around_a_traced_layer(case, training):
    # Without training the graph keeps nothing for the gradient, which must come out all the same.
    layer = case.layer(5, return_sequences=True)
    inputs = tf.constant(random_tensors(case, 3, 4, 2, 5, dtype="float32").inputs)
    layer(inputs)
    traced = tf.function(lambda x: layer(x, training=training))
    traced(inputs)
    variables = [inputs, *layer.trainable_variables]
    (got, dgot), (want, dwant) = (
        values_and_gradients(lambda f=f: f(inputs), variables) for f in (traced, layer)
    )
    assert_close(got, want)
    assert_close(dgot, dwant)


@every_cell
@pytest.mark.parametrize("training", [False, True])
def test_reserve_space_is_kept_for_training_only(case, training):
    layer = case.layer(5)
    layer.build([3, 4, 2])
    graph = (
        tf.function(lambda x: layer(x, training=training))
        .get_concrete_function(tf.TensorSpec([3, 4, 2]))
        .graph
    )
    (forward,) = (o for o in graph.get_operations() if o.type.startswith("Tfrnn"))
    assert forward.get_attr("keep_reserve") is training


@every_cell
def test_xla_takes_the_reference_path_and_warns(case):
    tensors = random_tensors(case, 3, 4, 5, 6)
    mask = tf.constant(random_mask(3, 4))

    def run():
        return call(case.function, case, tensors, mask=mask, sequence_length=[4, 0, 2])

    with pytest.warns(tfrnn_ops.ReferencePathWarning, match="compiled by XLA"):
        got = tf.function(run, jit_compile=True)()
    assert_close(got, run())
    layer = case.layer(6)
    want = layer(tensors.inputs)
    with pytest.warns(tfrnn_ops.ReferencePathWarning, match="compiled by XLA"):
        assert_close(tf.function(layer, jit_compile=True)(tensors.inputs), want)


def test_in_a_while_loop():
    tensors = random_tensors(LSTM, 2, 3, 4, 4)

    def repeated(function):
        def body(i, inputs):
            tensors_here = tensors.replace([inputs, *tensors.all()[1:]])
            return i + 1, call(function, LSTM, tensors_here)[0]

        return tf.while_loop(lambda i, _: i < 3, body, (0, tensors.inputs))[1]

    got, want = (
        values_and_gradients(tf.function(lambda f=f: repeated(f)), [tensors.inputs])
        for f in (LSTM.function, LSTM.reference)
    )
    np.testing.assert_equal(len(got[1]), 1)
    assert_close(got[0], want[0])
    assert_close(got[1], want[1])
