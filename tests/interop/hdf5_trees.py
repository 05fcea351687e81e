# SPDX-License-Identifier: Apache-2.0
"""Trees of groups, datasets and attributes: made at random, described to h5forge, compared with what h5py opens.

The comparison uses h5py's low-level calls, so that a name is bytes, a type is the stored type, and nothing is guessed.
"""

import os
import pathlib
import random
import subprocess
from dataclasses import dataclass, field

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5o, h5s, h5t

FIXED_LIST_LIMIT = 64512  # Keras' HDF5_OBJECT_HEADER_LIMIT
FLOAT = {"float16": "<f2", "float32": "<f4", "float64": "<f8"}
INTEGER = {f"{sign}int{8 * size}": f"<{code}{size}" for size in (1, 2, 4, 8) for sign, code in (("", "i"), ("u", "u"))}
COMPLEX = {"complex64": "<c8", "complex128": "<c16"}
STORED = {name: h5t.py_create(np.dtype(code)) for name, code in (FLOAT | INTEGER | COMPLEX | {"bool": "?"}).items()}
STORED |= {"bfloat16": h5t.create(h5t.OPAQUE, 2), "opaque8": h5t.create(h5t.OPAQUE, 1)}
DTYPES = sorted(STORED)


@dataclass
class Group:
    """Names are bytes. Attributes: ("string", charset, text), ("list", [text]), ("number", dtype, shape, bytes)."""

    links: dict = field(default_factory=dict)
    attributes: dict = field(default_factory=dict)


@dataclass
class Dataset:
    dtype: str
    shape: tuple
    data: bytes
    attributes: dict = field(default_factory=dict)


def forge_program():
    return os.environ.get("BALLAST_H5FORGE") or str(pathlib.Path(os.environ["BALLAST_BUILD"]) / "tests/support/h5forge")


# ---- Describing ----


def _hex(data):
    return "x" + data.hex()


def _shape(shape):
    return "(" + ",".join(map(str, shape)) + ")"


def _attribute_line(number, name, attribute):
    kind, *rest = attribute
    if kind == "string":
        charset, value = rest
        return f"string {number} {_hex(name)} {charset} {_hex(value)}"
    if kind == "list":
        return " ".join([f"list {number} {_hex(name)}", *map(_hex, rest[0])])
    dtype, shape, data = rest
    return f"number {number} {_hex(name)} {dtype} {_shape(shape)} {_hex(data)}"


def describe(root, path):
    """The lines that make h5forge write the tree."""
    lines = [_attribute_line(0, name, attribute) for name, attribute in root.attributes.items()]
    pending, count = [(root, 0)], 1
    while pending:
        group, parent = pending.pop()
        for name, node in group.links.items():
            if isinstance(node, Group):
                lines.append(f"group {parent} {_hex(name)}")
                pending.append((node, count))
            else:
                lines.append(f"dataset {parent} {_hex(name)} {node.dtype} {_shape(node.shape)} {_hex(node.data)}")
            lines.extend(_attribute_line(count, key, value) for key, value in node.attributes.items())
            count += 1
    lines.append(f"write {_hex(os.fsencode(path))}")
    return lines


def forge(trees):
    """Writes {path: tree} in one run of h5forge."""
    text = "\n".join(line for path, tree in trees.items() for line in describe(tree, path)) + "\n"
    subprocess.run([forge_program()], input=text.encode(), check=True)


# ---- Random trees ----

WORDS = "dense vars layers 0 1 10 2 _x A ~ .. a.b ü 日本 λ 🜁 %2F".split() + ["a b"]


def random_name(rng):
    if rng.random() < 0.02:
        return rng.choice([b"\xff\xfe", b"\x80", b"tab\there", b"\x01"]) + str(rng.randrange(10**6)).encode()
    name = rng.choice(WORDS) + (str(rng.randrange(10**4)) if rng.random() < 0.8 else "")
    if rng.random() < 0.01:
        name = (name * 300)[: rng.randrange(1, 400)]
    return name.encode()


def random_shape(rng):
    draw = rng.random()
    if draw < 0.2:
        return ()
    if draw < 0.3:
        return tuple(rng.choice([0, 1, 3]) for _ in range(rng.randrange(1, 4)))
    if draw < 0.32:
        return (1,) * rng.randrange(5, 33)
    return tuple(rng.randrange(1, 6) for _ in range(rng.randrange(1, 5)))


