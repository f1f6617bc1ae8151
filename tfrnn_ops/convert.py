"""Replaces the recurrent layers of a Keras model by those of this package."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfrnn_ops import layers
from tfrnn_ops.layers import CELLS, LAYERS
from tfrnn_ops.layers.base import Recurrent

_OURS = {c.__name__: c for c in (*LAYERS, *CELLS)}
_THEIRS = tuple(getattr(keras.layers, name) for name in _OURS if hasattr(keras.layers, name))
_PACKAGE = keras.saving.get_registered_name(LAYERS[0]).split(">")[0]
_OUR_LAYERS = {f"{_PACKAGE}>{c.__name__}" for c in LAYERS}
_LAYER_OF_CELL = {f"{_PACKAGE}>{c.__name__}Cell": c.__name__ for c in LAYERS}


def convert(model: Any) -> Any:
    """Copies a Keras model with its LSTM, GRU, SimpleRNN and Bidirectional layers replaced by ours.

    Layers and cells are found wherever Keras's configuration shows them: in models inside the
    model, in `Bidirectional`, `TimeDistributed`, `RNN`, `StackedRNNCells` and wrappers of one's
    own. An `RNN` around one such cell becomes a whole layer, which is much faster; a
    `Bidirectional` around two such layers becomes ours, which takes lengths and ragged tensors.
    Shared layers stay shared, layers of this package are copied as they are, names stay.

    The copy has its own variables, equal to the model's: weights, the states of stateful layers
    and those of the dropout generators. It carries no optimizer state and is to be compiled
    again. A layer with `use_cudnn=True` becomes one that runs the kernels of this package.

    Layers that learn by `adapt`, such as `Normalization` and `TextVectorization`, and `Lambda`
    layers are in both models: Keras cannot copy what they have learned, or their code.

    Subclasses of Keras's layers may compute something else, so they stay what they are, with a
    warning that names them.

    Args:
        model: a `keras.Sequential` or functional model, or a single layer. The layers of a
            subclassed model are set in its code: convert them there, as in
            `self.rnn = tfrnn_ops.convert(self.rnn)`, or use ours from the start.

    Returns:
        A new model, or a new layer.

    Raises:
        TypeError: `model` is a subclassed model, or no model or layer at all.
        ValueError: Keras cannot make a layer from its own configuration, such as one with a
            lambda for an activation; or several `RNN` layers share a cell.
    """
    if not isinstance(model, keras.Layer):
        raise TypeError(f"model is a {type(model).__name__}; expected a Keras model or layer")
    _refuse_shared_cells(model)
    copies: dict[int, tuple[Any, Any]] = {}  # by the id of the first, so that what is shared stays

    def copy(layer: Any) -> Any:
        if id(layer) not in copies:
            copies[id(layer)] = layer, _copy(layer, copy)
        return copies[id(layer)][1]

    result = copy(model)
    for layer, new_layer in copies.values():
        if isinstance(layer, keras.Layer) and not isinstance(layer, keras.Model):
            _copy_variables(layer, new_layer)
    return result


def _copy(layer: Any, copy_inner: Callable[[Any], Any]) -> Any:
    """A copy but for the variables: ours in place of Keras's, at any depth."""
    if isinstance(layer, keras.Sequential):
        if not layer.layers:
            return keras.Sequential(name=layer.name)
        return keras.models.clone_model(layer, clone_function=copy_inner)
    if isinstance(layer, keras.Model):
        if not hasattr(layer, "inputs"):
            raise TypeError(
                f"model {layer.name!r} is a {type(layer).__name__}, a subclassed model; expected "
                "a Sequential or functional one. Convert its layers where it makes them: "
                "self.rnn = tfrnn_ops.convert(self.rnn)"
            )
        inputs = tf.nest.map_structure(_input_like, layer.input)
        return keras.models.clone_model(layer, inputs, clone_function=copy_inner)
    parts = layer._flatten_layers() if isinstance(layer, keras.Layer) else []  # has no public name
    for part in parts:
        if isinstance(part, _THEIRS) and type(part) not in _THEIRS:
            _report_subclass(part)
    if not any(type(part) in _THEIRS for part in parts):
        if hasattr(layer, "adapt") or isinstance(layer, keras.layers.Lambda):
            return layer
        return type(layer).from_config(layer.get_config())
    return keras.saving.deserialize_keras_object(
        _replace(keras.saving.serialize_keras_object(layer)),
        custom_objects=_custom_objects(parts),
        safe_mode=False,  # what is deserialized is a live object, not a file
    )


