# SPDX-License-Identifier: Apache-2.0
"""Compares what our own HDF5 reader sees (tests/support/h5tree) with the tree a file was made from."""

import json
import os
import pathlib
import subprocess

from hdf5_trees import COMPLEX, FLOAT, INTEGER, Dataset, split_list


def reader_program():
    """None where neither the program nor the build is named."""
    build = os.environ.get("BALLAST_BUILD")
    return os.environ.get("BALLAST_H5TREE") or (build and f"{build}/tests/support/h5tree")


def strings(values):
    return [value.rstrip(b"\0").hex() for value in values]


def expected_attributes(node):
    """{hex name: (shape, dtype, values)}; values are hex strings or bytes."""
    found = {}
    for name, (kind, *rest) in node.attributes.items():
        if kind == "string":
            found[name.hex()] = ([], None, strings(rest[1:]))
        elif kind == "number":
            dtype, shape, data = rest
            found[name.hex()] = (list(shape), dtype, data.hex())
        else:
            for part_name, part in split_list(name, rest[0]).items():
                if part is None:
                    found[part_name.hex()] = ([0], "float64", "")
                else:
                    found[part_name.hex()] = ([len(part)], None, strings(map(bytes, part)))
    return found


def compare_attributes(ours, node, where):
    expected = expected_attributes(node)
    assert {item["name"] for item in ours} == expected.keys() and len(ours) == len(expected), where
    for item in ours:
        shape, dtype, values = expected[item["name"]]
        assert item["shape"] == shape, (where, item)
        if dtype is None:
            assert item["strings"] == values, (where, item)
        elif dtype in FLOAT | INTEGER | COMPLEX or dtype == "bool":
            assert (item["dtype"], item["bytes"], item["problem"]) == (dtype, values, ""), (where, item)


def objects_of(root):
    pending = [(b"", root)]
    while pending:
        path, node = pending.pop()
        yield path, node
        if not isinstance(node, Dataset):
            pending.extend((path + b"/" + name if path else name, child) for name, child in node.links.items())


def compare(view, data, root, path):
    assert "error" not in view and not view["warnings"], (path, view.get("error"), view.get("warnings"))
    ours = {item["path"]: item for item in view["objects"]}
    count = 0
    for name, node in objects_of(root):
        where, item = (path, name), ours[name.hex()]
        count += 1
        compare_attributes(item["attributes"], node, where)
        if isinstance(node, Dataset):
            dataset = item["dataset"]
            assert (dataset["dtype"], dataset["shape"]) == (node.dtype, list(node.shape)), (where, dataset)
            assert not dataset.get("problem") and not dataset.get("error"), (where, dataset)
            assert data[dataset["data"] : dataset["data"] + dataset["size"]] == node.data, where
        else:
            assert item["kind"] == "group", where
    assert count == len(view["objects"]), path


def compare_all(trees, folder):
    """Every object, attribute and byte of {path: tree}, as our reader gives them."""
    program = reader_program()
    if program is None:
        return
    with subprocess.Popen([program, "--data", folder, *trees], stdout=subprocess.PIPE) as process:
        for (path, root), line in zip(trees.items(), process.stdout, strict=True):
            data = pathlib.Path(folder) / (pathlib.Path(path).name + ".data")
            compare(json.loads(line), data.read_bytes(), root, path)
            data.unlink()
    assert process.returncode == 0