def random_values(rng, dtype, shape):
    count = int(np.prod(shape, dtype=np.int64))
    if dtype == "bool":
        return bytes(rng.choices((0, 1), k=count))
    return rng.randbytes(count * STORED[dtype].get_size())


def random_attribute(rng):
    draw = rng.random()
    if draw < 0.4:
        text = rng.choice(["", "dense", "ü", "日本", "x" * rng.randrange(200), "{}" * rng.randrange(1, 9)])
        if rng.random() < 0.02:
            text = "j" * rng.randrange(3000, 90000)
        return "string", rng.choice(["ascii", "utf8"]), text.encode()
    if draw < 0.7:
        return "list", [random_name(rng) for _ in range(rng.choice([0, 1, 2, 3, 9]))]
    dtype, shape = rng.choice(DTYPES), random_shape(rng)
    return "number", dtype, shape, random_values(rng, dtype, shape)


def random_node(rng, path_depth):
    if path_depth < 12 and rng.random() < 0.45:
        node = Group()
    else:
        dtype, shape = rng.choice(DTYPES), random_shape(rng)
        if rng.random() < 0.003:
            shape = (rng.randrange(1, 300), 257)
        node = Dataset(dtype, shape, random_values(rng, dtype, shape))
    add_attributes(rng, node)
    return node


def add_attributes(rng, node):
    for _ in range(rng.choice([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 5])):
        node.attributes[random_name(rng)] = random_attribute(rng)


def random_tree(seed):
    """A tree of 0 to 2000 links: most are small, and links prefer the groups made last, so that some are deep."""
    rng = random.Random(seed)
    links = rng.choice([rng.randrange(4), rng.randrange(12), rng.randrange(30), rng.randrange(80)])
    if seed % 100 == 0:
        links = rng.randrange(500, 2001)
    root = Group()
    add_attributes(rng, root)
    groups = [(root, 0)]
    for _ in range(links):
        wide = seed % 200 == 0 and rng.random() < 0.9
        parent, depth = groups[0 if wide else int(len(groups) * rng.random() ** 0.5)]
        name = random_name(rng)
        if name in parent.links:
            continue
        node = parent.links[name] = random_node(rng, depth + 1)
        if isinstance(node, Group):
            groups.append((node, depth + 1))
    return root


# ---- Comparing ----


def split_list(name, values):
    """The attributes a list of names becomes: Keras' save_attributes_to_hdf5_group, plus fixed strings where the
    references alone are too long for a message and Keras fails."""
    if not values:
        return {name: None}
    array, parts = np.asarray(values, dtype=f"S{max(1, max(map(len, values)))}"), 1
    while any(part.nbytes > FIXED_LIST_LIMIT for part in np.array_split(array, parts)):
        parts += 1
    references = 8 + (len(name) + 8) // 8 * 8 + 24 + 24 + 16 * len(values)
    if parts == 1 and references <= 65528:
        return {name: values}
    return {name + str(i).encode(): part for i, part in enumerate(np.array_split(array, parts))}


def check_string_type(stored, charset):
    assert stored.is_variable_str() and stored.get_strpad() == h5t.STR_NULLTERM
    assert stored.get_cset() == (h5t.CSET_UTF8 if charset == "utf8" else h5t.CSET_ASCII)


def read_attribute(attribute):
    array = np.empty(attribute.shape, dtype=attribute.dtype)
    attribute.read(array)
    return array


def compare_list(oid, name, expected):
    attribute = h5a.open(oid, name)
    stored = attribute.get_type()
    if expected is None:
        assert stored == h5t.IEEE_F64LE and attribute.shape == (0,)
        return
    assert attribute.shape == (len(expected),)
    if isinstance(expected, list):
        check_string_type(stored, "ascii")
        assert read_attribute(attribute).tolist() == expected
    else:
        assert not stored.is_variable_str() and stored.get_size() == expected.dtype.itemsize
        assert (stored.get_strpad(), stored.get_cset()) == (h5t.STR_NULLPAD, h5t.CSET_ASCII)
        assert read_attribute(attribute).tobytes() == expected.tobytes()


