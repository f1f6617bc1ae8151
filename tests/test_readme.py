"""The examples of the README run."""

import re
import warnings
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent / "README.md"


@pytest.mark.filterwarnings("ignore::tfrnn_ops.ReferencePathWarning")
def test_the_python_examples_run_in_their_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
    assert len(blocks) >= 2
    names = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for block in blocks:
            for line in block.splitlines():
                exec(line, names)
                shape = re.search(r"# (\[[\d, ]+\])(?: and (\[[\d, ]+\]))?$", line)
                if shape:
                    value = names.get("cell_states") if shape[2] else eval(line, names)
                    assert str(list(value.shape)) == (shape[2] or shape[1])
