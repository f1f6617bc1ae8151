"""Layers with options twice: our CUDA kernels through `CudaLayer`, and PyTorch in float64.

The second shares nothing with the package: the cells once more, step by step, from their papers,
and gradients by PyTorch.
"""

import zlib
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy_philox import chosen

# Gates, states, rows of the bias, of the vectors, and how many times `units` gains there are.
CELLS = {
    "lstm": (4, 2, 1, 3, 9),
    "gru": (3, 1, 2, 0, 6),
    "gru_reset_before": (3, 1, 1, 0, 6),
    "simple_rnn": (1, 1, 1, 0, 2),
    "ind_rnn": (1, 1, 1, 1, 1),
}
ACTIVATIONS = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": lambda x: torch.nn.functional.relu6(x + 3) / 6,
    "relu": torch.relu,
    "relu6": torch.nn.functional.relu6,
    "elu": torch.nn.functional.elu,
    "selu": torch.selu,
    "softplus": torch.nn.functional.softplus,
    "softsign": torch.nn.functional.softsign,
    "linear": lambda x: x,
    "silu": torch.nn.functional.silu,
    "gelu": torch.nn.functional.gelu,
}


@dataclass
class Case:
    """A layer of one direction, time-major."""

    cell: str
    dtype: str = "float64"
    time: int = 4
    batch: int = 3
    features: int = 5
    units: int = 7
    projection: int = 0
    masked: bool = False
    operands: tuple[str, ...] = ()
    shared_dropout: bool = False
    options: dict = field(default_factory=dict)

    @property
    def constants(self):
        """The arrays without a gradient."""
        names = ("mask", "input_dropout", "recurrent_dropout", "state_dropout")
        return (*names, "inputs") if "indices" in self.operands else names

    @property
    def width(self):
        """Of h."""
        return self.projection or self.units

    def arrays(self):
        """Everything the layer reads, as NumPy arrays in float64."""
        gates, states, biases, vectors, norms = CELLS[self.cell]
        rng = np.random.default_rng(zlib.crc32(repr(self).encode()))
        rows, wide = [self.time, self.batch], gates * self.units
        of_state = [[self.batch, self.width], [self.batch, self.units]][:states]

        def drop(count, width):
            return np.where(rng.random([count, self.batch, width]) < 0.3, 0.0, 1.4)

        arrays = {
            "inputs": rng.normal(size=[*rows, self.features]),
            "kernel": rng.normal(size=[self.features, wide], scale=0.4),
            "bias": rng.normal(size=[biases, wide]),
            "doutputs": rng.normal(size=[*rows, self.width]),
            **{f"initial_{i}": rng.normal(size=size) for i, size in enumerate(of_state)},
            **{f"dfinal_{i}": rng.normal(size=size) for i, size in enumerate(of_state)},
        }
        if self.cell != "ind_rnn":
            arrays["recurrent_kernel"] = rng.normal(size=[self.width, wide], scale=0.4)
        if self.masked:
            arrays["mask"] = rng.random(rows) < 0.6
        if self.projection:
            arrays["projection"] = rng.normal(size=[self.units, self.width], scale=0.4)
        if "indices" in self.operands:  # two of them name no row
            arrays["inputs"] = rng.integers(-1, self.features + 1, rows)
        optional = {
            "input_dropout": lambda: drop(gates, self.features),
            "recurrent_dropout": lambda: drop(1 if self.shared_dropout else gates, self.width),
            "state_dropout": lambda: drop(self.time, self.width),
            "vectors": lambda: rng.normal(size=[vectors, self.units]),
            "layer_norm": lambda: rng.normal(size=[2, norms * self.units], loc=0.5, scale=0.5),
            "cell_states": lambda: rng.normal(size=[*rows, self.units]),
        }
        for name in set(self.operands) - {"indices"}:
            arrays["dcell_states" if name == "cell_states" else name] = optional[name]()
        return arrays


