# SPDX-License-Identifier: Apache-2.0
"""Plain HDF5 files: what the tool lists and converts equals what h5py reads, or is refused as docs/formats/hdf5.md says.

The files are those of hdf5_matrix.py and the public ones of other HDF5 readers (BALLAST_ZOO). Each is looked at twice: by
the tool (`inspect --json`, `convert` to safetensors) and, for structure, by tests/support/h5tree in one go.
"""

import functools
import json
import re
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import hdf5_matrix
import numpy as np
import pytest
import tool
from random_h5 import describe_dataset, describe_text, dtype_name, walk
from test_hdf5_reader import compare, h5tree

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats" / "hdf5.md"
BEYOND_H5PY = {"var-length-strings-reused.hdf5"}  # a global heap smaller than the library allows
LARGEST_ATTRIBUTE = 4096  # values; larger ones are described only
LARGEST_TENSOR = 10**9  # elements; one public file holds more than the limits allow


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("matrix")
    paths = []
    for number in range(hdf5_matrix.COUNT):
        paths.append(folder / f"{number:03}.h5")
        hdf5_matrix.write(number, paths[-1])
    paths.append(folder / "long_row.h5")
    hdf5_matrix.write_long_row(paths[-1])
    return paths


@pytest.fixture(scope="module")
def peers(request):
    folder = request.getfixturevalue("zoo") / "hdf5-peers"
    paths = sorted(folder.glob("*.hdf5"))
    assert len(paths) > 30
    return paths


# ---- what is refused, from the page ----


@functools.cache
def refusals():
    """(code, pattern) of each row of the page's table."""
    section = PAGE.read_text(encoding="utf-8").split("### What we refuse")[1].split("\n### ")[0]
    rows = re.findall(r"^\|[^|]*\| `(\w+)` \| “([^|]*)” \|", section, re.M)
    assert len(rows) > 10
    return [(code, re.compile(".*".join(map(re.escape, text.split("…"))), re.S)) for code, text in rows]


def is_documented(code, message):
    return any(code == row_code and pattern.search(message) for row_code, pattern in refusals())


# ---- what h5py says ----


def metadata_value(attribute):
    """An attribute's value as the tool's metadata has it."""
    if isinstance(attribute, h5py.Empty):
        return None
    if isinstance(attribute, (str, bytes)):
        return attribute if isinstance(attribute, str) else attribute.decode("utf-8", "replace")
    array = np.asarray(attribute)

    def element(value):
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        if isinstance(value, complex):
            return {"r": value.real, "i": value.imag}
        return value

    def nested(value):
        return [nested(v) for v in value] if isinstance(value, list) else element(value)

    def plain(value):
        return [plain(v) for v in value.tolist()] if isinstance(value, np.ndarray) else value

    return nested([plain(v) for v in array] if array.dtype == object and array.shape else array.tolist())


def same_number(a, b):
    if a != a and b != b:
        return True
    if a == b:
        return True
    with np.errstate(over="ignore"):  # float16 and float32 are written with their shortest digits
        return np.float32(a) == np.float32(b)


def has_no_value(value):
    """References and records, which metadata names but does not hold."""
    if isinstance(value, list):
        return bool(value) and all(map(has_no_value, value))
    return isinstance(value, (h5py.Reference, h5py.RegionReference, np.void))


def same(a, b):
    """Of h5py's value and ours, which describes what is no number or text."""
    if has_no_value(a):
        return isinstance(b, dict) and "problem" in b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)) and not isinstance(a, bool):
        return same_number(a, b)
    return type(a) is type(b) and a == b


def seen_by_h5py(path):
    """{path: (dtype, shape, bytes)}, {path: {attribute: value}}, {path: text}; of objects under their first names too."""
    tensors, attributes, text, known = {}, {}, {}, set()
    with h5py.File(path) as file:
        for name, kind, item, cycle, _ in walk(file):
            if item is None or cycle:
                continue
            name, address = name.decode("utf-8", "surrogateescape"), h5py.h5o.get_info(item.id).addr
            if kind == "dataset" and (item.size or 0) < LARGEST_TENSOR:
                tensors[name], words = describe_dataset(item), describe_text(item)
                if words is not None:
                    text.setdefault(address, words)
            if address not in known and item.attrs:
                attributes[address] = {key: metadata_value(item.attrs[key]) for key in item.attrs}
            known.add(address)
    return {name: t for name, t in tensors.items() if t}, list(attributes.values()), list(text.values())


