# SPDX-License-Identifier: Apache-2.0
"""HDF5 files that go through every storage feature in turn: versions, layouts, chunk indexes, filters, element types, fill
values, what was written and what not. Where random_h5.py draws lots, this enumerates.

`write(number, path)` makes file `number`; a number always gives the same kind of file. Low-level calls throughout: h5py's
convenient ones choose for themselves.
"""

import ctypes
import os
from itertools import cycle, islice
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (registers zstd)
import numpy as np
from h5py import h5d, h5f, h5g, h5p, h5s, h5t

VERSIONS = {
    "earliest": (h5f.LIBVER_EARLIEST, h5f.LIBVER_V18),
    "v108": (h5f.LIBVER_V18, h5f.LIBVER_V18),
    "v110": (h5f.LIBVER_V110, h5f.LIBVER_V110),
    "v112": (h5f.LIBVER_V112, h5f.LIBVER_V112),
    "latest": (h5f.LIBVER_LATEST, h5f.LIBVER_LATEST),
}
DTYPES = ["<f4", "i1", ">f8", "<u2", "<f2", ">i4", "V2", "u1", "<i8", "?", ">f4", "<c8", ">u2", "V1", "<f8", "<u8", ">c16",
          "<i2", ">f2", "<u4", "c16", ">i8", "enum"]
LAYOUTS = ["contiguous", "compact", "single", "implicit", "fixed", "grows_first", "grows_last", "grows_both"]
FILTERS = {
    "none": (),
    "gzip": ("gzip",),
    "gzip_shuffle": ("shuffle", "gzip"),
    "fletcher32": ("fletcher32",),
    "lzf": ("lzf",),
    "lzf_shuffle": ("shuffle", "lzf"),
    "zstd": ("zstd",),
    "all": ("shuffle", "zstd", "fletcher32"),
    "sum_first": ("fletcher32", "gzip"),
    "twice": ("lzf", "gzip"),
}
STATES = ["whole", "part", "nothing", "grown", "shrunk"]
# (user block, sizes of addresses and lengths, symbol table K, chunk B-tree K, file space strategy)
GEOMETRIES = [
    (0, (8, 8), None, None, False),
    (512, (8, 8), None, None, False),
    (0, (4, 4), None, None, False),
    (0, (8, 8), (2, 2), None, False),
    (2048, (8, 4), None, None, False),
    (0, (8, 8), None, 2, False),
    (0, (4, 8), None, None, False),
    (0, (8, 8), None, None, True),
]
COUNT = 240


def hdf5_library():
    """The library inside h5py, for the calls that h5py leaves out."""
    folder = Path(h5py.__file__).parent.parent / "h5py.libs"
    return ctypes.CDLL(str(next(folder.glob("libhdf5-*.so*"))))


