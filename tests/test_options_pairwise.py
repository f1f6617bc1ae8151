"""Every two options together, of every cell: fused against the reference in float64."""

import numpy as np
import pytest
import tensorflow as tf
from combinations import KINDS, SHAPE, Combination, factors
from pairwise import all_pairs, covering_set, each_value_with, pairs_in
from tolerance import assert_close, assert_no_worse

# What leaves nothing to compute: beside it no other option is tested.
NOTHING = ({"batch": 0}, {"time": 0}, {"mask": "all masked"})

FLOOR = 0.5  # of a tensor's scale: normalisation of few units cancels sums of order one
COVERING = {name: covering_set(factors(name), prefer={"dtype": "float64"}) for name in KINDS}
EMPTY = {
    name: [row for fixed in NOTHING for row in each_value_with(fixed, factors(name))]
    for name in KINDS
}


def combinations(rows_of):
    """A parameter for every row of every cell."""
    return pytest.mark.parametrize(
        "combination",
        [
            pytest.param((name, row, seed), id=f"{name}-{seed}")
            for name, rows in rows_of.items()
            for seed, row in enumerate(rows)
        ],
    )


def check(combination):
    """Compares values and all gradients with the reference in float64, on the same numbers.

    Where rounding to 16 bits makes the difference, as at a kink of an activation or of a clip, the
    fused op may be as far off as roundings of the tensors move the reference.
    """
    dtype = combination.row["dtype"]
    got, dgot = combination.values_and_gradients(dtype, reference=False)
    want, dwant = combination.values_and_gradients("float64", reference=True)
    assert {t.dtype for t in [*got, *dgot.values()]} == {tf.as_dtype(dtype)}
    kind = dtype
    if dtype == "float64" and "gelu" in [combination.row[n] for n in combination.kind.activations]:
        kind = "gelu"
    try:
        assert_close(got, want, kind, "result", FLOOR)
        for name, gradient in dgot.items():
            assert_close(gradient, dwant[name], kind, f"gradient of {name}", FLOOR)
    except AssertionError:
        if dtype in ("float32", "float64"):
            raise
        moved, dmoved = combination.spread()
        assert_no_worse(got, want, moved, "result")
        for name, gradient in dgot.items():
            assert_no_worse(gradient, dwant[name], dmoved[name], f"gradient of {name}")


@combinations(COVERING)
def test_equal_the_reference(combination):
    check(Combination(*combination))


@combinations(EMPTY)
def test_nothing_to_compute(combination):
    check(Combination(*combination))


@pytest.mark.parametrize("name", KINDS)
def test_the_set_covers_every_pair(name):
    rows, values = COVERING[name], factors(name)
    covered = {pair for row in rows for pair in pairs_in(row)}
    assert covered == all_pairs(values)
    assert all(row.keys() == values.keys() for row in rows)
    for fixed in NOTHING:
        with_fixed = [row for row in EMPTY[name] if fixed.items() <= row.items()]
        for factor in values.keys() - fixed.keys():
            assert {row[factor] for row in with_fixed} >= set(values[factor])


def test_the_set_is_large_and_the_same_every_time():
    assert sum(map(len, COVERING.values())) >= 300
    double = [row for rows in COVERING.values() for row in rows if row["dtype"] == "float64"]
    assert len(double) >= 200
    assert COVERING["lstm"] == covering_set(factors("lstm"), prefer={"dtype": "float64"})


@pytest.mark.parametrize("name", KINDS)
def test_every_option_of_a_cell_is_a_factor(name):
    """A new option has to be added to the factors."""
    options = {"reset_after": "name", "layer_norm_carry": "layer_norm"}
    options["projection_clip"] = "projection"
    named = {options.get(option, option) for option in KINDS[name].options}
    assert named - {"name"} <= factors(name).keys()
    for axis in SHAPE:
        assert axis in factors(name)


@pytest.mark.parametrize("name", KINDS)
def test_the_comparison_sees_every_tensor(name):
    """A relative change of 1e-9 in any one of them does not pass."""
    row = {factor: values[-1] for factor, values in factors(name).items()}
    row |= {"dtype": "float64", "batch": 3, "time": 5, "units": 7, "mask": "none", "use_bias": True}
    row |= {"initial_state": True, "layer_norm": "on"}
    row |= dict.fromkeys(KINDS[name].activations, "tanh")
    combination = Combination(name, row)
    check(combination)
    exact = combination.values_and_gradients
    for tensor in combination.tensors:

        def changed(dtype, *, reference, tensor=tensor):
            values, gradients = exact(dtype, reference=reference)
            if not reference:
                gradient = gradients[tensor]
                gradients[tensor] = gradient + 1e-9 * np.abs(gradient).max()
            return values, gradients

        combination.values_and_gradients = changed
        with pytest.raises(AssertionError, match=f"gradient of {tensor}"):
            check(combination)
