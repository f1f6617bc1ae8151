"""The LSTM layer and cell."""

from __future__ import annotations

import keras

from tfrnn_ops import _cells
from tfrnn_ops.layers.cell import RecurrentCell
from tfrnn_ops.layers.recurrent import OwnCell, RecurrentLayer


@keras.saving.register_keras_serializable(package="tfrnn_ops")
class LSTMCell(RecurrentCell, keras.layers.LSTMCell):
    """`keras.layers.LSTMCell` on the fused op: one step of an `LSTM`, whose equations it has.

    For use in `keras.layers.RNN`, `keras.layers.StackedRNNCells` or a loop of one's own. A whole
    sequence runs much faster in `LSTM`, which takes all of its steps in one op.

    Args:
        units: the width of the output and of the states.
        *args: in Keras's order, or by name, every other argument of `keras.layers.LSTMCell`.
        **kwargs: the same by name, the options of `LSTM`, and the arguments of every Keras layer,
            such as `name` and `dtype`.

    Call arguments:
        inputs: `[batch, features]`.
        states: `[h, c]`, two `[batch, units]` tensors.
        training: whether dropout is in force.
    """

    kind = _cells.LSTM


@keras.saving.register_keras_serializable(package="tfrnn_ops")
class LSTM(RecurrentLayer, keras.layers.LSTM, OwnCell):
    """`keras.layers.LSTM` on the fused op: the same arguments, defaults, weights and numbers.

    With `i, f, g, o = split(x[t] kernel + h[t-1] recurrent_kernel + bias)`:

        c[t] = sigmoid(f) * c[t-1] + sigmoid(i) * tanh(g)
        h[t] = sigmoid(o) * tanh(c[t])

    Source: Hochreiter & Schmidhuber, "Long short-term memory" (1997), with the forget gate of
    Gers, Schmidhuber & Cummins, "Learning to forget" (2000).

    What the fused op does not do runs on the reference path, with a warning;
    `tfrnn_ops.explain(layer)` tells. Dropout follows Keras, to the masks that a seed draws. Masks
    follow Keras on a CPU: any pattern is fine, and masked steps repeat the previous output (zeros
    with `zero_output_for_mask`).

    Args:
        units: the width of the output and of the states.
        *args: in Keras's order, or by name, every other argument of `keras.layers.LSTM`:
            `activation`, `recurrent_activation`, `use_bias`, `kernel_initializer`,
            `recurrent_initializer`, `bias_initializer`, `unit_forget_bias`, the regularizers and
            constraints, `dropout`, `recurrent_dropout`, `seed`, `return_sequences`,
            `return_state`, `go_backwards`, `stateful`, `unroll`, `use_cudnn`.
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
        layer_norm: whether the products with the kernels and `c` are normalised (Ba et al.,
            arXiv:1607.06450), with the weights `layer_norm_gain` and `layer_norm_offset`.
        layer_norm_epsilon: what is added to the variance there; 1e-3.
        recompute: keep only the state of every so many steps for the gradient, which computes the
            others again: less memory, the same numbers. None to keep
            all, as second derivatives do.
        cell_zoneout: like `zoneout`, of `c`.
        peephole: whether the gates see `c`, by the weight `peephole_kernel` `[3, units]`.
        projection_units: the width that the output is projected to, by the weight
            `projection_kernel`; it is then the width of `h`. None for no projection.
        cell_clip: the largest magnitude of `c`, or None.
        projection_clip: the largest magnitude of the projected output, or None.
        layer_norm_carry: whether the normalised `c` is also what the next step starts from.
        return_cell_states: whether to return `c` after every step too, last.
        **kwargs: the above by name, and those of every Keras layer, such as `name` and `dtype`.

    Call arguments:
        sequences: `[batch, time, features]`, or `[time, batch, features]` if `time_major`; or a
            `tf.RaggedTensor` `[batch, (time), features]`; or with `input_dim` integers without the
            last axis, each for a one-hot row (of zeros if it is out of range).
        initial_state: `[h, c]`, each `[batch, units]`, or `[1, units]` for the whole batch.
        mask: boolean, the first two axes of `sequences`.
        training: whether dropout is in force.
        sequence_length: integers `[batch]`: how many steps of each sequence count.

    Raises:
        ValueError: an argument is out of range or a shape does not fit. `use_cudnn=True`: there
            is no cuDNN here; "auto" and False, which mean the same, are fine.
    """

    kind = _cells.LSTM
    cell_class = LSTMCell
