"""The layers with options that are compared, natively and on the emulator."""

import numpy as np
import torch
from gpu_layers import ACTIVATIONS, CELLS, Case, kernels, reference

# Of the largest value of a tensor; 16-bit storage rounds all that is kept, and the sums before
# layer normalisation, which makes the difference up to 30 times larger.
TOLERANCE = {"float64": 1e-10, "float32": 1e-4, "float16": 2e-2, "bfloat16": 0.15}
SINGLE = {
    "peephole": {"operands": ("vectors",)},
    "layer_norm": {"operands": ("layer_norm",)},
    "layer_norm_carry": {"operands": ("layer_norm",), "options": {"layer_norm_carry": True}},
    "projection": {"projection": 3, "options": {"projection_clip": 0.3}},
    "cell_clip": {"options": {"cell_clip": 0.5}},
    "cell_states": {"operands": ("cell_states",), "masked": True},
    "input_dropout": {"operands": ("input_dropout",)},
    "recurrent_dropout": {"operands": ("recurrent_dropout",)},
    "shared_dropout": {"operands": ("recurrent_dropout",), "shared_dropout": True},
    "state_dropout": {"operands": ("state_dropout",), "masked": True},
    "indices": {"operands": ("indices",)},
    "step_dropout": {"options": {"training": True, "recurrent_dropout": 0.4, "seed": (5, 6)}},
    "zoneout": {"options": {"training": True, "zoneout": 0.3, "cell_zoneout": 0.2}},
    "zoneout_of_inference": {"options": {"zoneout": 0.3, "cell_zoneout": 0.2}},
    "repeated_outputs": {"masked": True, "options": {"zero_output_for_mask": False}},
}
ONLY_LSTM = ("peephole", "layer_norm_carry", "projection", "cell_clip", "cell_states")


def single_cases():
    """Every option by itself, and every activation."""
    for cell in CELLS:
        own = ("vectors",) if cell == "ind_rnn" else ()
        for name, what in SINGLE.items():
            if name in ONLY_LSTM and cell != "lstm":
                continue
            yield (
                f"{cell}-{name}",
                Case(cell, **what | {"operands": own + what.get("operands", ())}),
            )
        for name in ACTIVATIONS:
            options = {"activation": name, "recurrent_activation": name}
            yield f"{cell}-{name}", Case(cell, operands=own, options=options)


def mixed_cases(count, dtype):
    """Options drawn at random; in 16 bits none whose gradient jumps."""
    smooth = dtype in ("float16", "bfloat16")
    for i in range(count):
        rng = np.random.default_rng(i)

        def some(values, share=0.5, rng=rng):
            return {k: v for k, v in values.items() if rng.random() < share}

        cell = list(CELLS)[i % len(CELLS)]
        lstm = cell == "lstm"
        operands = some(dict.fromkeys(("recurrent_dropout", "state_dropout", "layer_norm")))
        operands[str(rng.choice(["input_dropout", "indices", "plain"]))] = None
        operands.pop("plain", None)
        if lstm:
            operands |= some(dict.fromkeys(("vectors", "cell_states")))
        if cell == "ind_rnn":
            operands["vectors"] = None
        options = some({"training": True, "recurrent_dropout": 0.3, "zoneout": 0.2})
        options |= {"seed": (i, 3), "zero_output_for_mask": bool(rng.random() < 0.5)}
        if lstm:
            options |= some({"cell_zoneout": 0.3})
            options |= some({} if smooth else {"cell_clip": 0.8, "projection_clip": 0.5})
            options |= some({"layer_norm_carry": True} if "layer_norm" in operands else {})
        names = ["tanh", "sigmoid", "softsign", "silu"] + ([] if smooth else ["relu", "elu"])
        options |= some({"activation": str(rng.choice(names))})
        sizes = {k: int(rng.choice([1, 2, 5, 13])) for k in ("time", "batch", "features", "units")}
        yield Case(
            cell,
            dtype,
            **sizes,
            projection=int(rng.choice([0, 3, 17])) if lstm else 0,
            masked=bool(rng.random() < 0.5),
            operands=tuple(operands),
            shared_dropout=bool(rng.random() < 0.3),
            options=options,
        )


def check(case, layer_class, device):
    """Compares everything; what the kernels read is rounded to their dtype for both."""
    dtype = getattr(torch, case.dtype)
    arrays = {
        name: torch.as_tensor(value).to(dtype).double().numpy() if value.dtype == float else value
        for name, value in case.arrays().items()
    }
    layer, found = kernels(case, arrays, layer_class, device)
    want = reference(case, arrays)
    assert set(found) == set(want)
    for name, value in want.items():
        scale = max(1.0, value.abs().max().item()) if value.numel() else 1.0
        error = (found[name] - value).abs().max().item() / scale if value.numel() else 0.0
        assert error <= TOLERANCE[case.dtype], f"{name}: {error}"
    return layer
