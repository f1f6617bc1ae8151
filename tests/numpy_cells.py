"""The cells once more, in plain NumPy from their papers, and gradients by the complex step.

Nothing here is shared with the package. Every function also works on complex numbers with a tiny
imaginary part, which then is an exact derivative: Squire & Trapp, "Using complex variables to
estimate derivatives of real functions" (1998).
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.where(x.real > 0, x, 0)


def clip(x, bound):
    if bound is None:
        return x
    return np.where(x.real > bound, bound, np.where(x.real < -bound, -bound, x))


def normalise(v, norm, epsilon):
    """Layer normalization, Ba et al. (2016), equations 3 and 4, with the usual epsilon."""
    mu = v.sum(-1, keepdims=True) / v.shape[-1]
    sigma = np.sqrt(((v - mu) ** 2).sum(-1, keepdims=True) / v.shape[-1] + epsilon)
    return (v - mu) / sigma * norm[0] + norm[1]


def lstm_step(weights, options, x, states, drop):
    """Sak et al. (2014); Ba et al. (2016), eq. 20 to 22; TF Addons' LayerNormLSTMCell."""
    h, c = states
    from_x, from_h = x @ weights["kernel"], (h * drop) @ weights["recurrent_kernel"]
    n = from_x.shape[-1]
    norm, epsilon = weights.get("layer_norm"), options.get("layer_norm_epsilon", 1e-3)
    if norm is not None:
        from_x = normalise(from_x, norm[:, :n], epsilon)
        from_h = normalise(from_h, norm[:, n : 2 * n], epsilon)
    i, f, g, o = np.split(from_x + from_h + weights.get("bias", 0), 4, axis=-1)
    w_i, w_f, w_o = weights.get("peephole", np.zeros([3, 1]))
    c = sigmoid(f + w_f * c) * c + sigmoid(i + w_i * c) * np.tanh(g)
    c = clip(c, options.get("cell_clip"))
    o = sigmoid(o + w_o * c)
    seen = c if norm is None else normalise(c, norm[:, 2 * n :], epsilon)
    h = o * np.tanh(seen)
    if "projection" in weights:
        h = clip(h @ weights["projection"], options.get("projection_clip"))
    return h, seen if options.get("layer_norm_carry") else c


def gru_step(weights, options, x, states, drop):
    """Cho et al. (2014), v3, and v1 with `reset_after`; layer norm after each product."""
    (h,) = states
    seen = h * drop
    units = h.shape[-1]
    norm, epsilon = weights.get("layer_norm"), options.get("layer_norm_epsilon", 1e-3)
    bias = weights.get("bias", np.zeros([2, 1]))
    reset_after = options.get("reset_after", True)
    x_bias, h_bias = bias if reset_after else (bias if "bias" in weights else 0, 0)
    u = weights["recurrent_kernel"]

    def normed(v, first, last):
        return v if norm is None else normalise(v, norm[:, first * units : last * units], epsilon)

    x_z, x_r, x_n = np.split(normed(x @ weights["kernel"], 0, 3) + x_bias, 3, axis=-1)
    if reset_after:
        h_z, h_r, h_n = np.split(normed(seen @ u, 3, 6) + h_bias, 3, axis=-1)
        z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
        candidate = np.tanh(x_n + r * h_n)
    else:
        h_z, h_r = np.split(normed(seen @ u[:, : 2 * units], 3, 5), 2, axis=-1)
        z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
        candidate = np.tanh(x_n + normed((r * seen) @ u[:, 2 * units :], 5, 6))
    return (z * h + (1 - z) * candidate,)


def simple_rnn_step(weights, options, x, states, drop):
    (h,) = states
    from_x, from_h = x @ weights["kernel"], (h * drop) @ weights["recurrent_kernel"]
    norm, epsilon = weights.get("layer_norm"), options.get("layer_norm_epsilon", 1e-3)
    if norm is not None:
        from_x = normalise(from_x, norm[:, : h.shape[-1]], epsilon)
        from_h = normalise(from_h, norm[:, h.shape[-1] :], epsilon)
    return (np.tanh(from_x + from_h + weights.get("bias", 0)),)


def ind_rnn_step(weights, options, x, states, drop):
    """Li et al. (2018), equation 2."""
    (h,) = states
    from_x = x @ weights["kernel"]
    if "layer_norm" in weights:
        epsilon = options.get("layer_norm_epsilon", 1e-3)
        from_x = normalise(from_x, weights["layer_norm"], epsilon)
    return (relu(from_x + h * drop * weights["recurrent_kernel"] + weights.get("bias", 0)),)


STEPS = {
    "lstm": lstm_step,
    "gru": gru_step,
    "simple_rnn": simple_rnn_step,
    "ind_rnn": ind_rnn_step,
}


def run(name, inputs, states, weights, *, mask=None, drop=None, zone=None, **options):
    """Runs a cell over `inputs [batch, time, features]`.

    Args:
        name: which cell.
        inputs: the sequence.
        states: what the cell begins with.
        weights: arrays by the name of the argument that takes them.
        mask: `[batch, time]`; where it is False nothing changes.
        drop: factors of the recurrent operand, `[time, batch, width]`.
        zone: for each state, how much of it stays, `[time, batch, width]` or a number.
        **options: as the package names them.

    Returns:
        `[outputs, *states]`, and for an LSTM c at every step.
    """
    states, output, history = list(states), np.zeros_like(states[0]), []
    for t in range(inputs.shape[1]):
        new = STEPS[name](weights, options, inputs[:, t], states, 1 if drop is None else drop[t])
        if zone is not None:
            keep = [z if np.ndim(z) == 0 else z[t] for z in zone]
            new = [(1 - z) * n + z * s for z, n, s in zip(keep, new, states, strict=True)]
        active = np.ones([len(inputs), 1], bool) if mask is None else mask[:, t, None]
        states = [np.where(active, n, s) for n, s in zip(new, states, strict=True)]
        output = np.where(active, new[0], output)
        history.append([output, *states[1:]])
    sequences = [np.stack(s, axis=1) for s in zip(*history, strict=True)]
    return [sequences[0], *states, *sequences[1:]]


def gradients(loss, arrays):
    """The derivative of a real function by every element of real arrays, to rounding error."""
    arrays = [np.asarray(a, np.complex128) for a in arrays]
    results = []
    for k, array in enumerate(arrays):
        result = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            shifted = array.copy()
            shifted[index] += 1e-40j
            result[index] = loss(*arrays[:k], shifted, *arrays[k + 1 :]).imag / 1e-40
        results.append(result)
    return results
