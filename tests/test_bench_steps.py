"""`python -m tfrnn_ops.bench steps`."""

import pytest

pytest.importorskip("tqdm")
pytest.importorskip("matplotlib")

from tfrnn_ops import _core
from tfrnn_ops.bench import steps
from tfrnn_ops.bench.__main__ import main

SMALL = ["steps", "--units", "3", "--batch", "2", "--steps", "4", "--rounds", "2"]


@pytest.mark.parametrize("cell", steps.CELLS)
def test_it_measures_all(cell, capsys):
    assert main([*SMALL, "--cell", cell]) == 0
    out = capsys.readouterr().out
    assert "batch 2, 3 features and units" in out
    (line,) = (row for row in out.splitlines() if row.startswith(cell))
    for name in ("kernel", "tfrnn_ops", "Keras", "over the kernel"):
        assert name in line


def test_mistakes(capsys):
    assert main([*SMALL, "--rounds", "0"]) == 2
    assert "--rounds: found 0, expected 1 or more" in capsys.readouterr().err


def test_another_result_is_found(capsys, monkeypatch):
    layer = _core.Layer32
    monkeypatch.setattr(_core, "Layer32", lambda cell, k, r, b: layer(cell, k, r, b + 0.1))
    assert main([*SMALL, "--cell", "gru"]) == 1
    assert "wrong results: the last state of tfrnn_ops differs" in capsys.readouterr().err
