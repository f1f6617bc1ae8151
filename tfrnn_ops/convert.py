"""Replaces the recurrent layers of a Keras model by those of this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfrnn_ops import layers
from tfrnn_ops._warnings import warn
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
    An `RNN` around several cells stays one, around our cells: as layers on top of each other, such
    as `StackedRNN`, they would be faster, but draw other dropout masks and have other states.
    Shared layers stay shared, layers of this package are copied as they are, names stay.

    The copy has its own variables, equal to the model's: weights, the states of stateful layers
    and those of the dropout generators. It carries no optimizer state and is to be compiled
    again. A layer with `use_cudnn=True` becomes one that runs the kernels of this package.

    Layers that learn by `adapt`, such as `Normalization` and `TextVectorization`, and `Lambda`
    layers are in both models: Keras cannot copy what they have learned, or their code. So are, with
    a warning, layers and subclassed models inside the model that have no usable configuration.

    Two kinds of layers stay what they are, with a warning that names them: subclasses of Keras's
    layers, which may compute something else; and what a layer or subclassed model makes in its
    code, where no configuration shows it. Convert these where they are made, as in
    `self.rnn = tfrnn_ops.convert(self.rnn)`.

    Args:
        model: a `keras.Sequential` or functional model, or a single layer.

    Returns:
        A new model, or a new layer.

    Raises:
        TypeError: `model` is a subclassed model, or no model or layer at all.
        ValueError: Keras cannot make a layer from its own configuration, such as one with a
            lambda for an activation; or several `RNN` layers share a cell.
    """
    if not isinstance(model, keras.Layer):
        raise TypeError(f"model is a {type(model).__name__}; expected a Keras model or layer")
    if isinstance(model, keras.Model) and not _shows_its_layers(model):
        raise TypeError(
            f"model {model.name!r} is a {type(model).__name__}, a subclassed model; expected "
            "a Sequential or functional one. Convert its layers where it makes them: "
            "self.rnn = tfrnn_ops.convert(self.rnn)"
        )
    _refuse_shared_cells(model)
    copies: dict[int, tuple[Any, Any]] = {}  # by the id of the first, so that what is shared stays

    def copy(layer: Any) -> Any:
        if id(layer) not in copies:
            try:
                copies[id(layer)] = layer, _copy(layer, copy)
            except (NotImplementedError, TypeError):
                if layer is model or _shows_its_layers(layer):
                    raise
                warn(
                    f"convert left {type(layer).__name__} {layer.name!r} as it is, in both models: "
                    "Keras cannot make another of its configuration"
                )
                copies[id(layer)] = layer, layer
        return copies[id(layer)][1]

    result = copy(model)
    for layer, new_layer in copies.values():
        if isinstance(layer, keras.Layer) and not _shows_its_layers(layer):
            _copy_variables(layer, new_layer)
            _report_hidden(new_layer)
    return result


def _shows_its_layers(layer: Any) -> bool:
    """Whether it is a model whose layers Keras can clone one by one."""
    return isinstance(layer, keras.Sequential) or (
        isinstance(layer, keras.Model) and hasattr(layer, "inputs")
    )


def _copy(layer: Any, copy_inner: Callable[[Any], Any]) -> Any:
    """A copy but for the variables: ours in place of Keras's, at any depth."""
    if isinstance(layer, keras.Sequential):
        if not layer.layers:
            return keras.Sequential(name=layer.name)
        return keras.models.clone_model(layer, clone_function=copy_inner)
    if _shows_its_layers(layer):
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
    """An input of a model with all that its layer has, which Keras's cloning does not keep."""
    config = tensor._keras_history.operation.get_config()
    names = ("batch_shape", "dtype", "sparse", "ragged", "name", "optional")
    return keras.Input(**{name: config[name] for name in names if name in config})


def _report_subclass(part: Any) -> None:
    if not isinstance(part, Recurrent):
        base = next(c for c in type(part).__mro__ if c in _THEIRS)
        warn(
            f"convert left {part.name!r} as it is: {type(part).__name__} is a subclass of "
            f"keras.layers.{base.__name__} and may compute something else"
        )


def _report_hidden(layer: Any) -> None:
    """Warns of Keras's layers that a copy has made in its code."""
    passed: set[int] = set()  # what is inside one that has been told of, or is ours
    for part in layer._flatten_layers():
        if id(part) not in passed and isinstance(part, _THEIRS):
            passed.update(id(inner) for inner in part._flatten_layers())
            if type(part) in _THEIRS:
                place = "" if part is layer else f" in {_attribute(layer, part)}"
                kind = f"{type(layer).__name__} {layer.name!r}"
                warn(
                    f"convert left the keras.layers.{type(part).__name__} {part.name!r}{place} of "
                    f"{kind} as it is, as the configuration of {kind} does not show it. Convert it "
                    "where it is made: self.rnn = tfrnn_ops.convert(self.rnn)"
                )


def _attribute(layer: Any, part: Any) -> str:
    """The name of the attribute of a layer that holds another, at any depth."""
    for name, value in vars(layer).items():
        if name == "_layers" or name.startswith("_self_"):  # where Keras and TensorFlow list all
            continue
        held = value.values() if isinstance(value, dict) else value
        for one in held if isinstance(value, (dict, list, tuple)) else [value]:
            if one is part:
                return f"attribute {name}"
            if isinstance(one, keras.Layer) and any(p is part for p in one._flatten_layers()):
                return f"{_attribute(one, part)} of attribute {name}"
    return "an attribute"


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