def reference(case, arrays):
    """All results and gradients, by PyTorch in float64."""
    given = {k: torch.as_tensor(v) for k, v in arrays.items()}
    w = {
        k: v.clone().requires_grad_()
        for k, v in given.items()
        if k not in case.constants and not (k[0] == "d" and k[1:] != "ropout")
    }
    given |= w
    run = _Run(case, given)
    found = run.layer()
    loss = sum((found[k] * given["d" + k]).sum() for k in found if "d" + k in given)
    names = [k for k in w if not ("layer_norm" in w and k == "bias")]
    gradients = torch.autograd.grad(loss, [w[k] for k in names], allow_unused=True)
    found |= {
        f"d{k}": torch.zeros_like(w[k]) if g is None else g
        for k, g in zip(names, gradients, strict=True)
    }
    return {k: v.detach() for k, v in found.items()}


class _Run:
    def __init__(self, case, tensors):
        self.case, self.w, self.o = case, tensors, case.options
        self.gates = CELLS[case.cell][0]
        self.act = ACTIVATIONS[self.o.get("activation", "tanh")]
        self.gate = ACTIVATIONS[self.o.get("recurrent_activation", "sigmoid")]

    def noise(self, stream, name, width):
        rate, case = self.o.get(name, 0), self.case
        draws = chosen(self.o.get("seed", (0, 0)), stream, rate, case.time, case.batch, width)
        return rate, torch.as_tensor(draws)

    def zone_out(self, stream, name, t, new, old):
        rate, kept = self.noise(stream, name, new.shape[-1])
        z = kept[t].double() if self.o.get("training") else rate
        return (1 - z) * new + z * old

    def norm(self, v, first):
        """Normalises; `first` tells where its gains begin, in units."""
        if "layer_norm" not in self.w:
            return v
        at = first * self.case.units
        gain, offset = self.w["layer_norm"][:, at : at + v.shape[-1]]
        deviation = (v.var(-1, unbiased=False, keepdim=True) + 1e-3).sqrt()
        return (v - v.mean(-1, keepdim=True)) / deviation * gain + offset

    def factors(self, h, t):
        """h as every gate's weights see it."""
        rate, dropped = self.noise(0, "recurrent_dropout", h.shape[-1])
        if self.o.get("training") and rate:
            h = torch.where(dropped[t], 0.0, h / (1 - rate))
        return [h * f for f in self.per_gate("recurrent_dropout")]

    def inputs(self, t):
        """A step's rows, or those of one 1 that numbers stand for."""
        if "indices" not in self.case.operands:
            return self.w["inputs"][t]
        columns = torch.arange(self.case.features)
        return (self.w["inputs"][t][:, None] == columns).double()

    def per_gate(self, name):
        if name not in self.w:
            return [1.0] * self.gates
        factors = self.w[name]
        return [factors[g if len(factors) > 1 else 0] for g in range(self.gates)]

    def product(self, operands, weights, gates):
        parts = weights.split(self.case.units, dim=-1)
        return torch.cat([operands[g] @ parts[g] for g in gates], dim=-1)

    def layer(self):
        case, w = self.case, self.w
        states = [w[f"initial_{i}"] for i in range(CELLS[case.cell][1])]
        output, outputs, cells = torch.zeros_like(states[0]), [], []
        zero = self.o.get("zero_output_for_mask", True)
        for t in range(case.time):
            operands = [self.inputs(t) * f for f in self.per_gate("input_dropout")]
            x = self.norm(self.product(operands, w["kernel"], range(self.gates)), 0)
            from_h = states[0] * (w["state_dropout"][t] if "state_dropout" in w else 1.0)
            started = [from_h, *states[1:]]
            new = getattr(self, case.cell.split("_reset")[0])(t, x + w["bias"][0], started)
            names = ("zoneout", "cell_zoneout")
            new = [
                self.zone_out(1 + i, names[i], t, n, s)
                for i, (n, s) in enumerate(zip(new, started, strict=True))
            ]
            active = w["mask"][t, :, None] if "mask" in w else torch.ones([case.batch, 1]) > 0
            states = [torch.where(active, n, s) for n, s in zip(new, states, strict=True)]
            output = torch.where(active, states[0], 0 * output if zero else output)
            outputs.append(output)
            cells.append(torch.where(active, states[-1], (0 if zero else 1) * states[-1]))
        found = {"outputs": torch.stack(outputs)}
        found |= {f"final_{i}": s for i, s in enumerate(states)}
        if "cell_states" in case.operands:
            found["cell_states"] = torch.stack(cells)
        return found

    def lstm(self, t, x, states):
        h, c = states
        w, o = self.w, self.o
        r = self.norm(self.product(self.factors(h, t), w["recurrent_kernel"], range(4)), 4)
        i, f, g, out = (x + r).chunk(4, dim=-1)
        p_i, p_f, p_o = w.get("vectors", (0, 0, 0))
        c = self.gate(f + p_f * c) * c + self.gate(i + p_i * c) * self.act(g)
        if o.get("cell_clip"):
            c = c.clamp(-o["cell_clip"], o["cell_clip"])
        out = self.gate(out + p_o * c)
        seen = self.norm(c, 8)
        h = out * self.act(seen)
        if self.case.projection:
            h = h @ w["projection"]
            if o.get("projection_clip"):
                h = h.clamp(-o["projection_clip"], o["projection_clip"])
        return h, seen if o.get("layer_norm_carry") else c

    def gru(self, t, x, states):
        (h,), w, units = states, self.w, self.case.units
        x_z, x_r, x_n = x.chunk(3, dim=-1)
        if self.case.cell == "gru":
            r = self.norm(self.product(self.factors(h, t), w["recurrent_kernel"], range(3)), 3)
            h_z, h_r, h_n = (r + w["bias"][1]).chunk(3, dim=-1)
            z, r = self.gate(x_z + h_z), self.gate(x_r + h_r)
            candidate = self.act(x_n + r * h_n)
        else:
            gates = self.norm(self.product(self.factors(h, t), w["recurrent_kernel"], (0, 1)), 3)
            z, r = self.gate(x_z + gates[:, :units]), self.gate(x_r + gates[:, units:])
            product = self.product(self.factors(r * h, t), w["recurrent_kernel"], (2,))
            candidate = self.act(x_n + self.norm(product, 5))
        return (z * h + (1 - z) * candidate,)

    def simple_rnn(self, t, x, states):
        product = self.product(self.factors(states[0], t), self.w["recurrent_kernel"], (0,))
        return (self.act(x + self.norm(product, 1)),)

    def ind_rnn(self, t, x, states):
        return (self.act(x + self.factors(states[0], t)[0] * self.w["vectors"][0]),)


