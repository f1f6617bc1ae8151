"""The fused ops inside TensorFlow's transformations of programs: maps, branches, XLA, replicas."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import (
    GRU,
    LSTM,
    SIMPLE_RNN,
    Tensors,
    call,
    every_cell_and_ind_rnn,
    random_mask,
    random_tensors,
)
from derivatives import Problem
from gradients import projection, values_and_gradients
from spies import spy_on_fused_ops
from tolerance import assert_close

import tfrnn_ops

SIZES = (2, 3, 4, 5)


def fused_ops(concrete):
    """The types of this package's ops in a traced function and those that it calls."""
    definition = concrete.graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    return {node.op for node in nodes if node.op.startswith("Tfrnn")}


def over_examples(case, tensors, mapped):
    """A loss and its gradients, of calls that `mapped(function, examples)` makes of one call."""
    examples = tf.stack([tensors.inputs, -tensors.inputs, tensors.inputs**2])
    others = tensors.all()[1:]

    def run():
        def one(inputs):
            return call(case.function, case, tensors.replace([inputs, *others]), activation="tanh")

        return mapped(one, examples)

    return values_and_gradients(run, [examples, *others])


def in_python(function, examples):
    results = [function(example) for example in tf.unstack(examples)]
    return [tf.stack(r) for r in zip(*results, strict=True)]


def by_map_fn(function, examples):
    signature = [tf.TensorSpec(None, tf.float64)] * len(function(examples[0]))
    return tf.map_fn(function, examples, fn_output_signature=signature)


@every_cell_and_ind_rnn
@pytest.mark.parametrize("mapped", [tf.vectorized_map, by_map_fn], ids=["vectorized", "map_fn"])
def test_maps(case, mapped):
    tensors = random_tensors(case, *SIZES)
    want = over_examples(case, tensors, in_python)
    run = tf.function(lambda: over_examples(case, tensors, mapped), autograph=False)
    for got in (over_examples(case, tensors, mapped), run()):
        assert_close(got[0], want[0])
        assert_close(got[1], want[1])


@every_cell_and_ind_rnn
def test_vectorized_map_of_a_gradient(case):
    """As for gradients of every example on its own."""
    tensors = random_tensors(case, *SIZES)

    def gradient(inputs):
        variables = [inputs, *tensors.all()[1:]]
        return values_and_gradients(
            lambda: call(case.function, case, tensors.replace(variables)), variables
        )[1]

    examples = tf.stack([tensors.inputs, -tensors.inputs])
    assert_close(tf.vectorized_map(gradient, examples), in_python(gradient, examples))


@every_cell_and_ind_rnn
def test_batch_jacobian(case):
    tensors = random_tensors(case, *SIZES)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(tensors.inputs)
        outputs = call(case.function, case, tensors)[0]
        parts = [outputs[:, :, i] for i in range(SIZES[3])]
        sums = [[tf.reduce_sum(part[:, t]) for part in parts] for t in range(SIZES[1])]
    jacobian = tape.batch_jacobian(outputs, tensors.inputs)
    want = tf.stack([tf.stack([tape.gradient(s, tensors.inputs) for s in row]) for row in sums])
    assert_close(jacobian, tf.transpose(want, [2, 0, 1, 3, 4]))


@pytest.mark.parametrize("case", [LSTM, SIMPLE_RNN], ids=["lstm", "simple_rnn"])
def test_second_order_in_a_while_loop(case):
    problem = Problem(case, "mask")

    def second(function):
        def body(i, inputs):
            variables = [inputs, *problem.variables[1:]]
            outputs = problem.values(variables, reference=function is case.reference)[0]
            return i + 1, outputs[:, :, :3]

        with tf.GradientTape() as outer:
            outer.watch(problem.variables)
            with tf.GradientTape() as inner:
                inner.watch(problem.variables)
                inputs = tf.while_loop(lambda i, _: i < 2, body, (0, problem.variables[0]))[1]
                loss = projection(tf.sin(inputs))
            first = inner.gradient(loss, problem.variables[:1])
        return outer.gradient(first, problem.variables[:1], problem.direction[:1])

    got = tf.function(lambda: second(case.function), autograph=False)()
    assert_close(got, second(case.reference))


