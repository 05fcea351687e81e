# SPDX-License-Identifier: Apache-2.0
"""Random HDF5 files by h5py, and what h5py itself says is in a file: the two sides of the reader's differential test.

Everything comes from one seed. `describe` gives the tree in the form of tests/support/h5tree, so that both can be
compared with `==`; it walks links by itself, because h5py follows soft and external ones.
"""

import h5py
import hdf5plugin  # noqa: F401  (teaches h5py zstd)
import numpy as np
from h5py import h5a, h5d, h5p, h5s, h5t

INTEGERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]
FLOATS = ["f2", "f4", "f8"]
BFLOAT16 = np.dtype("V2")
NAMES = ["kernel", "bias", "dense", "dense_1", "0", "1", "10", "2", "größe", "层", "a b", "x" * 40, "é", "~", "UPPER", ".x"]
STRUCTURAL = {"group": h5py.Group, "dataset": h5py.Dataset, "committed_type": h5py.Datatype}


class Generator:
    def __init__(self, seed, path, libver):
        self.rng = np.random.default_rng(seed)
        self.libver = libver
        self.groups, self.datasets, self.depth = [], [], {}
        block = int(self.rng.choice([0, 0, 0, 512, 2048]))
        options = {"userblock_size": block} if block else {}
        if libver == "track_order":
            options |= {"track_order": True}
        version = "earliest" if libver == "track_order" else libver
        with h5py.File(path, "w", libver=("earliest", "v108") if version == "earliest" else (version, version), **options) as file:
            self.file = file
            self.fill()
        if block:
            with open(path, "r+b") as raw:
                raw.write(self.rng.bytes(block))

    def chance(self, p):
        return self.rng.random() < p

    def name(self, group):
        for _ in range(20):
            name = str(self.rng.choice(NAMES))
            if self.chance(0.5):
                name += f"_{self.rng.integers(100)}"
            if name not in group:
                return name
        return f"unique_{len(group)}"

    def dtype(self):
        kind = self.rng.integers(6)
        if kind == 0:
            return np.dtype(str(self.rng.choice(INTEGERS))).newbyteorder(str(self.rng.choice(["<", ">"])))
        if kind <= 3:
            return np.dtype(str(self.rng.choice(FLOATS))).newbyteorder(str(self.rng.choice(["<", ">"], p=[0.8, 0.2])))
        return [BFLOAT16, np.dtype("?"), np.dtype("c8"), np.dtype("c16"), np.dtype(">c8"), np.dtype("V1")][self.rng.integers(6)]

    def values(self, dtype, shape):
        count = int(np.prod(shape, dtype=np.int64))
        if dtype.kind == "b":
            return self.rng.integers(0, 2, shape).astype("?")
        if self.chance(0.3):  # something that compresses
            return np.frombuffer(np.zeros(count * dtype.itemsize, "u1").tobytes(), dtype).reshape(shape)
        return np.frombuffer(self.rng.bytes(count * dtype.itemsize), dtype).reshape(shape)

    def shape(self, rank=None):
        rank = int(self.rng.integers(0, 5)) if rank is None else rank
        dims = [int(self.rng.choice([1, 2, 3, 5, 8, 13])) for _ in range(rank)]
        if rank and self.chance(0.05):
            dims[0] = 0
        return tuple(dims)

    def fill(self):
        self.groups.append(self.file)
        self.depth[self.file.id] = 0
        for _ in range(int(self.rng.integers(0, 12))):
            parent = self.groups[self.rng.integers(len(self.groups))]
            group = parent.create_group(self.name(parent), track_order=self.libver == "track_order")
            self.groups.append(group)
            self.attributes(group)
        for _ in range(int(self.rng.integers(0, 30))):
            self.dataset()
        if self.chance(0.3):
            many = self.groups[self.rng.integers(len(self.groups))]
            prefix = str(self.rng.choice(["l", "ü", "layer_with_a_rather_long_name_"]))
            for i in range(int(self.rng.choice([9, 33, 150, 700]))):
                many.create_group(f"{prefix}{i}")
        self.links()
        self.attributes(self.file)

    def links(self):
        for _ in range(int(self.rng.integers(0, 4))):
            group = self.groups[self.rng.integers(len(self.groups))]
            name = self.name(group)
            kind = self.rng.integers(4)
            if kind == 0:
                group[name] = h5py.SoftLink("/nowhere/" + "y" * int(self.rng.integers(30)))
            elif kind == 1:
                group[name] = h5py.ExternalLink("other.h5", "/x")
            elif kind == 2:
                group[name] = self.groups[self.rng.integers(len(self.groups))]  # may well be a cycle
            elif self.datasets:
                group[name] = self.datasets[self.rng.integers(len(self.datasets))]

    def dataset(self):
        parent = self.groups[self.rng.integers(len(self.groups))]
        name = self.name(parent)
        kind = self.rng.random()
        if kind < 0.04:
            made = parent.create_dataset(name, data=h5py.Empty("f4"))
        elif kind < 0.08:
            made = parent.create_dataset(name, data=["text", "größe", ""], dtype=h5py.string_dtype())
        elif kind < 0.11:
            made = parent.create_dataset(name, data=np.array([b"ab", b"c"], "S5"))
        elif kind < 0.14:
            made = parent.create_dataset(name, data=np.zeros(3, [("a", "i4"), ("b", "f8", (2,))]))
        elif kind < 0.16:
            made = self.named_type(parent, name)
        elif kind < 0.55:
            made = self.contiguous(parent, name)
        elif kind < 0.6:
            made = self.compact(parent, name)
        else:
            made = self.chunked(parent, name)
        self.datasets.append(made)
        self.attributes(made)

    def named_type(self, parent, name):
        parent[name] = self.dtype()
        return parent.create_dataset(name + "_of_it", data=np.zeros(2, parent[name].dtype), dtype=parent[name])

    def contiguous(self, parent, name):
        dtype, shape = self.dtype(), self.shape()
        if self.chance(0.15):  # never written
            fill = None if dtype.kind in "Vc" or self.chance(0.5) else np.array(3, dtype)[()]
            return parent.create_dataset(name, shape, dtype, fillvalue=fill)
        return parent.create_dataset(name, data=self.values(dtype, shape), dtype=dtype)

    def compact(self, parent, name):
        values = self.values(np.dtype("f4"), self.shape(int(self.rng.integers(0, 4))))
        create = h5p.create(h5p.DATASET_CREATE)
        create.set_layout(h5d.COMPACT)
        space = h5s.create_simple(values.shape) if values.shape else h5s.create(h5s.SCALAR)
        id = h5d.create(parent.id, name.encode(), h5t.IEEE_F32LE, space, dcpl=create)
        id.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(values))
        return h5py.Dataset(id)

    def chunked(self, parent, name):
        dtype, shape = self.dtype(), self.shape(int(self.rng.integers(1, 5)))
        chunks = tuple(int(self.rng.integers(1, max(d, 1) + 1)) for d in shape)
        options = {}
        if self.chance(0.5):
            options |= {"compression": "gzip", "compression_opts": int(self.rng.integers(0, 10))}
        options |= {"shuffle": self.chance(0.5), "fletcher32": self.chance(0.4)}
        if self.chance(0.4) or 0 in shape:
            options["maxshape"] = tuple(None if d == 0 or self.chance(0.5) else d for d in shape)
        if dtype.kind in "if" and self.chance(0.4):
            options["fillvalue"] = np.array(7, dtype)[()]
        made = parent.create_dataset(name, shape, dtype, chunks=chunks, **options)
        if 0 in shape or self.chance(0.1):
            return made
        if self.chance(0.3) and shape[0] > 1:  # some chunks only
            made[: shape[0] // 2] = self.values(dtype, (shape[0] // 2,) + shape[1:])
        else:
            made[...] = self.values(dtype, shape)
        if "maxshape" in options and options["maxshape"][0] is None and self.chance(0.5):
            made.resize(int(self.rng.integers(1, 2 * shape[0] + 1)), axis=0)
        return made

    def attributes(self, made):
        target = made.attrs
        for i in range(int(self.rng.choice([0, 0, 1, 2, 5, 20], p=[0.3, 0.3, 0.2, 0.1, 0.07, 0.03]))):
            name = str(self.rng.choice(["name", "dtype", "größe", "layer_names", "a"])) + str(i)
            kind = self.rng.integers(9)
            if kind == 0:
                target[name] = "text of " + "é" * int(self.rng.choice([0, 3, 40, 5000]))
            elif kind == 1:
                target[name] = np.array([b"abc", b"", b"defghij"], "S9")
            elif kind == 2:
                target.create(name, ["one", "zwei", "", "größe"][: int(self.rng.integers(0, 5))] or [""], dtype=h5py.string_dtype())
            elif kind == 3:
                target[name] = self.values(np.dtype(str(self.rng.choice(INTEGERS + FLOATS + [">f4", ">i8", "?"]))), self.shape(int(self.rng.integers(0, 4))))
            elif kind == 4:
                target[name] = h5py.Empty("f8")
            elif kind == 5:
                target[name] = np.zeros((0,))
            elif kind == 6:
                target[name] = np.float32(self.rng.random())
            elif kind == 7:
                target.create(name, [b"x", b"yy"], dtype=h5py.string_dtype("ascii"))
            else:
                target[name] = self.file.ref  # a reference: listed, not decoded


# ---- What h5py says ------------------------------------------------------------------------------------------------


def hexed(text):
    return (text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")).hex()


def describe_attribute(id):
    """One attribute as h5tree prints it; None for `problem` where ours must not decode it."""
    dtype, space = id.dtype, id.get_space()
    null = space.get_simple_extent_type() == h5s.NULL
    shape = [0] if null else list(id.shape)
    found = {"name": id.name.hex(), "shape": shape}
    if h5py.check_string_dtype(dtype):
        values = []
        if not null and 0 not in shape:
            array = np.empty(id.shape, dtype)
            id.read(array, mtype=h5t.py_create(dtype))
            values = [v if isinstance(v, bytes) else str(v).encode("utf-8", "surrogateescape") for v in array.ravel().tolist()]
        return found | {"problem": "", "strings": [v.hex() for v in values]}
    name = dtype_name(dtype)
    if name is None:
        return found | {"problem": None}
    array = np.empty(id.shape or (), dtype)
    if not null and 0 not in shape:
        id.read(array, mtype=id.get_type())
    stored = b"" if null else array.tobytes()
    return found | {"problem": "", "dtype": name, "order": order_of(dtype), "bytes": stored.hex()}


def order_of(dtype):
    base = dtype.fields["r"][0] if dtype.fields else dtype
    return ">" if base.str[0] == ">" else "<"


def dtype_name(dtype):
    if dtype.metadata and ("ref" in dtype.metadata or "vlen" in dtype.metadata) or dtype.fields or dtype.subdtype:
        return None
    if dtype.kind == "V":
        return {1: "opaque8", 2: "bfloat16"}.get(dtype.itemsize)
    return {"b": "bool", "?": "bool"}.get(dtype.kind) or dtype.newbyteorder("=").name


def describe_text(dataset):
    """The elements of a dataset of text as hex, or None."""
    if not isinstance(dataset.id.get_type(), h5t.TypeStringID) or dataset.shape is None:
        return None
    array = np.empty(dataset.shape, dataset.dtype)
    if array.size:
        dataset.id.read(h5s.ALL, h5s.ALL, array)
    return [hexed(value) for value in array.ravel().tolist()]


def describe_target(item, name):
    """Where a link that is no hard one leads, as hex."""
    kind, target = item.id.links.get_info(name).type, item.id.links.get_val(name)
    if kind == h5py.h5l.TYPE_EXTERNAL:
        return b":".join(target).hex()
    return target.hex() if kind == h5py.h5l.TYPE_SOFT else ""


def describe_dataset(dataset):
    """(dtype, shape, little-endian bytes), or None where the data are no tensor."""
    space = dataset.id.get_space()
    if space.get_simple_extent_type() == h5s.NULL or h5py.check_string_dtype(dataset.dtype):
        return None
    name = dtype_name(dataset.dtype)
    if name is None:
        return None
    values = np.asarray(dataset[()])
    if values.dtype.kind != "V":
        values = values.astype(values.dtype.newbyteorder("<"))
    return name, list(dataset.shape), values.tobytes()


def walk(file):
    """Yields (path bytes, kind, object or None, on_own_chain, link target), children sorted by bytes, cycles not entered."""
    stack = [(b"", file["/"], ())]
    while stack:
        path, item, chain = stack.pop()
        if item is None:
            continue
        address = h5py.h5o.get_info(item.id).addr
        kind = next(k for k, cls in STRUCTURAL.items() if isinstance(item, cls))
        cycle = address in chain
        yield path, kind, item, cycle, ""
        if kind != "group" or cycle:
            continue
        names = sorted(item.id)  # bytes
        for name in names:
            child = path + b"/" + name if path else name
            link = item.id.links.get_info(name)
            if link.type == h5py.h5l.TYPE_HARD:
                key = name.decode("utf-8", "surrogateescape")
                stack.append((child, item[key], chain + (address,)))
            else:
                yield child, {h5py.h5l.TYPE_SOFT: "soft", h5py.h5l.TYPE_EXTERNAL: "external"}.get(link.type, "other"), None, False, describe_target(item, name)


def describe(path):
    """{path hex: {"kind", "attributes", "dataset", "text", "address", "cycle", "target"}}"""
    found = {}
    with h5py.File(path, "r") as file:
        for name, kind, item, cycle, target in walk(file):
            entry = {"kind": kind, "attributes": [], "dataset": None, "text": None, "address": None, "cycle": cycle,
                     "target": target}
            if item is not None:
                entry["address"] = h5py.h5o.get_info(item.id).addr
                if not cycle:
                    names = [h5a.open(item.id, index=i).name for i in range(h5a.get_num_attrs(item.id))]
                    entry["attributes"] = [describe_attribute(h5a.open(item.id, n)) for n in sorted(names)]
                if kind == "dataset":
                    entry["dataset"] = describe_dataset(item)
                    entry["text"] = describe_text(item)
            found[name.hex()] = entry
    return found
