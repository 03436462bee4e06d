"""Which versions of onnxruntime are asked for: those that print no warning when they are imported."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_versions_that_warn_of_a_gpu_on_each_raspberry_pi_are_left_out(python: str, machine: str) -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = [line for line in config["options"]["install_requires"].splitlines() if line.startswith("onnxruntime")]
    found = [Requirement(line) for line in lines]
    here = {"python_version": python, "platform_machine": machine}
    (wanted,) = [requirement for requirement in found if requirement.marker and requirement.marker.evaluate(here)]
    loud = ("1.21.0", "1.23.0", "1.23.2", "1.24.4", "1.25.1", "1.26.0", "1.27.0", "1.28.0")
    assert [version for version in loud if wanted.specifier.contains(version)] == []
    quiet = ("1.20.1", "1.22.1", "1.29.0", "1.32.0")
    assert [version for version in quiet if not wanted.specifier.contains(version)] == []