def _dtype_of(array, floating):
    """What the kernels take an array as."""
    if array.dtype == bool:
        return torch.bool
    return torch.int32 if np.issubdtype(array.dtype, np.integer) else floating


def kernels(case, arrays, layer_class, device):
    """All results and gradients, by `layer_class`, which is _core.CudaLayer or like it."""
    dtype = getattr(torch, case.dtype)
    names = ("time", "batch", "features", "units", "projection", "shared_dropout", "options")
    layer = layer_class(
        case.cell,
        case.dtype,
        **{name: getattr(case, name) for name in names},
        operands=set(case.operands),
        training=True,
        cublas=False,
        override="",
    )
    tensors = {
        name: torch.as_tensor(value).to(_dtype_of(value, dtype)).to(device)
        for name, value in arrays.items()
    }
    given = set(tensors)

    def fill(name, like):
        tensors[name] = torch.full_like(tensors[like], float("nan"))

    for name in given:
        if name in ("doutputs", "dcell_states") or name.startswith("dfinal"):
            fill(name[1:], name)
        elif name not in case.constants:
            fill(f"d{name}", name)
    for name in ("reserve", "workspace"):
        size = getattr(layer, f"{name}_bytes")
        key = "reserve_space" if name == "reserve" else name
        tensors[key] = torch.full([size], 0xFF, dtype=torch.uint8, device=device)
    for name, tensor in tensors.items():
        layer.set(name, 0, tensor.data_ptr())
    stream = torch.cuda.current_stream().cuda_stream
    layer.forward(stream)
    layer.backward(stream)
    results = set(tensors) - given - {"reserve_space", "workspace"}
    if "layer_norm" in given:
        results -= {"dbias"}  # that of the offsets
    return layer, {name: tensors[name].cpu().double() for name in results}
