"""The GRU layer and cell."""

from __future__ import annotations

import keras

from tfrnn_ops import _cells
from tfrnn_ops.layers.cell import RecurrentCell
from tfrnn_ops.layers.recurrent import OwnCell, RecurrentLayer


@keras.saving.register_keras_serializable(package="tfrnn_ops")
class GRUCell(RecurrentCell, keras.layers.GRUCell):
    """`keras.layers.GRUCell` on the fused op: one step of a `GRU`, whose equations it has.

    For use in `keras.layers.RNN`, `keras.layers.StackedRNNCells` or a loop of one's own. A whole
    sequence runs much faster in `GRU`, which takes all of its steps in one op.

    Args:
        units: the width of the output and of the state.
        *args: in Keras's order, or by name, every other argument of `keras.layers.GRUCell`.
        **kwargs: the same by name, the options of `GRU`, and the arguments of every Keras layer,
            such as `name` and `dtype`.

    Call arguments:
        inputs: `[batch, features]`.
        states: `[batch, units]`, in a list or not.
        training: whether dropout is in force.
    """

    kind = _cells.GRU


@keras.saving.register_keras_serializable(package="tfrnn_ops")
class GRU(RecurrentLayer, keras.layers.GRU, OwnCell):
    """`keras.layers.GRU` on the fused op: the same arguments, defaults, weights and numbers.

    With `W, U` the columns of `kernel` and `recurrent_kernel` for one gate, and `b, d` its input
    and recurrent bias:

        z = sigmoid(x[t] Wz + bz + h[t-1] Uz + dz)
        r = sigmoid(x[t] Wr + br + h[t-1] Ur + dr)
        candidate = tanh(x[t] Wh + bh + r * (h[t-1] Uh + dh))     if reset_after
        candidate = tanh(x[t] Wh + bh + (r * h[t-1]) Uh)          otherwise, where d = 0
        h[t] = z * h[t-1] + (1 - z) * candidate

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014): its
    first version, arXiv:1406.1078v1, resets after the product, its third before it.

    What the fused op does not do runs on the reference path, with a warning;
    `tfrnn_ops.explain(layer)` tells. Dropout follows Keras, to the masks that a seed draws. Masks
    follow Keras on a CPU: any pattern is fine, and masked steps repeat the previous output (zeros
    with `zero_output_for_mask`).

    Args:
        units: the width of the output and of the state.
        *args: in Keras's order, or by name, every other argument of `keras.layers.GRU`:
            `activation`, `recurrent_activation`, `use_bias`, `kernel_initializer`,
            `recurrent_initializer`, `bias_initializer`, the regularizers and constraints,
            `dropout`, `recurrent_dropout`, `seed`, `return_sequences`, `return_state`,
            `go_backwards`, `stateful`, `unroll`, `reset_after`, `use_cudnn`.
        time_major: whether time is the first axis of sequences, masks and outputs. Not for use
            inside `keras.layers.Bidirectional`, which reverses the second axis; use ours.
        input_dim: the number of features, which is the width of the one-hot rows that integer
            sequences stand for, as in `keras.layers.Embedding`. Without it sequences have features.
        zoneout: how often a unit of `h` keeps its previous value (Krueger et al.,
            arXiv:1606.01305): at random in training, otherwise mixed in that proportion.
        recurrent_dropout_per_step: whether `recurrent_dropout` draws a new mask at every step, the
            same for all gates, and not one for all steps as in Keras.
        drop_connect: the rate at which elements of the recurrent kernel are dropped in training,
            drawn once a call (Wan et al. 2013).
        layer_norm: whether the products with the kernels are normalised (Ba et al.,
            arXiv:1607.06450), with the weights `layer_norm_gain` and `layer_norm_offset`.
        layer_norm_epsilon: what is added to the variance there; 1e-3.
        recompute: keep only the state of every so many steps for the gradient, which computes the
            others again: less memory, the same numbers. None to keep
            all, as second derivatives do.
        **kwargs: the above by name, and those of every Keras layer, such as `name` and `dtype`.

    Call arguments:
        sequences: `[batch, time, features]`, or `[time, batch, features]` if `time_major`; or a
            `tf.RaggedTensor` `[batch, (time), features]`; or with `input_dim` integers without the
            last axis, each for a one-hot row (of zeros if it is out of range).
        initial_state: `[batch, units]`, or `[1, units]` for the whole batch.
        mask: boolean, the first two axes of `sequences`.
        training: whether dropout is in force.
        sequence_length: integers `[batch]`: how many steps of each sequence count.

    Raises:
        ValueError: an argument is out of range or a shape does not fit. `use_cudnn=True`: there
            is no cuDNN here; "auto" and False, which mean the same, are fine.
    """

    kind = _cells.GRU
    cell_class = GRUCell