@every_cell_and_ind_rnn
def test_in_both_branches(case):
    tensors = random_tensors(case, *SIZES)
    mask = tf.constant(random_mask(*SIZES[:2]))

    @tf.function(autograph=False)
    def run(masked, *flat):
        def branch(**options):
            return lambda: call(case.function, case, tensors.replace(flat), **options)

        return values_and_gradients(
            lambda: tf.cond(masked, branch(mask=mask), branch(go_backwards=True)), list(flat)
        )

    for masked, options in ((True, {"mask": mask}), (False, {"go_backwards": True})):
        got = run(tf.constant(masked), *tensors.all())
        want = values_and_gradients(
            lambda options=options: call(case.reference, case, tensors, **options), tensors.all()
        )
        if case.name == "ind_rnn":
            assert not np.allclose(want[0][0], 0)
        assert_close(got[0], want[0])
        assert_close(got[1], want[1])
    assert fused_ops(run.get_concrete_function(tf.constant(True), *tensors.all()))


@every_cell_and_ind_rnn
@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "graph"])
def test_recompute_grad(case, in_graph):
    tensors = random_tensors(case, *SIZES)

    def run(wrap):
        function = wrap(lambda *flat: call(case.function, case, tensors.replace(flat)))
        return values_and_gradients(lambda: function(*tensors.all()), tensors.all())

    again = lambda: run(tf.recompute_grad)  # noqa: E731
    got = (tf.function(again, autograph=False) if in_graph else again)()
    want = run(lambda function: function)
    assert_close(got[0], want[0])
    assert_close(got[1], want[1])


@every_cell_and_ind_rnn
@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
def test_gradients_in_xla(case):
    tensors = random_tensors(case, *SIZES)
    layer = case.layer(3)
    layer(tensors.inputs)
    said = []

    def run(*flat):
        said.append(tfrnn_ops.explain(layer))
        return values_and_gradients(
            lambda: call(case.function, case, tensors.replace(flat)), list(flat)
        )

    want = run(*tensors.all())
    compiled = tf.function(run, jit_compile=True, autograph=False)
    got = compiled(*tensors.all())
    assert_close(got[0], want[0])
    assert_close(got[1], want[1])
    assert [s.path for s in said] == ["fused", "reference"]
    assert "compiled by XLA" in said[1].reasons[0]
    assert not fused_ops(compiled.get_concrete_function(*tensors.all()))


@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
def test_second_order_in_xla():
    problem = Problem(GRU)

    def second(*variables):
        variables = list(variables)
        with tf.GradientTape() as outer:
            outer.watch(variables)
            with tf.GradientTape() as inner:
                inner.watch(variables)
                x, h, *weights = variables
                loss = projection(tf.sin(tfrnn_ops.gru(x, h, *weights)[0]))
            first = inner.gradient(loss, variables)
        return outer.gradient(first, variables, problem.direction)

    got = tf.function(second, jit_compile=True, autograph=False)(*problem.variables)
    assert_close(got, second(*problem.variables))


