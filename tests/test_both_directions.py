"""Both directions of a `Bidirectional` in one call of the fused op."""

import keras
import pytest
import tensorflow as tf
from cells import copy_random_weights, every_cell, every_cell_and_ind_rnn, random_mask
from gradients import values_and_gradients
from spies import spy_on_fused_ops
from tolerance import assert_close, assert_same_bits

import tfrnn_ops
from tfrnn_ops import fused
from tfrnn_ops.fused import Direction

BATCH, TIME, FEATURES, UNITS = 4, 5, 3, 2
MERGE_MODES = ["concat", "sum", "mul", "ave", None]

pytestmark = pytest.mark.filterwarnings("ignore:.*ind_rnn:tfrnn_ops.ReferencePathWarning")


def inputs():
    return tf.random.stateless_normal([BATCH, TIME, FEATURES], seed=[1, 2])


def in_two_calls(layer):
    """Makes a layer run each direction in a call of its own."""
    layer.why_two_calls = lambda training=False: "the test asks for it"
    return layer


OPTIONS = {
    "plain": {},
    "merged": {"return_sequences": True, "return_state": True},
    "dropout": {"return_sequences": True, "dropout": 0.4, "recurrent_dropout": 0.4},
    "per step": {"return_sequences": True, "recurrent_dropout_per_step": True, "zoneout": 0.3},
    "layer norm": {"return_sequences": True, "layer_norm": True, "use_bias": False},
    "recompute": {"return_sequences": True, "recompute": 2},
    "DropConnect": {"drop_connect": 0.3},
    "stateful": {"return_sequences": True, "stateful": True},
    "time-major": {"return_sequences": True, "time_major": True},
}


@every_cell_and_ind_rnn
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("masked", [False, True])
def test_one_call_gives_the_bits_of_two(case, options, masked):
    options = dict(options)
    if options.get("recurrent_dropout_per_step"):
        options |= {"recurrent_dropout": 0.4}
    x = inputs()
    mask = tf.constant(random_mask(BATCH, TIME)) if masked else None
    if options.get("time_major"):
        x, mask = tf.transpose(x, [1, 0, 2]), None if mask is None else tf.transpose(mask)
    found = []
    for together in (True, False):
        layer = tfrnn_ops.Bidirectional(case.layer(UNITS, seed=3, **options))
        layer.build(x.shape)
        if not together:
            in_two_calls(layer).set_weights(found[0][0].get_weights())
        else:
            copy_random_weights(layer)
        weights = [v.value for v in layer.trainable_variables]
        calls = [
            values_and_gradients(lambda f=layer: f(x, mask=mask, training=True), [x, *weights])
            for _ in range(2)  # what is drawn, and the states, go on
        ]
        assert (layer.why_two_calls(training=True) is None) is together
        found.append((layer, calls))
    (_, one), (_, two) = found
    for (values, gradients), (others, other_gradients) in zip(one, two, strict=True):
        assert_same_bits(values, others)
        assert_same_bits(gradients, other_gradients)


@every_cell_and_ind_rnn
@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("merge_mode", MERGE_MODES)
def test_one_call_in_every_dtype_and_mode(case, dtype, merge_mode):
    x = tf.cast(inputs(), dtype)
    layer = tfrnn_ops.Bidirectional(
        case.layer(UNITS, return_sequences=True, dtype=dtype), merge_mode=merge_mode
    )
    layer.build(x.shape)
    one = values_and_gradients(lambda: layer(x), [x, *layer.trainable_variables])
    two = values_and_gradients(lambda: in_two_calls(layer)(x), [x, *layer.trainable_variables])
    assert_same_bits(one[0], two[0])
    assert_same_bits(one[1], two[1])


@every_cell_and_ind_rnn
@pytest.mark.parametrize("recompute", [None, 2])
def test_how_many_calls(case, recompute, monkeypatch):
    layer = tfrnn_ops.Bidirectional(case.layer(UNITS, return_sequences=True, recompute=recompute))
    layer.build([BATCH, TIME, FEATURES])
    op = layer.forward_layer.kind.fused.op
    called = spy_on_fused_ops(monkeypatch)
    x = inputs()
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x)
    tape.gradient(outputs, [x, *[v.value for v in layer.trainable_variables]])
    suffixes = (
        ("", "Grad", "GradInput", "GradWeights") if recompute is None else ("", "GradRecompute")
    )
    assert [name for name, _ in called] == [op + suffix for suffix in suffixes]
    called.clear()
    with tf.GradientTape() as tape:  # nobody wants the gradient of the inputs
        outputs = layer(x)
    tape.gradient(outputs, [v.value for v in layer.trainable_variables])
    assert op + "GradInput" not in [name for name, _ in called]


