"""Alertmanager's own programs, where Debian's package is installed. CI installs it; elsewhere tests are skipped."""

import os
import shutil

import pytest

_PACKAGE = "on Debian: apt-get install prometheus-alertmanager"


def amtool_path() -> str:
    """Where amtool is; skips the test where it is not."""
    return _path("amtool")


def alertmanager_path() -> str:
    """The same of the server."""
    return _path("prometheus-alertmanager")


def _path(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not here; {_PACKAGE}"
        assert not os.environ.get("CI"), f"CI has to compare with Alertmanager: {reason}"
        pytest.skip(reason)
    return found