@every_cell_and_ind_rnn
def test_keras_leaves_the_op_alone_by_default(case, monkeypatch):
    model = keras.Sequential([keras.Input([4, 3]), case.layer(5), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile="auto")
    assert not model.jit_compile
    inputs, targets = np.ones([8, 4, 3], "float32"), np.ones([8, 1], "float32")
    called = spy_on_fused_ops(monkeypatch)
    model.fit(inputs, targets, verbose=0)
    op = f"Tfrnn{case.name.title().replace('_', '')}"
    assert {op, f"{op}Grad"} <= set(dict(called))


@every_cell_and_ind_rnn
def test_few_traces_serve_all_sizes(case):
    def squares(inputs, states, weights):
        flat = [inputs, *states, *weights]
        with tf.GradientTape() as tape:
            tape.watch(flat)
            values = call(case.function, case, Tensors(inputs, states, weights))
            loss = tf.add_n([tf.reduce_sum(v**2) for v in values])
        return [*values, *tape.gradient(loss, flat)]

    run = tf.function(squares, reduce_retracing=True, autograph=False)
    for batch, time in ((2, 3), (3, 4), (4, 2), (1, 1), (5, 6)):
        tensors = random_tensors(case, batch, time, 4, 5)
        arguments = tensors.inputs, tensors.states, tensors.weights
        assert_close(run(*arguments), squares(*arguments))
    assert run.experimental_get_tracing_count() <= 2


def run_in_fresh_process(script):
    head = """
    import warnings
    import keras, numpy as np, tensorflow as tf
    import tfrnn_ops
    warnings.simplefilter("error", tfrnn_ops.ReferencePathWarning)
    """
    command = [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def test_mirrored_strategy():
    """Two replicas learn what one does from the same batches."""
    run_in_fresh_process(
        """
        cpu = tf.config.list_physical_devices("CPU")[0]
        logical = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, logical)

        def train(strategy):
            with strategy.scope():
                layers = [tfrnn_ops.LSTM(5, return_sequences=True), tfrnn_ops.GRU(4)]
                layers += [keras.layers.Dense(1)]
                model = keras.Sequential([keras.Input([6, 3]), *layers])
                rng = np.random.default_rng(0)
                model.set_weights([rng.normal(size=w.shape) * 0.3 for w in model.get_weights()])
                model.compile(keras.optimizers.SGD(0.1), "mse")
            inputs = rng.normal(size=[16, 6, 3]).astype("float32")
            targets = inputs.sum(axis=(1, 2), keepdims=False)[:, None]
            history = model.fit(inputs, targets, 8, epochs=3, shuffle=False, verbose=0)
            return model.get_weights(), history.history["loss"]

        mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        assert mirrored.num_replicas_in_sync == 2
        got, losses = train(mirrored)
        want, want_losses = train(tf.distribute.get_strategy())
        assert want_losses[-1] < want_losses[0]
        np.testing.assert_allclose(losses, want_losses, rtol=1e-4)
        for g, w in zip(got, want, strict=True):
            np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-5)

        # A loop of one's own.
        with mirrored.scope():
            layer = tfrnn_ops.SimpleRNN(3)
            layer.build([2, 4, 3])

        @tf.function
        def gradients():
            def one():
                x = tf.ones([2, 4, 3])
                with tf.GradientTape() as tape:
                    loss = tf.reduce_sum(layer(x, training=True))
                return tape.gradient(loss, layer.trainable_variables)[0]
            return mirrored.reduce("SUM", mirrored.run(one), axis=None)

        with tf.GradientTape() as tape:
            loss = 2 * tf.reduce_sum(layer(tf.ones([2, 4, 3])))
        want = tape.gradient(loss, layer.trainable_variables)[0]
        np.testing.assert_allclose(gradients(), want, rtol=1e-5)
        """
    )


def test_op_determinism():
    """Under TensorFlow's switch everything runs, twice to the same bits, here and elsewhere."""
    script = """
    import hashlib
    tf.config.experimental.enable_op_determinism()

    def train():
        keras.utils.set_random_seed(1)
        options = {"return_sequences": True, "recurrent_dropout": 0.2, "seed": 3}
        model = keras.Sequential([
            keras.Input([7, 3]),
            tfrnn_ops.LSTM(9, zoneout=0.1, recurrent_dropout_per_step=True, **options),
            tfrnn_ops.Bidirectional(tfrnn_ops.GRU(5, dropout=0.3, **options)),
            tfrnn_ops.IndRNN(6, layer_norm=True),
            keras.layers.Dense(1),
        ])
        model.compile("adam", "mse")
        inputs = np.random.default_rng(0).normal(size=[24, 7, 3]).astype("float32")
        model.fit(inputs, inputs[:, 0, :1], 8, epochs=2, verbose=0)
        x = tf.constant(inputs)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = tf.reduce_sum(model(x))
            penalty = tf.reduce_sum(inner.gradient(y, x) ** 2)
        arrays = [*model.get_weights(), outer.gradient(penalty, x).numpy()]
        return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()

    first = train()
    assert train() == first, "other bits the second time"
    print(first)
    """
    assert run_in_fresh_process(script) == run_in_fresh_process(script)
