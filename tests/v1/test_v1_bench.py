"""`python -m tfrnn_ops.bench v1`."""

import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("tqdm")
pytest.importorskip("matplotlib")

from tfrnn_ops.bench import v1
from tfrnn_ops.bench.__main__ import main
from tfrnn_ops.bench.refcheck import Mismatch

SMALL = ["v1", "--units", "3", "4", "--batch", "2", "--time", "5", "--symbols", "6"]


@pytest.mark.parametrize("cell", v1.CELLS)
def test_it_measures_both(cell, capsys):
    assert main([*SMALL, "--cell", cell, "--rounds", "2"]) == 0
    out = capsys.readouterr().out
    assert f"{v1.CELLS[cell]} [3, 4], batch 2, 5 steps" in out
    for mode in v1.MODES:
        for inputs in v1.INPUTS:
            (line,) = (row for row in out.splitlines() if row.startswith(f"{mode}, {inputs}"))
            assert "TensorFlow" in line
            assert "times as fast" in line
            assert "products alone" in line
    assert tf.compat.v1.control_flow_v2_enabled()  # as before


def test_products():
    sizes = {"units": [3, 4], "batch": 2, "time": 5, "symbols": 6, "threads": 1}
    step = 2 * 2 * 5 * 3
    dense, one_hot = (v1.Setting("gru", inputs=i, **sizes) for i in ("dense", "one-hot"))
    assert dense.flops("forward") == step * (3 * (6 + 3) + 4 * (3 + 4))
    assert one_hot.flops("forward") == step * (3 * 3 + 4 * (3 + 4))
    assert dense.flops("training") == step * (3 * (2 * 6 + 3 * 3) + 4 * 3 * (3 + 4))
    assert one_hot.flops("training") == 3 * one_hot.flops("forward")


def test_mistakes(capsys, monkeypatch):
    assert main([*SMALL, "--rounds", "0"]) == 2
    assert "--rounds: found 0, expected 1 or more" in capsys.readouterr().err
    assert main([*SMALL, "--units", "0"]) == 2
    assert "--units: found [0]" in capsys.readouterr().err
    monkeypatch.setattr(v1, "LEGACY_CELLS", "tensorflow.no_such_module")
    assert main(SMALL) == 2
    assert "has no tensorflow.no_such_module" in capsys.readouterr().err


def test_another_result_is_found():
    good = [np.ones(3), np.ones(2)]
    v1.check({"a": good, "b": [np.ones(3), np.ones(2) + 1e-6]})
    for bad in (np.array([1.0, 1.1]), np.array([1.0, np.nan])):
        with pytest.raises(Mismatch, match="array 1 of b differs from a's"):
            v1.check({"a": good, "b": [np.ones(3), bad]})