def compare_attribute(oid, name, expected):
    kind, *rest = expected
    attribute = h5a.open(oid, name)
    stored = attribute.get_type()
    if kind == "string":
        charset, value = rest
        check_string_type(stored, charset)
        assert attribute.get_space().get_simple_extent_type() == h5s.SCALAR
        assert read_attribute(attribute)[()] == value
        return
    dtype, shape, data = rest
    assert stored == STORED[dtype] and attribute.shape == shape
    if data:
        array = np.empty(shape, dtype=attribute.dtype)
        attribute.read(array, mtype=stored)
        assert array.tobytes() == data


def compare_attributes(oid, attributes):
    count = 0
    for name, expected in attributes.items():
        if expected[0] == "list":
            parts = split_list(name, expected[1])
            for part_name, part in parts.items():
                compare_list(oid, part_name, part)
            count += len(parts)
        else:
            compare_attribute(oid, name, expected)
            count += 1
    assert h5a.get_num_attrs(oid) == count


def compare_dataset(dataset, node, aligned):
    assert isinstance(dataset, h5d.DatasetID)
    stored, space = dataset.get_type(), dataset.get_space()
    assert stored == STORED[node.dtype]
    assert space.get_simple_extent_type() == (h5s.SIMPLE if node.shape else h5s.SCALAR)
    assert space.get_simple_extent_dims() == node.shape == space.get_simple_extent_dims(maxdims=True)
    if aligned:
        assert dataset.get_offset() % 64 == 0 if node.data else dataset.get_offset() is None
    if node.data:
        array = np.empty(len(node.data), dtype=np.uint8)
        dataset.read(h5s.ALL, h5s.ALL, array, mtype=stored)
        assert array.tobytes() == node.data


def compare(path, root, step=1, aligned=True):
    """The file holds the tree and nothing else. Of the links of each group every step-th is opened."""
    file = h5f.open(os.fsencode(path), h5f.ACC_RDONLY)
    pending = [(h5g.open(file, b"/"), root, "/")]
    while pending:
        oid, node, where = pending.pop()
        try:
            if node.attributes or h5a.get_num_attrs(oid):
                compare_attributes(oid, node.attributes)
            if isinstance(node, Dataset):
                compare_dataset(oid, node, aligned)
                continue
            assert isinstance(oid, h5g.GroupID)
            assert list(oid) == sorted(node.links)
            for name, child in list(node.links.items())[::step]:
                pending.append((h5o.open(oid, name), child, f"{where}/{os.fsdecode(name)}"))
        except AssertionError as error:
            raise AssertionError(f"{path}: {where}: {error}") from error
    file.close()


def tree_of(path):
    """The tree a file of another writer holds, for writing its twin."""

    def attributes_of(item):
        found = {}
        for name in sorted(item.attrs, key=lambda name: (len(name), name)):
            attribute = h5a.open(item.id, name.encode())
            stored = attribute.get_type()
            if stored.get_class() != h5t.STRING:
                dtype = next(key for key, value in STORED.items() if value == stored)
                value = np.asarray(item.attrs[name])
                empty = attribute.shape == (0,) and dtype == "float64"
                found[name.encode()] = ("list", []) if empty else ("number", dtype, value.shape, value.tobytes())
            elif not stored.is_variable_str():  # a part of a long list: name0, name1, ...
                parts = found.setdefault(name.rstrip("0123456789").encode(), ("list", []))
                parts[1].extend(read_attribute(attribute).tolist())
            elif attribute.shape == ():
                charset = "utf8" if stored.get_cset() == h5t.CSET_UTF8 else "ascii"
                found[name.encode()] = ("string", charset, read_attribute(attribute)[()])
            else:
                found[name.encode()] = ("list", read_attribute(attribute).tolist())
        return found

    def convert(item):
        if isinstance(item, h5py.Dataset):
            dtype = next(key for key, value in STORED.items() if value == item.id.get_type())
            node = Dataset(dtype, item.shape, item[()].tobytes())
        else:
            node = Group()
            node.links = {name.encode(): convert(item[name]) for name in item}
        node.attributes = attributes_of(item)
        return node

    with h5py.File(path) as file:
        return convert(file)
