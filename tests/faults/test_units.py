"""The units for systemd restrict the service as far as it allows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.mark.parametrize("name", ["tasktracker.service", "tasktracker-backup.service"])
def test_systemd_finds_little_exposure(name: str) -> None:
    command = ["systemd-analyze", "security", "--no-pager", "--offline=true", str(DEPLOY / name)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert " OK " in result.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", ["tasktracker-backup.timer"])
def test_the_timer_is_valid(name: str) -> None:
    result = subprocess.run(["systemd-analyze", "verify", str(DEPLOY / name)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert str(name) not in result.stderr, result.stderr
