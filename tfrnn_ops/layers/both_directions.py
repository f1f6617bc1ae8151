"""Two layers, one for each direction of a sequence, in one call of the fused op."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfrnn_ops._execute import execute_both
from tfrnn_ops.layers.base import arguments_of_call
from tfrnn_ops.layers.recurrent import RecurrentLayer
from tfrnn_ops.path import decide, keeps_reserve


def why_not_one_call(
    forward: RecurrentLayer, backward: RecurrentLayer, compute_dtype: str, training: Any
) -> str | None:
    """Why two layers that go opposite ways do not run in one call; None if they do.

    Args:
        forward: the layer whose order the outputs are in.
        backward: the other.
        compute_dtype: that of the layer around them.
        training: whether dropout is in force.
    """
    layers = (forward, backward)
    requests = [layer.path_request(training) for layer in layers]
    if decide(requests[0]).path != "fused" or decide(requests[1]).path != "fused":
        return "the fused op does not run both"
    if requests[0] != requests[1]:
        return "they differ in their options"
    sizes = [
        (layer.cell.units, layer.cell.layer_options.projection_units, layer.input_dim)
        for layer in layers
    ]
    if sizes[0] != sizes[1]:
        return "they differ in their sizes"
    if forward.cell.use_bias != backward.cell.use_bias:
        return "one has a bias"
    if forward.zero_output_for_mask != backward.zero_output_for_mask:
        return "they differ in zero_output_for_mask"
    if {layer.cell.compute_dtype for layer in layers} != {compute_dtype}:
        return "they compute in a dtype of their own"
    for layer in layers:
        if type(layer).call is not RecurrentLayer.call or layer.activity_regularizer is not None:
            return "a layer does more in its call than run"
    return None


def run_both(
    forward: RecurrentLayer,
    backward: RecurrentLayer,
    sequences: Any,
    initial_states: list[Any],
    mask: Any,
    training: Any,
    sequence_length: Any,
) -> tuple[Any, Any, tuple[Any, ...], tuple[Any, ...]]:
    """Runs two layers for which `why_not_one_call` is None.

    Args:
        forward: the layer whose order the outputs are in.
        backward: the other.
        sequences: as for the layers.
        initial_states: for each layer its states, or None for those that it has.
        mask: boolean, the first two axes of `sequences`.
        training: whether dropout is in force.
        sequence_length: integers `[batch]`, or None.

    Returns:
        `(outputs, last, forward_states, backward_states)`: the outputs of both side by side along
        the last axis, all in the order of `sequences`, or the reverse if that is `forward`'s; and
        the last outputs likewise, None if the layers return sequences.
    """
    layers = (forward, backward)
    sequences, mask = forward._prepare(sequences, mask, sequence_length)
    states = [
        layer._first_states(sequences, given)
        for layer, given in zip(layers, initial_states, strict=True)
    ]
    request = forward.path_request(training)
    try:
        for layer, own in zip(layers, states, strict=True):
            layer._draw_dropout_masks(sequences, own)
        outputs, final_states = execute_both(
            request,
            decide(request),
            [
                arguments_of_call(layer.cell, request, sequences, own)
                for layer, own in zip(layers, states, strict=True)
            ],
            mask=mask,
            keep_reserve=keeps_reserve(request.training),
            time_major=forward.time_major,
            go_backwards=forward.go_backwards,
            zero_output_for_mask=forward.zero_output_for_mask,
        )
    finally:
        for layer in layers:
            layer._forget_dropout_masks()
    for layer, final_state in zip(layers, final_states, strict=True):
        layer._keep_states(final_state)
    last = None
    if not forward.return_sequences:
        if forward._ends_with_a_step(outputs, mask):
            last = tf.concat([final_state[0] for final_state in final_states], -1)
        else:
            ends = [forward._edge(outputs, step) for step in (slice(-1, None), slice(1))]
            width = final_states[0][0].shape[-1]
            last = tf.concat([ends[0][:, :width], ends[1][:, width:]], -1)
    return outputs, last, final_states[0], final_states[1]
