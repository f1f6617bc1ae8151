"""Loading the compiled library, and what is said where it cannot be loaded."""

from pathlib import Path

import pytest

import tfrnn_ops
from tfrnn_ops import _library


def test_another_tensorflow():
    _library.check_tensorflow("2.21.0", "2.21.3")
    with pytest.raises(
        ImportError, match=r"built for TensorFlow 2\.20\.0, but TensorFlow 2\.21\.0"
    ):
        _library.check_tensorflow("2.20.0", "2.21.0")


def test_a_missing_library(tmp_path):
    with pytest.raises(ImportError, match=r"(?s)is not built: found no .*pip install"):
        _library.load(tmp_path / "libtfrnn_ops.so")


def test_a_broken_library(tmp_path):
    broken = tmp_path / "libtfrnn_ops.so"
    broken.write_text("not a shared object")
    with pytest.raises(ImportError, match="cannot load"):
        _library.load(broken)


def test_the_version_is_that_of_the_package():
    """setuptools reads it where the package says it."""
    configuration = pytest.importorskip("setuptools.config.pyprojecttoml")
    root = Path(__file__).resolve().parent.parent
    found = configuration.read_configuration(root / "pyproject.toml")["project"]["version"]
    assert found == tfrnn_ops.__version__
