"""The options that Keras lacks, of layers and cells: numbers, random bits, configuration."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from cells import EVERY_CELL, GRU, LSTM, copy_random_weights, every_cell_and_ind_rnn, random_mask
from gradients import values_and_gradients
from options import LSTM_ONLY, all_at_once, options_of, reference_call
from tolerance import assert_close, assert_same_bits

import tfrnn_ops

pytestmark = pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6


def inputs(batch=BATCH, time=TIME, dtype="float64"):
    return tf.cast(tf.random.stateless_normal([batch, time, FEATURES], seed=[1, 2]), dtype)


def make(case, **options):
    """A built layer in float64 with random weights, none of which is as initialised."""
    layer = case.layer(
        UNITS, return_sequences=True, return_state=True, dtype="float64", seed=7, **options
    )
    layer.build([BATCH, TIME, FEATURES])
    copy_random_weights(layer)
    return layer


def each_option(*left_out):
    """Runs a test for every cell and every option that it has, and for all of them at once."""
    pairs = {
        f"{name}-{option}": (case, option)
        for name, case in EVERY_CELL.items()
        for option in [*options_of(case), "everything"]
        if option not in left_out
    }
    return pytest.mark.parametrize(("case", "option"), pairs.values(), ids=pairs)


def arguments(case, option):
    return all_at_once(case) if option == "everything" else options_of(case)[option]


@each_option()
@pytest.mark.parametrize("training", [False, True])
def test_values_and_gradients_equal_the_reference(case, option, training):
    layer = make(case, **arguments(case, option))
    x = inputs()
    mask = tf.constant(random_mask(BATCH, TIME))
    # The first seed of Keras's generator is its own seed and a zero.
    (got, dgot), (want, dwant) = (
        values_and_gradients(f, [x, *(w.value for w in layer.weights)])
        for f in (
            lambda: layer(x, mask=mask, training=training),
            lambda: reference_call(layer, x, mask=mask, training=training, seed=[7, 0]),
        )
    )
    assert_close(got, want)
    assert_close(dgot, dwant)


@each_option("recompute", "return_cell_states")
def test_it_changes_the_outputs(case, option):
    layer, plain = make(case, **arguments(case, option)), make(case)
    if layer.cell.projection_kernel is None:
        plain.set_weights(layer.get_weights()[: len(plain.weights)])
    got, want = (f(inputs(), training=True)[0] for f in (layer, plain))
    assert got.shape != want.shape or np.abs(got - want).max() > 1e-3


def test_a_clip_of_the_projection_changes_the_outputs():
    layer = make(LSTM, projection_units=3, projection_clip=0.1)
    wide = make(LSTM, projection_units=3)
    assert np.abs(layer(inputs())[0]).max() == 0.1
    assert np.abs(wide(inputs())[0]).max() > 0.2


@each_option()
def test_shapes(case, option):
    layer = make(case, **arguments(case, option))
    got = [tuple(t.shape) for t in layer(inputs())]
    assert [tuple(s) for s in layer.compute_output_shape([BATCH, TIME, FEATURES])] == got
    symbolic = layer(keras.Input([None, FEATURES], dtype="float64"))
    assert [t.shape[-1] for t in symbolic] == [shape[-1] for shape in got]
    assert [s.shape[-1] for s in layer.get_initial_state(2)] == layer.state_size
    time_major = case.layer(
        UNITS, time_major=True, return_sequences=True, **arguments(case, option)
    )
    shape = time_major.compute_output_shape([TIME, BATCH, FEATURES])
    got = time_major(tf.zeros([TIME, BATCH, FEATURES]))
    assert shape == (tuple(tuple(t.shape) for t in got) if isinstance(got, tuple) else got.shape)


@each_option()
def test_configuration_and_files(case, option, tmp_path):
    options = {**arguments(case, option), "drop_connect": 0.1}
    options.pop("return_cell_states", None)
    layer = case.layer(UNITS, **options)
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    assert options.items() <= layer.get_config().items()
    cell = case.cell(UNITS, **options)
    assert type(cell).from_config(cell.get_config()).get_config() == cell.get_config()
    assert options.items() <= cell.get_config().items()

    model = keras.Sequential([keras.Input([None, FEATURES]), layer])
    copy_random_weights(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same_bits([loaded(inputs(dtype="float32"))], [model(inputs(dtype="float32"))])


def test_weights_begin_with_keras_weights():
    layer = make(LSTM, **all_at_once(LSTM))
    assert [w.name for w in layer.weights] == [
        *("kernel", "recurrent_kernel", "bias"),
        *("peephole_kernel", "projection_kernel", "layer_norm_gain", "layer_norm_offset"),
    ]
    assert [tuple(w.shape) for w in layer.weights] == [
        *((4, 24), (3, 24), (24,)),
        *((3, 6), (6, 3), (54,), (54,)),
    ]
    fresh = tfrnn_ops.LSTM(2, layer_norm=True)
    fresh.build([None, None, 3])
    assert np.all(fresh.cell.layer_norm_gain == 1)
    assert not np.any(fresh.cell.layer_norm_offset)


def test_stateful_with_a_projection():
    options = {"projection_units": 3, "peephole": True}
    stateful = tfrnn_ops.LSTM(UNITS, stateful=True, return_sequences=True, **options)
    whole = tfrnn_ops.LSTM(UNITS, return_sequences=True, **options)
    for layer in (stateful, whole):
        layer.build([BATCH, TIME, FEATURES])
    copy_random_weights(whole, stateful)
    x = inputs(dtype="float32")
    got = [stateful(x[:, :2]), stateful(x[:, 2:])]
    assert_close(tf.concat(got, 1), whole(x))


@every_cell_and_ind_rnn
@pytest.mark.parametrize("option", ["recurrent_dropout", "zoneout"])
def test_draws(case, option):
    options = options_of(case)[option]
    x = inputs()

    def run(call):
        """Two calls of a new layer from the same global seed."""
        keras.utils.set_random_seed(3)
        layer = case.layer(UNITS, dtype="float64", **options)
        return [call(layer)(x, training=True) for _ in range(2)]

    eager = run(lambda layer: layer)
    assert np.abs(eager[0] - eager[1]).max() > 1e-3
    assert_close(run(lambda layer: layer), eager)
    keras.utils.set_random_seed(3)
    layer = case.layer(UNITS, dtype="float64", **options)
    graph = tf.function(layer)
    assert_close([graph(x, training=True) for _ in range(2)], eager)
    assert_same_bits([layer(x)], [layer(x)])


@every_cell_and_ind_rnn
def test_fit_repeats_from_a_seed(case):
    def fit():
        keras.utils.set_random_seed(5)
        layer = case.layer(UNITS, zoneout=0.2, drop_connect=0.2, layer_norm=True)
        model = keras.Sequential([layer, keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        x = inputs(8, dtype="float32")
        return model.fit(x, x[:, 0, :1], epochs=2, batch_size=4, verbose=0).history["loss"]

    first = fit()
    assert fit() == first
    assert np.isfinite(first).all()


@every_cell_and_ind_rnn
def test_drop_connect(case):
    layer = case.layer(UNITS, drop_connect=0.25, seed=1, dtype="float64", use_bias=False)
    layer.build([BATCH, TIME, FEATURES])
    recurrent_kernel = layer.cell.recurrent_kernel
    dropped = case.layer(UNITS, dtype="float64", use_bias=False)
    dropped.build([BATCH, TIME, FEATURES])
    mask = tf.nn.experimental.stateless_dropout(
        tf.ones_like(recurrent_kernel.value), 0.25, seed=[1, 0], rng_alg="philox"
    )
    assert set(np.unique(mask)) == {0.0, 1 / 0.75}
    dropped.set_weights([layer.cell.kernel, recurrent_kernel * mask])
    assert_close(layer(inputs(), training=True), dropped(inputs()))
    dropped.set_weights(layer.get_weights())
    assert_close(layer(inputs()), dropped(inputs()))
    another = layer(inputs(), training=True)
    assert np.abs(another - layer(inputs(), training=True)).max() > 1e-6


@each_option()
def test_a_cell_is_a_step(case, option):
    options = dict(arguments(case, option))
    options.pop("return_cell_states", None)
    cell = case.cell(UNITS, dtype="float64", seed=7, **options)
    layer = make(case, **options)
    cell.build([BATCH, FEATURES])
    cell.set_weights(layer.get_weights())
    for training in (False, True):
        states = [
            inputs(BATCH, size)[:, 0, :1] * tf.ones([size], "float64") for size in layer.state_size
        ]
        output, new_states = cell(inputs()[:, 0], states, training=training)
        want = layer(inputs()[:, :1], initial_state=states, training=training)
        assert_close([output, *new_states], [want[0][:, 0], *want[1:]])


@every_cell_and_ind_rnn
@pytest.mark.parametrize("in_graph", [False, True])
def test_cells_in_a_keras_rnn(case, in_graph):
    options = all_at_once(case)
    options.pop("return_cell_states", None)
    layer = make(case, **options)
    rnn = keras.layers.RNN(
        case.cell(UNITS, dtype="float64", seed=7, **options),
        return_sequences=True,
        return_state=True,
        dtype="float64",
    )
    rnn.build([BATCH, TIME, FEATURES])
    rnn.set_weights(layer.get_weights())
    call = tf.function(rnn) if in_graph else rnn
    assert_close(list(call(inputs())), list(layer(inputs())))
    first, second = (call(inputs(), training=True)[0] for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


@every_cell_and_ind_rnn
def test_inside_xla(case):
    layer = make(case, **all_at_once(case))
    compiled = tf.function(lambda x: layer(x, training=True), jit_compile=True)
    got = compiled(inputs())
    want = reference_call(layer, inputs(), training=True, seed=[7, 0])
    assert_close(list(got), want)


@every_cell_and_ind_rnn
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(case, policy):
    options = all_at_once(case)
    options.pop("return_cell_states", None)
    layer = case.layer(UNITS, dtype=policy, drop_connect=0.1, **options)
    model = keras.Sequential([layer, keras.layers.Dense(1, dtype=policy)])
    optimizer = keras.optimizers.Adam(0.02)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, "mse")
    x = inputs(16, dtype="float32")
    y = tf.reduce_mean(x[:, :, :1], axis=1)
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=8, batch_size=8, verbose=0)
    assert model.evaluate(x, y, verbose=0) < before
    assert {w.dtype for w in layer.weights} == {"float32"}
    assert layer(x).dtype == layer.compute_dtype
    whole = case.layer(UNITS, dtype="float32", **options)
    whole.build(x.shape)

    def rounded(values):
        return tf.cast(tf.cast(values, layer.compute_dtype), "float32")

    whole.set_weights([rounded(w) for w in layer.get_weights()])
    assert_close(rounded(layer(x)), whole(rounded(x)), layer.compute_dtype)


def test_cell_states():
    layer = make(LSTM, return_cell_states=True)
    mask = tf.constant(random_mask(BATCH, TIME))
    outputs, h, c, cell_states = layer(inputs(), mask=mask)
    assert_close([outputs[:, -1], cell_states[:, -1]], [h, c])
    layer = tfrnn_ops.LSTM(UNITS, return_cell_states=True)
    embedded = keras.layers.Masking()(inputs(dtype="float32"))
    last, cell_states = layer(embedded)
    assert last.shape == (BATCH, UNITS)
    assert cell_states.shape == (BATCH, TIME, UNITS)
    assert getattr(cell_states, "_keras_mask", None) is not None


BAD_OPTIONS = {
    "zoneout": ({"zoneout": 1.0}, "zoneout is 1.0; expected a rate of at least 0 and below 1"),
    "negative": ({"zoneout": -0.1}, "zoneout is -0.1; expected a rate"),
    "rate type": ({"cell_zoneout": "0.1"}, "cell_zoneout is '0.1'; expected a rate"),
    "drop_connect": ({"drop_connect": 1.5}, "drop_connect is 1.5; expected a rate"),
    "per step": (
        {"recurrent_dropout": 1.0, "recurrent_dropout_per_step": True},
        "recurrent_dropout is 1.0; expected a rate",
    ),
    "cell_clip": ({"cell_clip": 0}, "cell_clip is 0; expected a finite number above 0, or None"),
    "projection_clip": (
        {"projection_clip": 1.0},
        "projection_clip is 1.0, but there is no projection to clip",
    ),
    "projection": ({"projection_units": 0}, "projection_units is 0; expected a width above 0"),
    "projection type": ({"projection_units": 2.0}, r"projection_units is 2.0; expected a width"),
    "recompute": ({"recompute": 0}, "recompute is 0; expected a number of steps above 0"),
    "recompute type": ({"recompute": True}, "recompute is True; expected a number of steps"),
    "epsilon": ({"layer_norm_epsilon": 0.0}, "layer_norm_epsilon is 0.0; expected a finite"),
    "carry": ({"layer_norm_carry": True}, "layer_norm_carry is True, but without layer_norm"),
    "crelu": ({"activation": "crelu"}, "activation crelu doubles the width"),
    "crelu function": ({"recurrent_activation": tf.nn.crelu}, "activation crelu doubles the width"),
    "glu": ({"activation": "glu"}, "activation glu halves the width"),
}


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
@pytest.mark.parametrize("kind", [tfrnn_ops.LSTM, tfrnn_ops.LSTMCell])
def test_bad_options(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(3, **options)


@pytest.mark.parametrize("name", ["peephole", "layer_norm", "recurrent_dropout_per_step"])
def test_flags_are_bools(name):
    with pytest.raises(TypeError, match=f"{name} is 1; expected a bool"):
        tfrnn_ops.LSTM(3, **{name: 1})


@pytest.mark.parametrize("kind", [tfrnn_ops.GRU, tfrnn_ops.SimpleRNNCell, tfrnn_ops.IndRNN])
@pytest.mark.parametrize("option", LSTM_ONLY)
def test_options_of_another_cell(kind, option):
    name, value = list(LSTM_ONLY[option].items())[-1]
    if issubclass(kind, keras.layers.SimpleRNNCell) and name == "return_cell_states":
        pytest.skip("cells return their states")
    with pytest.raises(ValueError, match=f"{name} is {value}, but {kind.kind.name} has no "):
        kind(3, **{name: value})
    off = {float: 0.0, int: None, bool: False}[type(value)]
    kind(3, **{name: None if "clip" in name else off})


def test_an_option_of_nobody():
    with pytest.raises(ValueError, match="zone_out"):
        tfrnn_ops.GRU(3, zone_out=0.1)


def test_ind_rnn():
    layer = tfrnn_ops.IndRNN(UNITS, "tanh", False, "ones", return_sequences=True, dtype="float64")
    x = inputs()
    got = layer(x)
    u, h, want = np.asarray(layer.cell.recurrent_kernel), np.zeros([BATCH, UNITS]), []
    assert u.shape == (UNITS,)
    assert np.all((u >= 0) & (u < 1))
    assert np.ptp(u) > 0
    for t in range(TIME):
        h = np.tanh(x[:, t].numpy().sum(axis=1, keepdims=True) + u * h)
        want.append(h)
    assert_close(got, np.stack(want, axis=1))
    regular = tfrnn_ops.IndRNN(3, recurrent_regularizer="l2", recurrent_constraint="non_neg")
    regular.build([None, None, 2])
    assert_close(regular.losses[0], 0.01 * np.sum(np.square(regular.cell.recurrent_kernel)))
    assert regular.activation is keras.activations.relu
    assert regular.cell.name == "ind_rnn_cell"


def test_a_function_of_ones_own_warns_once():
    layer = tfrnn_ops.GRU(3, activation=lambda x: x * 0.5)
    with pytest.warns(tfrnn_ops.ReferencePathWarning, match="activation: <lambda>, which"):
        layer(inputs(dtype="float32"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(inputs(dtype="float32"))


def test_seeds_agree_with_keras():
    """Our cell in the place of Keras's draws no seed besides."""
    outputs = []
    for module in (keras.layers, tfrnn_ops):
        keras.utils.set_random_seed(11)
        layers = [GRU.layer(UNITS, module, dropout=0.5), LSTM.layer(UNITS, module, dropout=0.5)]
        outputs.append([layer(inputs(dtype="float32"), training=True) for layer in layers])
    assert_close(*reversed(outputs))
