"""Every option that the cells have besides Keras's, as arguments of layers and of functions."""

from typing import Any

import tensorflow as tf

from tfrnn_ops.reference import gru, ind_rnn, lstm, simple_rnn

REFERENCE = {"lstm": lstm, "gru": gru, "simple_rnn": simple_rnn, "ind_rnn": ind_rnn}

# Constructor arguments, by what they turn on.
COMMON: dict[str, dict[str, Any]] = {
    "recurrent_dropout": {"recurrent_dropout": 0.4, "recurrent_dropout_per_step": True},
    "zoneout": {"zoneout": 0.3},
    "layer_norm": {"layer_norm": True, "layer_norm_epsilon": 1e-2},
    "recompute": {"recompute": 2},
}
LSTM_ONLY: dict[str, dict[str, Any]] = {
    "cell_zoneout": {"cell_zoneout": 0.3},
    "peephole": {"peephole": True},
    "projection": {"projection_units": 3},
    "projection_clip": {"projection_units": 3, "projection_clip": 0.1},
    "cell_clip": {"cell_clip": 0.2},
    "layer_norm_carry": {"layer_norm": True, "layer_norm_carry": True},
    "return_cell_states": {"return_cell_states": True},
}


def options_of(case):
    """The options that a cell has."""
    return {**COMMON, **(LSTM_ONLY if case.name == "lstm" else {})}


def all_at_once(case):
    """Constructor arguments that turn everything on."""
    return {name: value for option in options_of(case).values() for name, value in option.items()}


def reference_call(layer, inputs, initial_state=None, *, training=False, seed=None, **arguments):
    """What a built layer of ours with constructor arguments from here is to compute."""
    config, cell = layer.get_config(), layer.cell
    names = ["activation", "recurrent_activation", "zoneout", "cell_zoneout", "recompute"]
    names += ["cell_clip", "projection_clip", "layer_norm_epsilon", "layer_norm_carry"]
    names += ["return_cell_states", "reset_after"]
    options = {name: config[name] for name in names if name in config}
    if config["recurrent_dropout_per_step"]:
        options["recurrent_dropout"] = config["recurrent_dropout"]
    if config["layer_norm"]:
        options["layer_norm"] = tf.stack([cell.layer_norm_gain.value, cell.layer_norm_offset.value])
    if config.get("peephole"):
        options["peephole"] = cell.peephole_kernel.value
    if config.get("projection_units"):
        options["projection"] = cell.projection_kernel.value
    if initial_state is None:
        initial_state = cell.get_initial_state(batch_size=inputs.shape[0])
    outputs, final, *cell_states = REFERENCE[cell.kind.name](
        inputs,
        initial_state,
        cell.kernel.value,
        cell.recurrent_kernel.value,
        None if cell.bias is None else cell.bias.value,
        training=training,
        seed=seed,
        **options,
        **arguments,
    )
    return [outputs, *tf.nest.flatten(final), *cell_states]