@every_cell
def test_an_unknown_shape_and_no_steps(case):
    layer = tfrnn_ops.Bidirectional(case.layer(UNITS))
    x = inputs()

    @tf.function(input_signature=[tf.TensorSpec(None), tf.TensorSpec(None, tf.bool)])
    def run(x, mask):
        x = tf.ensure_shape(x, [None, None, FEATURES])
        return layer(x, mask=tf.ensure_shape(mask, [None, None])), layer(x)

    mask = tf.constant(random_mask(BATCH, TIME))
    assert_same_bits(run(x, mask), [layer(x, mask=mask), layer(x)])
    assert_same_bits(run(x[:, :0], mask[:, :0]), [tf.zeros([BATCH, 2 * UNITS])] * 2)
    assert run(x[:0], mask[:0])[0].shape == (0, 2 * UNITS)


def test_second_derivatives():
    layer = tfrnn_ops.Bidirectional(tfrnn_ops.LSTM(UNITS, return_sequences=True, dtype="float64"))
    x = tf.cast(inputs(), "float64")

    def penalty():
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) ** 2)
        return tf.reduce_sum(tape.gradient(loss, x) ** 2)

    layer(x)
    got = values_and_gradients(penalty, [x, *layer.trainable_variables])
    with tfrnn_ops.use_reference():
        want = values_and_gradients(penalty, [x, *layer.trainable_variables])
    assert_close(got[0], want[0])
    assert_close(got[1], want[1])


@keras.saving.register_keras_serializable(package="test_bidirectional")
class DoesMore(tfrnn_ops.LSTM):
    def call(self, *args, **kwargs):
        return 2 * super().call(*args, **kwargs)


APART = {
    "other units": (
        tfrnn_ops.LSTM(2),
        tfrnn_ops.LSTM(3, go_backwards=True),
        "differ in their sizes",
    ),
    "another cell": (tfrnn_ops.LSTM(2), tfrnn_ops.GRU(2, go_backwards=True), "in their options"),
    "other options": (
        tfrnn_ops.LSTM(2),
        tfrnn_ops.LSTM(2, zoneout=0.1, go_backwards=True),
        "in their options",
    ),
    "no bias": (
        tfrnn_ops.LSTM(2),
        tfrnn_ops.LSTM(2, use_bias=False, go_backwards=True),
        "one has a bias",
    ),
    "a call of its own": (DoesMore(2), None, "does more in its call"),
    "a regularizer": (tfrnn_ops.LSTM(2, activity_regularizer="l2"), None, "does more in its call"),
    "a dtype": (
        tfrnn_ops.LSTM(2),
        tfrnn_ops.LSTM(2, dtype="float64", go_backwards=True),
        "a dtype of their own",
    ),
    "the reference": (tfrnn_ops.LSTM(2, activation="mish"), None, "the fused op does not run both"),
}


@pytest.mark.filterwarnings("ignore:.*:tfrnn_ops.ReferencePathWarning")
@pytest.mark.parametrize(("layer", "backward", "reason"), APART.values(), ids=APART)
def test_two_calls_where_one_does_not_do(layer, backward, reason):
    layer = tfrnn_ops.Bidirectional(layer, backward_layer=backward)
    assert reason in layer.why_two_calls()
    assert reason in str(tfrnn_ops.explain(layer))
    x = inputs()
    got = layer(x)
    alone = [direction(x) for direction in layer.directions]
    assert_close(got, tf.concat([tf.cast(part, got.dtype) for part in alone], -1))
    assert len(layer.losses) == (layer.forward_layer.activity_regularizer is not None) * 2


def test_explain_tells_that_one_call_runs_both():
    layer = tfrnn_ops.Bidirectional(tfrnn_ops.GRU(2))
    text = str(tfrnn_ops.explain(layer))
    assert "both directions run in one call of the op" in text
    assert "merge_mode: concat, in the op" in text
    layer = tfrnn_ops.Bidirectional(tfrnn_ops.GRU(2), merge_mode="sum")
    assert "merge_mode: sum, after the op" in str(tfrnn_ops.explain(layer))


def test_directions_that_are_not_alike():
    one = Direction(inputs(), [tf.zeros([BATCH, 2])], tf.zeros([3, 2]), tf.zeros([2, 2]), None)
    shapes = "the same shapes in both directions"
    wrong = [
        (one._replace(inputs=inputs()[:, :2]), shapes, "x axis 1 must be 5, found 2"),
        (
            one._replace(
                initial_state=[tf.zeros([BATCH, 3])],
                kernel=tf.zeros([3, 3]),
                recurrent_kernel=tf.zeros([3, 3]),
            ),
            shapes,
            "must be 2, found 3",
        ),
        (one._replace(inputs=inputs()[..., :2], kernel=tf.zeros([2, 2])), shapes, None),
        (one._replace(bias=tf.zeros([2])), "bias must be there for both directions", None),
    ]
    for other, message, in_graph in wrong:

        def run(other=other):
            return fused.simple_rnn([one, other], None, keep_reserve=True)

        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            run()
        if in_graph is not None:
            with pytest.raises(ValueError, match=in_graph):
                tf.function(run, autograph=False)()
    with pytest.raises(tf.errors.InvalidArgumentError, match="directions must be 1 or 2, found 3"):
        fused.simple_rnn([one] * 3, None, keep_reserve=True)
