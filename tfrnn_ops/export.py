"""Writes a model or layer as a SavedModel, with the fused ops or without."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import keras
import tensorflow as tf

from tfrnn_ops import _tensorflow
from tfrnn_ops.path import use_reference


def export(
    model: Any,
    filepath: str | os.PathLike[str],
    *,
    composite: bool = False,
    input_signature: Any = None,
    verbose: bool = True,
) -> None:
    """Writes a Keras model or layer as a SavedModel for inference, as `keras.Model.export` does.

    It holds one function, `serve`, which computes the call without training: dropout does nothing,
    zoneout takes its expectation, stateful layers go on from the states that they have now.
    `tf.saved_model.load` reads it.

    With the fused ops in it, the default, it loads where `tfrnn_ops` is imported, or where
    `tf.load_op_library` has loaded its `libtfrnn_ops.so`, beside which a build with CUDA needs its
    `libtfrnn_cuda.so`. With `composite` it holds TensorFlow's own operations only, and loads
    wherever TensorFlow does, but runs slower: every recurrent layer is the loop of
    `tfrnn_ops.reference`. The numbers are the same but for rounding.

    The model itself stays as it is, and on the path that it is on; so does a `tf.function` that it
    calls, whatever was traced first.

    Args:
        model: a model or layer that has been built.
        filepath: the folder to write.
        composite: whether to do without the fused ops.
        input_signature: the arguments of the call, a list of nested `tf.TensorSpec` or
            `keras.InputSpec`. None for the inputs of a model, or for the shapes that a layer or a
            subclassed model was built with, for any batch size.
        verbose: whether to print what was written.

    Raises:
        TypeError: `model` is no Keras model or layer.
        ValueError: the model is not built, or was built in a way that does not tell its inputs; or
            with `composite`, it holds fused ops all the same, such as those of a SavedModel that it
            has loaded. Then what was written needs them.

    Example:
        >>> tfrnn_ops.export(model, "folder", composite=True)
        >>> loaded = tf.saved_model.load("folder")  # without tfrnn_ops
        >>> loaded.serve(inputs)  # as long as `loaded` is held, which owns the variables
    """
    if not isinstance(model, keras.Layer):
        raise TypeError(f"model is a {type(model).__name__}; expected a Keras model or layer")
    archive = keras.export.ExportArchive()
    archive.track(model)
    if input_signature is None:
        input_signature = _signature_of(model)
    with use_reference() if composite else contextlib.nullcontext():
        archive.add_endpoint("serve", model.__call__, input_signature)
        archive.write_out(filepath, verbose=verbose)
    if composite:
        _check_composite(filepath)


def _signature_of(model: Any) -> list[Any]:
    """The arguments that a model or layer is called with, for any batch size."""

    def spec(shape: Any, dtype: Any, name: str | None = None) -> Any:
        return keras.InputSpec(shape=(None, *shape[1:]), dtype=dtype, name=name)

    if getattr(model, "inputs", None):
        inputs = model.inputs if isinstance(model, keras.Sequential) else [model.input]
        return tf.nest.map_structure(lambda x: spec(x.shape, x.dtype, x.name), inputs)
    config = model.get_build_config() or {}
    shapes = list(config.get("shapes_dict", {"input_shape": config.get("input_shape")}).values())
    if not all(isinstance(shape, (tuple, list)) and None not in shape[-1:] for shape in shapes):
        raise ValueError(
            f"input_signature is None, but {model.name!r} does not tell what it is called with; "
            "expected the arguments of the call, such as [tf.TensorSpec([None, None, 3])]"
        )
    return [spec(shape, model.input_dtype) for shape in shapes]


def _check_composite(filepath: Any) -> None:
    found = sorted(op for op in _tensorflow.ops_of_saved_model(filepath) if op.startswith("Tfrnn"))
    if found:
        raise ValueError(
            f"composite is True, but what was written to {filepath} holds {', '.join(found)}: the "
            "model calls a graph that was made with them, such as that of a SavedModel. Export a "
            "model that has the same weights, but makes its own layers."
        )
