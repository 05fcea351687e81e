# SPDX-License-Identifier: Apache-2.0
"""Our HDF5 reader against h5py: trees, attributes, shapes, types and bytes of random files and of real ones.

BALLAST_H5TREE names the built tests/support/h5tree. BALLAST_RANDOM_FILES sets how many files each kind gets.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
from random_h5 import Generator, describe
from hdf5_our_view import reader_program
from tool import lacking

HERE = Path(__file__).resolve().parent
COUNT = int(os.environ.get("BALLAST_RANDOM_FILES", "40"))
LIBVERS = ["earliest", "track_order", "v108", "v110", "latest"]


def h5tree(paths, folder):
    tool = reader_program()
    if not tool:
        lacking("neither BALLAST_H5TREE nor BALLAST_BUILD is set")
    out = subprocess.run([tool, "--data", folder, *paths], capture_output=True, check=True, text=True)
    assert out.stderr == ""
    return [json.loads(line) for line in out.stdout.splitlines()]


def compare_attributes(ours, theirs, where):
    ours = sorted(ours, key=lambda a: bytes.fromhex(a["name"]))
    assert [a["name"] for a in ours] == [a["name"] for a in theirs], where
    for a, b in zip(ours, theirs):
        if b["problem"] is None:
            assert a["problem"] and a["shape"] == b["shape"], (where, a, b)
        else:
            assert a == b, where


def compare_dataset(ours, theirs, data, where):
    if theirs is None:
        assert ours["problem"]["code"] == "unsupported", (where, ours)
        return
    dtype, shape, values = theirs
    assert (ours["dtype"], ours["shape"]) == (dtype, shape), (where, ours, dtype, shape)
    assert "problem" not in ours and "error" not in ours, (where, ours)
    assert ours["size"] == len(values), where
    assert data[ours["data"] : ours["data"] + ours["size"]] == values, where


def compare(tree, path, folder):
    assert "error" not in tree, (path, tree, bytes.fromhex(tree["error"]["message"]))
    expected = describe(path)
    data = (Path(folder) / (Path(path).name + ".data")).read_bytes()
    ours = {o["path"]: o for o in tree["objects"]}
    assert len(ours) == len(tree["objects"])
    assert ours.keys() == expected.keys(), path
    first = {}
    for object_ in tree["objects"]:
        where = (str(path), bytes.fromhex(object_["path"]).decode("utf-8", "replace"))
        theirs = expected[object_["path"]]
        assert object_["kind"] == theirs["kind"], where
        if theirs["address"] is not None:  # an alias names the first object met with that header
            alias = first.setdefault(theirs["address"], object_["path"])
            assert object_["alias_of"] == (None if alias == object_["path"] else alias), where
        compare_attributes(object_["attributes"], theirs["attributes"], where)
        assert object_["target"] == theirs["target"], where
        if theirs["kind"] == "dataset":
            assert object_["dataset"].get("text") == theirs["text"], where
            compare_dataset(object_["dataset"], theirs["dataset"], data, where)
    cycles = sum(e["cycle"] for e in expected.values())
    assert sum(b"links back" in bytes.fromhex(w) for w in tree["warnings"]) == min(cycles, 20)


@pytest.mark.parametrize("libver", LIBVERS)
def test_random_files(libver, tmp_path):
    paths = []
    for seed in range(COUNT):
        path = tmp_path / f"{libver}-{seed}.h5"
        Generator(seed * 7919 + LIBVERS.index(libver), path, libver)
        paths.append(path)
    trees = h5tree(paths, tmp_path)
    assert len(trees) == len(paths)
    for path, tree in zip(paths, trees):
        compare(tree, path, tmp_path)


def test_golden_files(tmp_path):
    # One file refers to others, and one is of a newer HDF5 than h5py has here.
    paths = sorted(p for p in (HERE.parent / "golden").glob("*.h5") if not p.stem.endswith(("refusals", "hdf5-2")))
    assert paths
    for path, tree in zip(paths, h5tree(paths, tmp_path)):
        compare(tree, path, tmp_path)


def test_real_files(zoo, tmp_path):
    paths = sorted(p for folder in ("keras1", "keras2") for p in (zoo / folder).glob("*") if p.suffix in (".h5", ".hdf5"))
    assert paths
    for path, tree in zip(paths, h5tree(paths, tmp_path)):
        compare(tree, path, tmp_path)
