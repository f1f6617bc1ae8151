"""Random sets of options, shapes and masks in float64: fused against the reference."""

import numpy as np
import pytest
import tensorflow as tf
from combinations import KINDS, Combination, factors
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerance import assert_close

MASKS = ("none", "random", "empty row", "lengths", "lengths and random", "all masked")


def rows(name):
    """Any values of a cell's options, and any shape."""
    options = {factor: st.sampled_from(values) for factor, values in factors(name).items()}
    shape = {
        "batch": st.integers(0, 9),
        "time": st.integers(0, 12),
        "features": st.integers(1, 40),
        "units": st.integers(1, 70),
    }
    fixed = {"dtype": st.just("float64"), "mask": st.sampled_from(MASKS)}
    return st.fixed_dictionaries({**options, **shape, **fixed})


@st.composite
def random_combinations(draw, name):
    return Combination(name, draw(rows(name)), draw(st.integers(0, 2**16)))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "graph"])
def test_random_combinations(name, in_graph):
    @settings(max_examples=8 if in_graph else 25, deadline=None, derandomize=True)
    @given(random_combinations(name))
    def check(combination):
        def run():
            return combination.values_and_gradients("float64", reference=False)

        got, dgot = tf.function(run, autograph=False)() if in_graph else run()
        want, dwant = combination.values_and_gradients("float64", reference=True)
        activations = [combination.row[n] for n in combination.kind.activations]
        kind = "gelu" if "gelu" in activations else None
        assert_close(got, want, kind, "result")
        for tensor, gradient in dgot.items():
            assert_close(gradient, dwant[tensor], kind, f"gradient of {tensor}")

    check()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_a_masked_call_equals_one_call_for_each_row(data):
    """What a mask leaves of a row, alone and without a mask, gives the same last states."""
    name = data.draw(st.sampled_from(list(KINDS)))
    row = data.draw(rows(name))
    # Draws depend on the place in the batch, and the steps that are left out count.
    row |= {"training": False, "batch": 3, "time": 5, "mask": "random", "keep_reserve": False}
    row |= {"input_dropout_mask": "off", "recurrent_dropout_mask": "off", "initial_state": True}
    row |= {"go_backwards": False, "time_major": False, "return_cell_states": False}
    row |= {"both_directions": False}
    combination = Combination(name, {n: v for n, v in row.items() if n in factors(name)})
    variables, mask = combination.variables("float64"), combination.mask
    _, *together = combination(variables, reference=False)
    for b in range(3):
        alone = {**variables, "inputs": variables["inputs"][b : b + 1]}
        alone["inputs"] = tf.boolean_mask(alone["inputs"], mask[b], axis=1)
        alone |= {n: variables[n][b : b + 1] for n in ("h", "c") if n in variables}
        combination.mask = None
        _, *states = combination(alone, reference=False)
        combination.mask = mask
        assert_close(states, [np.asarray(s)[b : b + 1] for s in together], what=f"row {b}")
