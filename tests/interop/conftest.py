# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the interop tests: the shared workshop, and the real files that are not part of this repository."""

import os
from pathlib import Path

import pytest
from tool import lacking

ROOT = Path(__file__).resolve().parents[2]


def pytest_configure(config):
    for message in (".*considered legacy.*", ".*__array__ implementation.*", ".*structure of `inputs`.*"):
        config.addinivalue_line("filterwarnings", f"ignore:{message}")


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    from workshop import Workshop

    return Workshop(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="session")
def golden():
    return ROOT / "tests" / "golden"


@pytest.fixture(scope="session")
def zoo():
    """Public model files kept beside the checkout."""
    folder = Path(os.environ.get("BALLAST_ZOO") or ROOT.parent / "shared" / "zoo")
    if not folder.is_dir():
        pytest.skip(f"no public model files in {folder}; set BALLAST_ZOO")
    return folder


@pytest.fixture(scope="session")
def wheel_files():
    """Real Keras files out of PyPI wheels, unpacked by `tools/dev setup peers`."""
    folder = os.environ.get("BALLAST_WHEEL_FILES") or os.environ.get("BALLAST_FILES")
    if not folder or not Path(folder).is_dir():
        lacking("no unpacked wheels; set BALLAST_WHEEL_FILES or use tools/dev test interop")
    return Path(folder)