def _refuse_shared_cells(model: Any) -> None:
    """A configuration does not show that two layers hold the same cell: the copy would untie it."""
    holders: dict[int, Any] = {}
    for part in {id(part): part for part in model._flatten_layers()}.values():
        if not isinstance(part, keras.layers.RNN):
            continue
        for cell in getattr(part.cell, "cells", [part.cell]):
            other = holders.setdefault(id(cell), part)
            if other is not part:
                raise ValueError(
                    f"layers {other.name!r} and {part.name!r} share the cell {cell.name!r}; "
                    "expected every RNN layer to have a cell of its own, or one shared layer"
                )


def _input_like(tensor: Any) -> Any:
    """An input of a model with the name of its layer, which Keras's cloning does not keep."""
    name = tensor._keras_history.operation.name
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)


def _report_subclass(part: Any) -> None:
    if not isinstance(part, Recurrent):
        base = next(c for c in type(part).__mro__ if c in _THEIRS)
        warnings.warn(
            f"convert left {part.name!r} as it is: {type(part).__name__} is a subclass of "
            f"keras.layers.{base.__name__} and may compute something else",
            stacklevel=6,
        )


def _custom_objects(parts: list[Any]) -> dict[str, Any]:
    """Classes and activations by name: Keras may not know them, but they are at hand here."""
    names = ("activation", "recurrent_activation")
    functions = (getattr(part, name, None) for part in parts for name in names)
    objects: list[Any] = [*functions, *map(type, parts)]
    return {
        o.__name__: o
        for o in objects
        if hasattr(o, "__name__") and not o.__module__.startswith("keras.")
    }


def _replace(config: Any) -> Any:
    """Rewrites a serialized object, from the inside out: our classes for Keras's."""
    if isinstance(config, list):
        return [_replace(item) for item in config]
    if not isinstance(config, dict):
        return config
    config = {key: _replace(value) for key, value in config.items()}
    if config.get("module") != "keras.layers":
        return config
    if config["class_name"] in _OURS:
        return _as_ours(config, config["class_name"], config["config"])
    if config["class_name"] == "Bidirectional":
        inner = [config["config"].get(name) for name in ("layer", "backward_layer")]
        if all(part is None or part["registered_name"] in _OUR_LAYERS for part in inner):
            return _as_ours(config, "Bidirectional", config["config"])
    if config["class_name"] == "RNN":
        layer_config = dict(config["config"])
        cell = layer_config.pop("cell")
        name = _LAYER_OF_CELL.get(cell["registered_name"])
        same = ("dtype", "trainable")
        if name and all(cell["config"][key] == layer_config[key] for key in same):
            return _as_ours(config, name, {**cell["config"], **layer_config})
    return config


def _as_ours(config: dict[str, Any], name: str, layer_config: dict[str, Any]) -> dict[str, Any]:
    return {
        **config,
        "module": getattr(layers, name).__module__,
        "class_name": name,
        "registered_name": f"{_PACKAGE}>{name}",
        "config": layer_config,
    }


def _copy_variables(layer: Any, new_layer: Any) -> None:
    """Copies the variables, and what Keras's configuration leaves out."""
    if new_layer is layer:
        return
    if layer.built and not new_layer.built:
        new_layer.build_from_config(layer.get_build_config())
    for variable, new_variable in zip(layer.variables, new_layer.variables, strict=True):
        new_variable.assign(variable)
    parts = zip(layer._flatten_layers(), new_layer._flatten_layers(), strict=True)
    for part, new_part in parts:
        for name in ("implementation", "dropout_mask_count"):
            if hasattr(part, name):
                setattr(new_part, name, getattr(part, name))
        if isinstance(part, keras.layers.RNN) and part.states is not None:
            states = tf.nest.flatten(part.states), tf.nest.flatten(new_part.states)
            for variable, new_variable in zip(*states, strict=True):
                new_variable.assign(variable)
