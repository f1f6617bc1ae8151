"""The build backend of pyproject.toml: setuptools, and the TensorFlow to build against.

The compiled library works with the minor version of TensorFlow it was built against alone. So the
TensorFlow of the environment that is installed into is used, also where pip builds in isolation
from it; only where there is none does TensorFlow become a build requirement.
"""

import json
import os
import re
import subprocess
import sys
from importlib.machinery import PathFinder
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

from packaging.version import Version
from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    build_sdist,
    build_wheel,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

OLDEST, NEWEST = "2.18", "2.21"
DEFAULT_REQUIREMENT = f"tensorflow-cpu=={NEWEST}.*"
DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tensorflow-cpu-aws", "tensorflow-rocm")


class TensorFlow(NamedTuple):
    """An installed TensorFlow: its package directory, distribution name and version."""

    path: Path
    distribution: str
    version: str

    @property
    def minor(self) -> str:
        """Major and minor version, such as 2.21."""
        return ".".join(self.version.split(".")[:2])


def find_tensorflow(path: list[str]) -> TensorFlow | None:
    """Returns the first TensorFlow with headers on `path`, without importing it.

    Raises:
        SystemExit: TensorFlows of different versions were installed over one another.
    """
    for entry in path:
        spec = PathFinder.find_spec("tensorflow", [entry])
        if spec is None or not spec.submodule_search_locations:
            continue
        package = Path(spec.submodule_search_locations[0])
        if not (package / "include/tensorflow/core/framework/op_kernel.h").exists():
            continue
        names = {
            re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower(): d.version
            for d in distributions(path=[str(package.parent)])
        }
        found = [TensorFlow(package, n, names[n]) for n in DISTRIBUTIONS if n in names]
        if len({tensorflow.minor for tensorflow in found}) > 1:
            both = ", ".join(f"{t.distribution} {t.version}" for t in found)
            sys.exit(f"{package} belongs to {both}; expected one. Uninstall all, then install one.")
        if found:
            return found[0]
    return None


def search_path() -> list[str]:
    """Returns sys.path, then the sys.path this interpreter has outside pip's build isolation."""
    isolation = ("PYTHONPATH", "PYTHONNOUSERSITE")
    environ = {key: value for key, value in os.environ.items() if key not in isolation}
    command = [sys.executable, "-c", "import json, sys; print(json.dumps(sys.path))"]
    outside = json.loads(subprocess.check_output(command, env=environ))
    return [entry for entry in sys.path + outside if entry]


def default_requirement() -> str:
    """The TensorFlow to build against where none is installed."""
    return os.environ.get("TFRNN_TF_REQUIREMENT", DEFAULT_REQUIREMENT)


def tensorflow_to_build_against() -> TensorFlow:
    """Returns the installed TensorFlow.

    Raises:
        SystemExit: there is none, or its version is not supported.
    """
    found = find_tensorflow(search_path())
    supported = f"tfrnn_ops supports TensorFlow {OLDEST} to {NEWEST}"
    advice = f'Install one, for example: pip install "{DEFAULT_REQUIREMENT}"'
    if found is None:
        sys.exit(f"{supported}; found none with headers. {advice}")
    if not Version(OLDEST) <= Version(found.minor) <= Version(NEWEST):
        sys.exit(
            f"{supported}; found {found.distribution} {found.version} in {found.path}. {advice}"
        )
    return found


def get_requires_for_build_wheel(config_settings: dict | None = None) -> list[str]:
    """The hook of the same name: setuptools' answer, and TensorFlow where none is installed."""
    requires = build_meta.get_requires_for_build_wheel(config_settings)
    if find_tensorflow(search_path()) is None:
        requires.append(default_requirement())
    return requires


get_requires_for_build_editable = get_requires_for_build_wheel
