# SPDX-License-Identifier: Apache-2.0
"""Kill -9 at random moments of asynchronous ModelCheckpoint saves: no checkpoint that was known to be saved is ever lost.

Epoch n of tests/support/async_tool saves weights that are all n, so that a mixture of two saves shows. h5py and safetensors read
what is left. BALLAST_KILLS says how many kills, 40 unless given.
"""

import os
import random
import subprocess
import time

import h5py
import pytest
from safetensors.numpy import load_file
from tool import lacking

KILLS = int(os.environ.get("BALLAST_KILLS", "40"))


def program():
    path = os.path.join(os.environ["BALLAST_BUILD"], "tests/support/async_tool")
    if not os.access(path, os.X_OK):
        lacking("built without Boost.PFR")
    return path


def arrays(path):
    if path.suffix == ".safetensors":
        return list(load_file(path).values())
    found = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


def epoch_of(path):
    """The one value of all elements."""
    values = arrays(path)
    assert len(values) == 48
    epoch = values[0].flat[0]
    assert all((value == epoch).all() for value in values), f"a mixture in {path}"
    return int(epoch)


def checkpoints(folder):
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def killed_run(folder, suffix, delay):
    """The last epoch that the program knew to be saved; None when it was killed before the first."""
    with subprocess.Popen([program(), "train", folder, suffix, "1000000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        time.sleep(delay)
        assert run.poll() is None, run.stderr.read()
        run.kill()
        printed = run.stdout.read().decode()
    lines = printed[: printed.rfind("\n") + 1].split()
    return int(lines[-1]) if lines else None


@pytest.mark.parametrize("suffix", [".weights.h5", ".safetensors"])
def test_random_kills(suffix, tmp_path):
    choose, known, progressed, pending = random.Random(11), 0, 0, 0
    for _ in range(KILLS // 2):
        before = known
        known = max(known, killed_run(tmp_path, suffix, choose.uniform(0.01, 0.2)) or 0)
        progressed += known > before
        each = tmp_path / "each"
        kept = checkpoints(each) if each.exists() else []
        for path in kept:
            assert epoch_of(path) == int(path.name.split(".")[0])
        pending += any(path.name.startswith(".") and "kept.json" not in path.name for path in tmp_path.rglob(".*"))
        if known == 0:
            continue
        assert max(map(epoch_of, kept)) >= known, "a checkpoint that was saved is gone"
        assert epoch_of(tmp_path / f"last{suffix}") >= known
    assert progressed > KILLS / 8 and pending > 0, (progressed, pending)  # or nothing was tested
    final = known + 20
    subprocess.run([program(), "train", tmp_path, suffix, str(final)], check=True, stdout=subprocess.DEVNULL, timeout=60)
    assert epoch_of(tmp_path / f"last{suffix}") == final
    assert len(checkpoints(tmp_path / "each")) == 2, "a killed run left a checkpoint that nobody knows"
    print(f"{suffix}: {KILLS // 2} kills, {pending} within a save, {known} epochs, none lost")
