# SPDX-License-Identifier: Apache-2.0
"""libballast-hdf5: what it writes into an open file is what h5py and Keras read there, beside the program's own data; and
what our own reader refuses, the tool reads with the HDF5 C library when it is asked to (--with-libhdf5)."""

import os
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
import safetensors.numpy
import tool

EXAMPLE = Path(os.environ.get("BALLAST_BUILD", "build")) / "tests" / "examples" / "open_handle"


@pytest.fixture(autouse=True)
def example():
    if not EXAMPLE.exists():
        tool.lacking("built without libballast-hdf5 (-Dhdf5)")


SOURCES = (
    "keras-3.15.1-compiled-adam.weights.h5",
    "keras-3.15.1-bfloat16.weights.h5",
    "keras-3.15.1-odd-names.weights.h5",
    "h5py-3.14.0-gzip-shuffle.weights.h5",
)


def everything(group):
    """What the group holds: {path: attributes and, for a dataset, its type, shape and bytes}."""
    found = {}

    def keep(name, item):
        attributes = {key: (value.dtype.str, value.tobytes()) if isinstance(value, np.generic | np.ndarray) else value
                      for key, value in item.attrs.items()}
        data = (str(item.dtype), item.shape, item[()].tobytes()) if isinstance(item, h5py.Dataset) else None
        found[name] = (attributes, data)

    group.visititems(keep)
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_a_group_in_the_programs_own_file_is_keras_layout(golden, tmp_path, source):
    """Byte for byte what a conversion to a file of its own gives, and the program's own data are untouched."""
    own, alone = tmp_path / "own.h5", tmp_path / "alone.weights.h5"
    subprocess.run([EXAMPLE, golden / source, own], stdout=subprocess.DEVNULL, check=True, timeout=tool.TIMEOUT)
    tool.convert(golden / source, alone)
    with h5py.File(own) as file, h5py.File(alone) as expected:
        assert sorted(file) == ["measurements", "model"]
        assert file["measurements"][()].tolist() == [1.5, 2.5, 4.0]
        assert dict(file["model"].attrs).keys() == dict(expected.attrs).keys()
        assert everything(file["model"]) == everything(expected)


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """A Keras 3 weights file whose tensors are stored in ways that we refuse, with their values."""
    folder = tmp_path_factory.mktemp("refused")
    values = {f"layers/dense/vars/{number}": np.random.default_rng(number).integers(-9, 9, (6, 4)).astype("int32")
              for number in range(3)}
    scaled, external, virtual = values
    with h5py.File(folder / "parts.h5", "w") as file:
        file["x"] = values[virtual]
    with h5py.File(folder / "x.weights.h5", "w") as file:
        file.create_dataset(scaled, data=values[scaled], chunks=(3, 2), scaleoffset=0)
        file.create_dataset(external, data=values[external], external=[(str(folder / "raw"), 0, h5py.h5f.UNLIMITED)])
        layout = h5py.VirtualLayout((6, 4), "int32")
        layout[:] = h5py.VirtualSource(folder / "parts.h5", "x", (6, 4))
        file.create_virtual_dataset(virtual, layout)
    return folder / "x.weights.h5", values


def test_what_our_reader_refuses_the_c_library_reads_when_asked(refused, tmp_path):
    path, values = refused
    target = tmp_path / "x.safetensors"
    for name in values:
        others = [f"--exclude={other}" for other in values if other != name]
        tool.convert(path, target, *others, expect=tool.REFUSED)
        assert not target.exists()
    tool.convert(path, target, "--with-libhdf5", "--names", "stored")
    found = safetensors.numpy.load_file(target)
    assert found.keys() == values.keys()
    for name, value in values.items():
        assert found[name].dtype == value.dtype and np.array_equal(found[name], value)
    assert tool.run("inspect", path, "--with-libhdf5").stderr == ""


def test_the_option_changes_nothing_for_other_files(golden, tmp_path):
    plain, by_library, again = (tmp_path / name for name in ("a.safetensors", "b.safetensors", "c.safetensors"))
    tool.convert(golden / SOURCES[0], plain)
    tool.convert(golden / SOURCES[0], by_library, "--with-libhdf5")
    assert plain.read_bytes() == by_library.read_bytes()
    tool.convert(plain, again, "--with-libhdf5")
    assert again.read_bytes() == plain.read_bytes()


def test_errors_of_the_c_library_are_ours(golden, tmp_path):
    missing = tool.run("inspect", tmp_path / "none.h5", "--with-libhdf5", expect=tool.UNREADABLE)
    assert "[not_found]" in missing.stderr
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes((golden / SOURCES[0]).read_bytes()[:600])
    cut = tool.run("inspect", damaged, "--with-libhdf5", expect=tool.UNREADABLE)
    assert "[read_failed]" in cut.stderr
    assert "HDF5-DIAG" not in cut.stderr