# ---- what the tool says ----


def safetensors(path):
    raw = path.read_bytes()
    length = struct.unpack_from("<Q", raw)[0]
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__", None)
    return {name: raw[8 + length + entry["data_offsets"][0] : 8 + length + entry["data_offsets"][1]]
            for name, entry in header.items()}


def count(value):
    """Elements of a value, those of variable length too."""
    return sum(map(count, value)) if isinstance(value, list) else 1


def check_with_tool(path, folder):
    try:
        tensors, attributes, text = seen_by_h5py(path)
    except OSError:  # written by other libraries, and beyond the HDF5 library
        assert path.name in BEYOND_H5PY
        assert tool.start("inspect", path).code in (0, 4), path
        return
    run = tool.run("inspect", path, "--json")
    listing = json.loads(run.stdout)
    assert listing["format"] == "plain_hdf5", path
    problems = re.findall(r"warning: .*?: (.*?) \(tensor '(.*?)'.*\[(\w+)\]", run.stderr)
    refused = {name for message, name, code in problems}
    for message, name, code in problems:
        assert is_documented(code, message), (path, name, code, message)
    listed = {item["stored_name"]: (item["dtype"], item["shape"]) for item in listing["tensors"]}
    assert listed == {name: (dtype, shape) for name, (dtype, shape, _) in tensors.items() if name not in refused}, path
    found = listing["metadata"].get("attributes", {}).values()
    for item in attributes:  # without their paths: an aliased object may be known under another one
        for key, value in item.items():
            if isinstance(value, list) and count(value) > LARGEST_ATTRIBUTE:
                item[key] = {"dtype": "float64", "shape": [len(value)], "problem": "more values than metadata holds"}
    assert len(found) == len(attributes), path
    for item in attributes:
        assert any(same(item, other) for other in found), (path, item)
    assert len(listing["metadata"].get("text", {})) == len(text), path
    check_conversion(path, folder, {n: t for n, t in tensors.items() if n not in refused}, refused)


def check_conversion(path, folder, tensors, refused):
    """The bytes, through safetensors; complex128 has no place there."""
    left_out = sorted(refused | {name for name, (dtype, _, _) in tensors.items() if dtype == "complex128"})
    target = folder / (path.name + ".safetensors")
    options = [word for name in left_out for word in ("--exclude", name)]
    tool.convert(path, target, "-q", *options)
    found = safetensors(target)
    assert found.keys() == tensors.keys() - set(left_out), path
    for name, data in found.items():
        assert data == tensors[name][2], (path, name)
    target.unlink()


def check_all(paths, folder):
    with ThreadPoolExecutor(2) as pool:  # h5py is one at a time; the tool runs beside it
        for done in [pool.submit(check_with_tool, path, folder) for path in paths]:
            done.result()


def test_matrix_by_the_tool(files, tmp_path):
    check_all(files, tmp_path)


def test_matrix_by_structure(files, tmp_path):
    trees = h5tree(files, tmp_path)
    assert len(trees) == len(files)
    for path, tree in zip(files, trees):
        compare(tree, path, tmp_path)


def is_open_for_writing(path):
    try:
        h5py.File(path).close()
        return False
    except OSError:
        return True


def test_files_of_other_readers(peers, tmp_path):
    readable = [path for path in peers if not is_open_for_writing(path)]
    assert len(readable) >= len(peers) - 1
    check_all(readable, tmp_path)


def test_file_left_open_for_writing(peers):
    """h5py refuses such a file; ours says so and reads it."""
    for path in filter(is_open_for_writing, peers):
        run = tool.run("inspect", path)
        assert "may be incomplete" in run.stderr


def test_dtype_names():
    assert dtype_name(np.dtype("V2")) == "bfloat16"
