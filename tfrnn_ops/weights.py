"""Weights from one library's layout to another's: Keras, TF1's cells, cuDNN and PyTorch.

    kernel, bias = weights.convert("lstm", layer.get_weights(), "keras", "tf1")

A layer's weights are a sequence of arrays. With G gates, `units` and `features`:

- "keras": `kernel [features, G * units]`, `recurrent_kernel [units, G * units]`, `bias`, which is
  `[2, G * units]` of a GRU with `reset_after=True` and `[G * units]` of all others. LSTM gates are
  i, f, g, o, those of a GRU z, r, candidate.
- "tf1": the variables of a cell of `tfrnn_ops.v1`, in the order of `cell.weights`. `kernel
  [features + units, G * units]` and `bias [G * units]` of an LSTM, gates i, g, f, o, and of a
  `BasicRNNCell`; of a `GRUCell` `gates/kernel`, `gates/bias`, gates r, z, and `candidate/kernel`,
  `candidate/bias`; of a `CudnnCompatibleGRUCell` instead of the last two
  `candidate/input_projection/kernel`, `bias`, `candidate/hidden_projection/kernel`, `bias`.
- "cudnn", the canonical form: G matrices `[units, features]`, G matrices `[units, units]`, then
  G biases of the first and G of the second, all `[units]`. LSTM gates are i, f, g, o, those of a
  GRU r, z, candidate.
- "pytorch": `weight_ih [G * units, features]`, `weight_hh [G * units, units]`, `bias_ih` and
  `bias_hh [G * units]`, gates as cuDNN's.

cuDNN and PyTorch know only a GRU that resets after the product, with two biases of the candidate;
Keras and TF1 both. Two biases that are only ever added are converted to their sum, and one to
itself and zeros, so the function stays the same, though maybe not every number.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np

Cell = Literal["lstm", "gru", "simple_rnn"]
Layout = Literal["keras", "tf1", "cudnn", "pytorch"]
Arrays = list[np.ndarray]

# A letter for each gate; h is the candidate of a GRU and the only product of a SimpleRNN.
_GATES: dict[str, dict[str, str]] = {
    "lstm": {"keras": "ifgo", "tf1": "igfo", "cudnn": "ifgo", "pytorch": "ifgo"},
    "gru": {"keras": "zrh", "tf1": "rzh", "cudnn": "rzh", "pytorch": "rzh"},
    "simple_rnn": {"keras": "h", "tf1": "h", "cudnn": "h", "pytorch": "h"},
}


@dataclasses.dataclass
class _Gate:
    """The weights of a gate: `x kernel + bias`, and `h recurrent_kernel + recurrent_bias`.

    The last is None of a GRU that resets before the product, whose candidate has none.
    """

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    recurrent_bias: np.ndarray | None

    @property
    def both_biases(self) -> np.ndarray:
        return self.bias if self.recurrent_bias is None else self.bias + self.recurrent_bias


_Gates = dict[str, _Gate]


def convert(
    cell: Cell,
    weights: Sequence[Any],
    source: Layout,
    target: Layout,
    *,
    forget_bias: float = 1.0,
) -> Arrays:
    """Converts the weights of one layer, in one direction.

    Args:
        cell: "lstm", "gru" or "simple_rnn".
        weights: arrays, or what `numpy.asarray` takes, laid out as `source` says.
        source: "keras", "tf1", "cudnn" or "pytorch", see above.
        target: the same, for the result.
        forget_bias: what a "tf1" LSTM adds to the forget gate besides its bias: 1 by default, 0
            of a `CudnnCompatibleLSTMCell`. Other layouts and cells have none.

    Returns:
        The arrays, in the dtype of `weights`.

    Raises:
        TypeError: `weights` is no sequence, but a layer, for example.
        ValueError: a name is none of those, the number of arrays or a shape does not fit, or the
            target cannot express a GRU that resets before the product.
    """
    if cell not in _GATES:
        raise ValueError(f"cell is {cell!r}; expected one of {', '.join(_GATES)}")
    for name, layout in (("source", source), ("target", target)):
        if layout not in _READERS:
            raise ValueError(f"{name} is {layout!r}; expected one of {', '.join(_READERS)}")
    if not isinstance(weights, Iterable):
        raise TypeError(
            f"weights is a {type(weights).__name__}; expected a sequence of arrays, such as "
            "layer.get_weights()"
        )
    arrays = [np.asarray(w) for w in weights]
    order = _GATES[cell][source]
    try:
        read = _READERS[source](arrays, len(order), cell)
        gates = dict(zip(order, read, strict=True))
        _check(gates)
    except (ValueError, IndexError) as error:
        shapes = [a.shape for a in arrays]
        raise ValueError(
            f"weights has shapes {shapes}; expected those of one {cell} layer laid out as "
            f"{source!r}, see tfrnn_ops.weights"
        ) from error
    if cell == "lstm":
        shift = (source == "tf1") - (target == "tf1")
        gates["f"].bias = gates["f"].bias + np.asarray(shift * forget_bias, arrays[0].dtype)
    if target in ("cudnn", "pytorch") and any(g.recurrent_bias is None for g in gates.values()):
        raise ValueError(
            f"weights are those of a GRU that resets before the product (reset_after=False); "
            f"expected one that resets after it, as the target {target!r} does"
        )
    return _WRITERS[target]([gates[letter] for letter in _GATES[cell][target]], cell)


def _check(gates: _Gates) -> None:
    """Checks the shapes of all gates against those of the first."""
    features, units = next(iter(gates.values())).kernel.shape
    for gate in gates.values():
        expected = [(features, units), (units, units), (units,), (units,)]
        found = [gate.kernel, gate.recurrent_kernel, gate.bias, gate.both_biases]
        if [a.shape for a in found] != expected:
            raise ValueError(f"found {[a.shape for a in found]}, expected {expected}")


def _columns(array: np.ndarray, gates: int) -> Arrays:
    return np.split(array, gates, axis=-1)


def _read_keras(arrays: Arrays, gates: int, cell: str) -> list[_Gate]:
    kernel, recurrent_kernel, bias = arrays
    if bias.ndim == 2:
        bias, recurrent_bias = bias
        parts = [_columns(a, gates) for a in (kernel, recurrent_kernel, bias, recurrent_bias)]
        return [_Gate(*part) for part in zip(*parts, strict=True)]
    parts = [_columns(a, gates) for a in (kernel, recurrent_kernel, bias)]
    none = cell == "gru"
    return [
        _Gate(w, u, b, None if none else np.zeros_like(b)) for w, u, b in zip(*parts, strict=True)
    ]


def _write_keras(gates: list[_Gate], cell: str) -> Arrays:
    kernel = np.concatenate([g.kernel for g in gates], 1)
    recurrent_kernel = np.concatenate([g.recurrent_kernel for g in gates], 1)
    pairs = [np.stack([g.bias, g.recurrent_bias]) for g in gates if g.recurrent_bias is not None]
    if cell == "gru" and len(pairs) == len(gates):
        return [kernel, recurrent_kernel, np.concatenate(pairs, 1)]
    return [kernel, recurrent_kernel, np.concatenate([g.both_biases for g in gates])]


def _read_tf1(arrays: Arrays, gates: int, cell: str) -> list[_Gate]:
    bias = arrays[1]
    units = len(bias) // (2 if cell == "gru" else gates)
    if cell != "gru":
        kernel, bias = arrays
        parts = [_columns(a, gates) for a in (kernel[:-units], kernel[-units:], bias)]
        return [_Gate(w, u, b, np.zeros_like(b)) for w, u, b in zip(*parts, strict=True)]
    kernel, bias, *candidate = arrays
    after = len(candidate) == 4
    parts = [_columns(a, 2) for a in (kernel[:-units], kernel[-units:], bias)]
    reset_and_update = [
        _Gate(w, u, b, np.zeros_like(b) if after else None) for w, u, b in zip(*parts, strict=True)
    ]
    if after:
        kernel, bias, recurrent_kernel, recurrent_bias = candidate
        return [*reset_and_update, _Gate(kernel, recurrent_kernel, bias, recurrent_bias)]
    kernel, bias = candidate
    return [*reset_and_update, _Gate(kernel[:-units], kernel[-units:], bias, None)]


def _write_tf1(gates: list[_Gate], cell: str) -> Arrays:
    def joined(some: list[_Gate]) -> Arrays:
        rows = [
            np.concatenate([g.kernel for g in some], 1),
            np.concatenate([g.recurrent_kernel for g in some], 1),
        ]
        return [np.concatenate(rows, 0), np.concatenate([g.both_biases for g in some])]

    if cell != "gru":
        return joined(gates)
    *reset_and_update, candidate = gates
    if candidate.recurrent_bias is None:
        return [*joined(reset_and_update), *joined([candidate])]
    return [
        *joined(reset_and_update),
        candidate.kernel,
        candidate.bias,
        candidate.recurrent_kernel,
        candidate.recurrent_bias,
    ]


def _read_cudnn(arrays: Arrays, gates: int, cell: str) -> list[_Gate]:
    del cell
    kernels, recurrent_kernels, biases, recurrent_biases = (
        arrays[i * gates : (i + 1) * gates] for i in range(4)
    )
    if len(arrays) != 4 * gates:
        raise ValueError(f"found {len(arrays)} arrays, expected {4 * gates}")
    parts = zip(kernels, recurrent_kernels, biases, recurrent_biases, strict=True)
    return [_Gate(w.T, u.T, b, d) for w, u, b, d in parts]


def _write_cudnn(gates: list[_Gate], cell: str) -> Arrays:
    del cell
    return [
        *(np.ascontiguousarray(g.kernel.T) for g in gates),
        *(np.ascontiguousarray(g.recurrent_kernel.T) for g in gates),
        *(g.bias for g in gates),
        *(g.recurrent_bias for g in gates if g.recurrent_bias is not None),
    ]


def _read_pytorch(arrays: Arrays, gates: int, cell: str) -> list[_Gate]:
    weight_ih, weight_hh, bias_ih, bias_hh = arrays
    parts = [np.split(a, gates) for a in (weight_ih, weight_hh, bias_ih, bias_hh)]
    return _read_cudnn([part for group in parts for part in group], gates, cell)


def _write_pytorch(gates: list[_Gate], cell: str) -> Arrays:
    canonical = _write_cudnn(gates, cell)
    count = len(gates)
    return [np.concatenate(canonical[i * count : (i + 1) * count]) for i in range(4)]


_READERS: dict[str, Callable[[Arrays, int, str], list[_Gate]]] = {
    "keras": _read_keras,
    "tf1": _read_tf1,
    "cudnn": _read_cudnn,
    "pytorch": _read_pytorch,
}
_WRITERS: dict[str, Callable[[list[_Gate], str], Arrays]] = {
    "keras": _write_keras,
    "tf1": _write_tf1,
    "cudnn": _write_cudnn,
    "pytorch": _write_pytorch,
}
