"""LSTM in plain TensorFlow ops."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfrnn_ops.reference.common import activation_function, normalise, product, size, split_norm
from tfrnn_ops.reference.loop import State, Step, Weights, run
from tfrnn_ops.reference.noise import Noise
from tfrnn_ops.state import LSTMState


def lstm(
    inputs: Any,
    initial_state: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any = None,
    *,
    mask: Any = None,
    time_major: bool = False,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    unroll: bool = False,
    activation: Any = "tanh",
    recurrent_activation: Any = "sigmoid",
    input_dropout_mask: Any = None,
    recurrent_dropout_mask: Any = None,
    state_dropout_mask: Any = None,
    recurrent_dropout: float = 0.0,
    zoneout: float = 0.0,
    cell_zoneout: float = 0.0,
    training: bool = False,
    seed: Any = None,
    layer_norm: Any = None,
    layer_norm_epsilon: float = 1e-3,
    layer_norm_carry: bool = False,
    peephole: Any = None,
    projection: Any = None,
    cell_clip: float | None = None,
    projection_clip: float | None = None,
    return_cell_states: bool = False,
    recompute: int | None = None,
) -> tuple[Any, ...]:
    """Runs an LSTM layer in plain TensorFlow ops.

    With `i, f, g, o = split(x[t] kernel + h[t-1] recurrent_kernel + bias)`:

        c[t] = recurrent_activation(f) * c[t-1] + recurrent_activation(i) * activation(g)
        h[t] = recurrent_activation(o) * activation(c[t])

    and, where these are asked for:

        peephole         p_i * c[t-1], p_f * c[t-1] and p_o * c[t] are added to i, f and o
        cell_clip        c[t] = clip(c[t]), before the output gate sees it
        projection       h[t] = clip((recurrent_activation(o) * activation(c[t])) projection)
        layer_norm       each row of x[t] kernel and of h[t-1] recurrent_kernel is normalised as a
                         whole, and c[t] where the activation takes it: activation(LN(c[t]))
        layer_norm_carry what the next step gets is LN(c[t]) too
        zoneout          h[t] and c[t] are mixed with h[t-1] and c[t-1]

    Sources: Hochreiter & Schmidhuber, "Long short-term memory" (1997), with the forget gate of
    Gers, Schmidhuber & Cummins, "Learning to forget" (2000); gates in Keras's order. Peepholes:
    Gers, Schraudolph & Schmidhuber, "Learning precise timing with LSTM recurrent networks" (2002).
    Projection: Sak, Senior & Beaufays, "Long short-term memory recurrent neural network
    architectures for large scale acoustic modeling" (2014). Layer norm: Ba, Kiros & Hinton (2016);
    with `layer_norm_carry`, as LayerNormLSTMCell of TensorFlow Addons.

    Args:
        inputs: `[batch, time, features]`, or `[time, batch, features]` if `time_major`. Any
            floating dtype, which all tensors but masks and seed share; or integers without the last
            axis, each for a one-hot row (zeros if it is out of range).
        initial_state: `(h, c)`, `[batch, outputs]` and `[batch, units]`. There are as many outputs
            as units, unless there is a `projection`.
        kernel: `[features, 4 * units]`.
        recurrent_kernel: `[outputs, 4 * units]`.
        bias: `[4 * units]`, or None.
        mask: boolean, the first two axes of `inputs`. A step where it is False keeps the state
            and repeats the previous output (zeros before the first output).
        time_major: whether time is the first axis of `inputs`, `mask` and the outputs.
        go_backwards: whether to process the last step first. Outputs come in that order.
        zero_output_for_mask: whether masked steps put out zeros instead.
        unroll: whether to loop in Python; the number of steps must then be static.
        activation: a callable, the name of a Keras activation, or None for the identity.
        recurrent_activation: likewise, for the gates.
        input_dropout_mask: a factor of the inputs at every step, `[batch, features]`, or a list
            of four, for the gates i, f, g and o.
        recurrent_dropout_mask: the same for `h`, `[batch, outputs]`.
        state_dropout_mask: factors of `h[t-1]`, `[time, batch, units]` in the order of processing:
            each step starts from the product, wherever it uses `h[t-1]`; or None.
        recurrent_dropout: the share of `h[t-1]` to drop anew at every step, in its product with the
            recurrent kernel only; the rest is scaled up to keep the mean. Needs `training`. It
            may act together with a mask.
        zoneout: the probability that an element of `h` stays what it was a step before. Without
            `training`, every element becomes what it is on average.
        cell_zoneout: the same for `c`.
        training: whether to draw for dropout and zoneout.
        seed: integers `[2]`; needed when something is drawn.
        layer_norm: `[2, 9 * units]`, the gains and the offsets by which the products of the inputs
            (the first `4 * units`) and of `h[t-1]` are normalised before the bias is added, and
            `c[t]` (the last `units`); None for none.
        layer_norm_epsilon: added to the variances.
        layer_norm_carry: whether the normalised `c[t]` is the state. Without `layer_norm`, nothing.
        peephole: `[3, units]`, for the gates i, f and o; or None.
        projection: `[units, outputs]`, or None.
        cell_clip: the bound of the values of `c[t]`; None for none.
        projection_clip: the bound of the projected values; None for none.
        return_cell_states: whether to return `c` at every step too.
        recompute: for the gradient, keep the states of one step in so many only, and compute the
            others again. An `activation` of one's own may then use variables, but no other
            outside tensors that are to have a gradient. None to keep everything.

    Returns:
        `(outputs, final_state)`: `h` at every step, laid out as `inputs` with `outputs` for
        `features`, and the last `LSTMState`. With `return_cell_states`, `c` at every step as a
        third: at masked steps the `c` that is carried on, or zeros if `zero_output_for_mask`.

    Raises:
        ValueError: `unroll` with an unknown number of steps, a rate that is not in [0, 1), a seed
            that is missing, a `projection_clip` without a `projection`, or shapes that do not fit.
        tf.errors.InvalidArgumentError: shapes that do not fit, found only when running.
    """
    act, recurrent_act = map(activation_function, (activation, recurrent_activation))
    noise = Noise(recurrent_dropout, [zoneout, cell_zoneout], training, seed)
    units = size(recurrent_kernel, 1) // 4
    input_norm, recurrent_norm, cell_norm = split_norm(layer_norm, units, 4, 4, 1)
    if projection_clip is not None and projection is None:
        raise ValueError(f"projection_clip: found {projection_clip} without a projection")

    def cell(w: Weights) -> Step:
        p_i = p_f = p_o = None
        if "peephole" in w:
            p_i, p_f, p_o = tf.unstack(w["peephole"], num=3)

        def step(t: Any, x: Any, states: State) -> State:
            h, c = states
            r = product(noise.drop(t, h), w["recurrent_kernel"], 4, w.get("recurrent_dropout"))
            r = normalise(r, w.get("recurrent_norm"), layer_norm_epsilon)
            i, f, g, o = tf.split(x + r, 4, axis=1)
            i, f = recurrent_act(_peep(i, p_i, c)), recurrent_act(_peep(f, p_f, c))
            new_c = _clip(f * c + i * act(g), cell_clip)
            o = recurrent_act(_peep(o, p_o, new_c))
            normalised = normalise(new_c, w.get("cell_norm"), layer_norm_epsilon)
            new_h = o * act(normalised)
            if "projection" in w:
                new_h = _clip(tf.matmul(new_h, w["projection"]), projection_clip)
            return noise.zone_out(t, [new_h, normalised if layer_norm_carry else new_c], states)

        return step

    sequences, states = run(
        cell,
        inputs,
        initial_state,
        {
            "kernel": kernel,
            "recurrent_kernel": recurrent_kernel,
            "bias": bias,
            "peephole": peephole,
            "projection": projection,
            "input_dropout": input_dropout_mask,
            "recurrent_dropout": recurrent_dropout_mask,
            "input_norm": input_norm,
            "recurrent_norm": recurrent_norm,
            "cell_norm": cell_norm,
        },
        gates=4,
        layer_norm_epsilon=layer_norm_epsilon,
        mask=mask,
        time_major=time_major,
        go_backwards=go_backwards,
        zero_output_for_mask=zero_output_for_mask,
        unroll=unroll,
        recompute=recompute,
        state_dropout_mask=state_dropout_mask,
        emit=2 if return_cell_states else 1,
    )
    outputs, *cell_states = sequences
    return outputs, LSTMState(*states), *cell_states


def _peep(gate: Any, peephole: Any, c: Any) -> Any:
    """What a gate gets that also sees the memory cell."""
    return gate if peephole is None else gate + peephole * c


def _clip(values: Any, bound: float | None) -> Any:
    return values if bound is None else tf.clip_by_value(values, -bound, bound)