class Writer:
    def __init__(self, number, path):
        self.rng = np.random.default_rng(number)
        self.number, self.version = number, list(VERSIONS)[number % len(VERSIONS)]
        self.ordered = number % 3 == 0
        self.dtypes = islice(cycle(DTYPES), number * 7 % len(DTYPES), None)
        self.shapes = cycle([(7,), (6, 5), (1, 9), (4, 3, 5), (40,), (3, 2, 2, 3)])
        self.with_file(path)

    def with_file(self, path):
        block, sizes, groups_k, chunks_k, strategy = GEOMETRIES[self.number // len(VERSIONS) % len(GEOMETRIES)]
        access, create = h5p.create(h5p.FILE_ACCESS), h5p.create(h5p.FILE_CREATE)
        lowest, highest = VERSIONS[self.version]
        access.set_libver_bounds(lowest, h5f.LIBVER_LATEST if strategy else highest)
        create.set_userblock(block)
        create.set_sizes(*sizes)
        if groups_k:
            hdf5_library().H5Pset_sym_k(ctypes.c_int64(create.id), *map(ctypes.c_uint, groups_k))
        if chunks_k:
            hdf5_library().H5Pset_istore_k(ctypes.c_int64(create.id), ctypes.c_uint(chunks_k))
        if strategy:
            create.set_file_space_strategy(h5f.FSPACE_STRATEGY_PAGE, True, 1)
        if self.ordered:
            order = h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED
            create.set_link_creation_order(order)
            create.set_attr_creation_order(order)
        # Datasets that grow in all directions are beyond HDF5 itself with short lengths (its extensible array fails).
        self.short = sizes[1] != 8
        with h5py.File(h5f.create(os.fsencode(path), h5f.ACC_TRUNC, fapl=access, fcpl=create)) as file:
            self.file = file
            self.fill()
        if block:
            with open(path, "r+b") as raw:
                raw.write(self.rng.bytes(block))

    def fill(self):
        for position, layout in enumerate(LAYOUTS):
            if self.short and layout.startswith("grows"):
                continue
            group = self.group(self.file, layout)
            chunked = layout not in ("contiguous", "compact")
            filters = list(FILTERS) if chunked and layout != "implicit" else ["none"]
            start = self.number // 2 + position
            for step in range(3):
                name = filters[(start + step * 3) % len(filters)]
                state = STATES[(start + step + position) % len(STATES)]
                self.dataset(group, f"{step}_{name}_{state}", layout, FILTERS[name], state)
        self.specials()

    # ---- datasets ----

    def group(self, parent, name):
        create = h5p.create(h5p.GROUP_CREATE)
        if self.ordered:
            create.set_link_creation_order(h5p.CRT_ORDER_TRACKED)
        return h5py.Group(h5g.create(parent.id, name.encode(), gcpl=create))

    def dtype(self):
        code = next(self.dtypes)
        if code == "enum":
            return h5py.enum_dtype({"a": 0, "b": -3, "c": 100}, basetype="<i2")
        return np.dtype(code)

    def values(self, dtype, shape):
        count = int(np.prod(shape))
        if dtype.kind in "b?":
            return self.rng.integers(0, 2, shape).astype("?")
        if self.rng.random() < 0.5:  # something that compresses
            return np.frombuffer(np.repeat(self.rng.bytes(1), count * dtype.itemsize).tobytes(), dtype).reshape(shape)
        return np.frombuffer(self.rng.bytes(count * dtype.itemsize), dtype).reshape(shape)

    def add_filters(self, create, filters):
        for name in filters:
            if name == "shuffle":
                create.set_shuffle()
            elif name == "gzip":
                create.set_deflate(int(self.rng.integers(0, 10)))
            elif name == "fletcher32":
                create.set_fletcher32()
            elif name == "lzf":
                create.set_filter(32000, h5py.h5z.FLAG_OPTIONAL)
            elif name == "zstd":
                create.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))

    def dataset(self, group, name, layout, filters, state):
        dtype, shape = self.dtype(), next(self.shapes)
        if layout == "grows_both" and len(shape) == 1:
            shape = (6, 5)
        create = h5p.create(h5p.DATASET_CREATE)
        largest = list(shape)
        chunk = tuple(max(1, int(self.rng.integers(1, n + 2))) for n in shape)
        fill = self.fill_value(create, dtype)
        if layout == "compact":
            create.set_layout(h5d.COMPACT)
        elif layout != "contiguous":
            largest = self.extent(layout, shape, create)
            if layout != "single":
                limited = tuple(min(c, n) if m != h5s.UNLIMITED else c for c, n, m in zip(chunk, shape, largest))
                create.set_chunk(limited)
            self.add_filters(create, filters)
        alone = layout in ("contiguous", "compact")
        if filters and self.rng.random() < 0.3 and self.version not in ("earliest", "v108"):
            hdf5_library().H5Pset_chunk_opts(ctypes.c_int64(create.id), ctypes.c_uint(2))  # edges without filters
        space = h5s.create_simple(shape, None if alone else tuple(largest))
        made = h5py.Dataset(h5d.create(group.id, name.encode(), h5t.py_create(dtype, logical=True), space, create))
        self.put(made, state, dtype, shape, largest)
        self.attributes(made, int(self.rng.choice([0, 0, 0, 1, 3])))
        return fill

    def fill_value(self, create, dtype):
        if dtype.kind not in "iuf" or h5py.check_enum_dtype(dtype) or self.rng.random() < 0.5:
            return None
        value = np.array(self.rng.integers(1, 100)).astype(dtype)
        create.set_fill_value(value)
        create.set_fill_time(h5d.FILL_TIME_ALLOC if self.rng.random() < 0.5 else h5d.FILL_TIME_IFSET)
        return value

    def extent(self, layout, shape, create):
        """The largest extent that leads to the chunk index wanted (from v110 on; before it is always a B-tree)."""
        largest = list(shape)
        if layout == "single":
            create.set_chunk(shape)
        elif layout == "implicit":
            create.set_alloc_time(h5d.ALLOC_TIME_EARLY)
        elif layout == "fixed":
            largest = [n + int(self.rng.integers(0, 3)) for n in shape]
        elif layout == "grows_first":
            largest[0] = h5s.UNLIMITED
        elif layout == "grows_last":
            largest[-1] = h5s.UNLIMITED
        else:
            largest = [h5s.UNLIMITED] * len(shape)
        return largest

    def put(self, made, state, dtype, shape, largest):
        if state == "nothing":
            return
        if state == "part" and shape[0] > 1:
            made[: shape[0] // 2] = self.values(dtype, (shape[0] // 2, *shape[1:]))
            return
        made[...] = self.values(dtype, shape)
        if made.chunks is None or state not in ("grown", "shrunk"):
            return
        if state == "shrunk":
            made.resize(max(1, shape[0] // 2), axis=0)
            return
        for axis, most in enumerate(largest):
            if most == h5s.UNLIMITED:
                made.resize(shape[axis] * 2 + 1, axis=axis)

    # ---- everything else ----

    def attributes(self, target, count):
        makers = [
            lambda: "größe" * int(self.rng.integers(0, 9)),
            lambda: np.array([[b"ab", b"c"]], "S3"),
            lambda: self.values(np.dtype(str(self.rng.choice(["<f4", ">f8", "<i2", ">u4", "u1", "<f2"]))), (2, 3)),
            lambda: np.float64(self.rng.normal()),
            lambda: np.array([True, False]),
            lambda: np.int64(self.rng.integers(-9, 9)),
            lambda: h5py.Empty("f4"),
            lambda: np.array([1 + 2j], "<c8"),
        ]
        for i in range(count):
            target.attrs[f"a{i}"] = makers[int(self.rng.integers(len(makers)))]()

    def specials(self):
        kind = self.number // len(VERSIONS) % 8
        extra = self.group(self.file, "extra")
        if kind == 0:
            for i in range(int(self.rng.choice([9, 60, 300]))):
                extra[f"link_{i}"] = np.int16(i)
        elif kind == 1:
            self.attributes(extra, 40)
        elif kind == 2 and self.version != "earliest":
            extra.attrs["huge"] = np.arange(40_000, dtype="<f8")  # beyond a header message, and a direct heap block
            extra.attrs["long"] = "x" * 100_000
        elif kind == 3:
            self.committed(extra)
        elif kind == 4:
            self.text(extra)
        elif kind == 5:
            self.links(extra)
        elif kind == 6:
            self.direct_chunks(extra)
        else:
            self.many_chunks(extra)

    def committed(self, group):
        group["type"] = np.dtype("<f4")
        for i in range(2):
            group.create_dataset(f"of_it_{i}", data=np.arange(3, dtype="<f4") + i, dtype=group["type"])
        group.attrs.create("typed", np.arange(2, dtype="<f4"), dtype=group["type"])

    def text(self, group):
        group["scalar"] = "größe"
        group.create_dataset("empty", (0,), h5py.string_dtype())
        group.create_dataset("array", data=[["a", "bb"], ["", "ü" * 50]], dtype=h5py.string_dtype())
        group.create_dataset("chunked", (10,), h5py.string_dtype(), chunks=(3,), compression="gzip")[2:5] = ["x", "y", "z"]
        group.create_dataset("unwritten", (3,), h5py.string_dtype("ascii"))
        group["fixed"] = np.array([b"ab", b"cde", b""], "S4")
        group.create_dataset("packed", data=np.array([b"ab"] * 20, "S7"), chunks=(6,), compression="lzf", shuffle=True)

    def links(self, group):
        data = group.create_dataset("data", data=np.arange(4, dtype="<i4"))
        group["hard"] = data
        group["soft"] = h5py.SoftLink("/extra/data")
        group["dangling"] = h5py.SoftLink("nowhere/at/all")
        group["outside"] = h5py.ExternalLink("other.h5", "/x/y")
        inner = self.group(group, "inner")
        inner["up"] = group  # a cycle
        self.file["again"] = inner

    def direct_chunks(self, group):
        """Chunks written raw, each with filters left out of its own accord."""
        create = h5p.create(h5p.DATASET_CREATE)
        create.set_chunk((4,))
        create.set_shuffle()
        create.set_deflate(6)
        limit = h5s.UNLIMITED if not self.short else 16
        made = h5d.create(group.id, b"raw", h5t.STD_I32LE, h5s.create_simple((16,), (limit,)), create)
        h5py.Dataset(made)[8:] = np.arange(8)
        made.write_direct_chunk((0,), np.arange(4, dtype="<i4").tobytes(), filter_mask=0b11)
        planes = np.arange(4, 8, dtype="<i4").view("u1").reshape(4, 4).T.tobytes()
        made.write_direct_chunk((4,), planes, filter_mask=0b10)

    def many_chunks(self, group):
        """Enough of them for pages, super blocks and trees of some depth."""
        values = self.rng.integers(0, 100, 3000).astype("u1")
        group.create_dataset("fixed", data=values, chunks=(1,))
        made = group.create_dataset("pages", (3000,), "u1", chunks=(1,), fillvalue=5)
        made[2100:2200] = 7
        if not self.short:
            group.create_dataset("row", data=values, chunks=(1,), maxshape=(None,))
            group.create_dataset("square", data=values.reshape(60, 50), chunks=(1, 1), maxshape=(None, None))
            group.create_dataset("packed", data=values[:500], chunks=(1,), maxshape=(None,), compression="gzip")


def write(number, path):
    Writer(number, path)


def write_long_row(path):
    """An extensible array so long that its data blocks have pages."""
    with h5py.File(path, "w", libver="latest") as file:
        values = (np.arange(150_000) % 251).astype("u1")
        made = file.create_dataset("row", (150_000,), "u1", chunks=(1,), maxshape=(None,), fillvalue=9)
        made[:100] = values[:100]
        made[131_500:134_000] = values[131_500:134_000]
