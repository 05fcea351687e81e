# SPDX-License-Identifier: Apache-2.0
"""HDF5 files that are no Keras dialect, by h5py: every kind of storage a plain file may use, in a few KiB each.

`make_golden.py` writes them. Groups are made without times, so that the same h5py writes the same bytes. One file is of a newer
h5py than the environment of the tests has: `python plain_files.py FILE` makes it where h5py 3.16.0 is installed.
"""

import ctypes
import os
import sys
from pathlib import Path

import h5py
import numpy as np
from h5py import h5d, h5f, h5g, h5p, h5s, h5t

ZSTD, LZ4 = 32015, 32004
EARLIEST, LATEST = h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST


def create(path, low, prepare=None):
    access, make = h5p.create(h5p.FILE_ACCESS), h5p.create(h5p.FILE_CREATE)
    access.set_libver_bounds(low, LATEST)
    make.set_obj_track_times(False)
    if prepare:
        prepare(make)
    return h5py.File(h5f.create(os.fsencode(path), h5f.ACC_TRUNC, fapl=access, fcpl=make))


def group(parent, name, ordered=False):
    make = h5p.create(h5p.GROUP_CREATE)
    make.set_obj_track_times(False)
    if ordered:
        make.set_link_creation_order(h5p.CRT_ORDER_TRACKED | h5p.CRT_ORDER_INDEXED)
    return h5py.Group(h5g.create(parent.id, name.encode(), gcpl=make))


def without_times():
    make = h5p.create(h5p.DATASET_CREATE)
    make.set_obj_track_times(False)
    return make


def compact(parent, name, values):
    make = without_times()
    make.set_layout(h5d.COMPACT)
    made = h5d.create(parent.id, name.encode(), h5t.py_create(values.dtype), h5s.create_simple(values.shape), make)
    made.write(h5s.ALL, h5s.ALL, values)


def implicit(parent, name, values, chunk):
    """Early allocation and no filters: chunks without an index."""
    make = without_times()
    make.set_chunk(chunk)
    make.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    made = h5d.create(parent.id, name.encode(), h5t.py_create(values.dtype), h5s.create_simple(values.shape), make)
    made.write(h5s.ALL, h5s.ALL, values)


def text(path):
    """Text of all kinds, attributes, null data, a soft and a hard link; behind a user block."""
    with create(path, EARLIEST, lambda make: make.set_userblock(512)) as f:
        f.attrs["title"] = "größe"
        f.attrs["scale"] = np.array([[0.5, -1], [np.inf, 3]], ">f4")
        f.attrs["flags"] = np.array([True, False])
        f.attrs["empty"] = h5py.Empty("f8")
        f["one"] = "ein Wort"
        f.create_dataset("some", data=[["a", ""], ["größe", "b" * 30]], dtype=h5py.string_dtype())
        f["fixed"] = np.array([b"ab", b"cde"], "S5")
        f.create_dataset("packed", data=np.array([b"x", b"yz", b""], "S4"), chunks=(2,), compression="gzip")
        f["null"] = h5py.Empty("f4")
        f["soft"] = h5py.SoftLink("/number")
        f["number"] = np.int32(5)
        f["again"] = f["number"]


def earliest(path):
    """Symbol tables, version 1 headers, every element type, fill values, chunks in a version 1 B-tree."""
    with create(path, EARLIEST) as f:
        types = group(f, "types")
        for code in ("i1", "u1", "<i2", ">u2", "<i4", ">i8", "<f2", ">f4", "<f8", "<c8", "?", "V1"):
            raw = bytes(range(6)) if code in ("V1", "u1", "i1") else b"\0\1" * 3 if code == "?" else None
            values = np.frombuffer(raw, code) if raw else np.arange(6).astype(code)
            types[code.strip("<>").replace("?", "bool")] = values.reshape(2, 3)
        types["scalar"] = np.float32(1.5)
        types["nothing"] = np.zeros((0, 4), "f8")
        types["colour"] = np.array([1, 0, 2], h5py.enum_dtype({"red": 0, "green": 1, "blue": 2}, "i2"))
        f["committed"] = np.dtype("<i4")
        f.create_dataset("of_committed", data=np.arange(3, dtype="<i4"), dtype=f["committed"])
        f.create_dataset("unwritten", (3, 2), "<i4", fillvalue=7)
        f.create_dataset("chunks/gzip", data=np.arange(60, dtype="<i4").reshape(6, 10), chunks=(4, 4),
                         compression="gzip", shuffle=True, fletcher32=True)
        f.create_dataset("chunks/partial", (10, 4), "<f4", chunks=(3, 4), fillvalue=-1)[4:8] = 2


def latest(path):
    """Version 2 headers, all chunk indexes of version 4 layouts, all filters."""
    with create(path, LATEST) as f:
        values = np.arange(40, dtype="<f4").reshape(8, 5)
        f.create_dataset("single", data=values, chunks=(8, 5))
        f.create_dataset("single_gzip", data=values, chunks=(8, 5), compression="gzip")
        implicit(f, "implicit", values, (3, 2))
        f.create_dataset("fixed", data=values, chunks=(3, 2))
        f.create_dataset("fixed_lzf", data=values * 0, chunks=(3, 2), compression="lzf")
        f.create_dataset("extensible", data=values, chunks=(2, 3), maxshape=(8, None))
        f.create_dataset("tree_zstd", data=values, chunks=(4, 4), maxshape=(None, None), compression=ZSTD, compression_opts=(3,))
        f.create_dataset("unwritten", (4,), ">f8", chunks=(3,), maxshape=(None,), fillvalue=2.5)


def dense(path):
    """Links and attributes in fractal heaps, with creation order; compact data."""
    with create(path, LATEST) as f:
        compact(f, "compact", np.arange(5, dtype="<u2"))
        many = group(f, "many", ordered=True)
        for i in range(12):
            many[f"n{11 - i}"] = np.int8(i)
        for i in range(10):
            many.attrs[f"a{i}"] = i


def shared_messages(path):
    """Messages in the heap of shared messages, which h5py has no call for: its own library is asked through ctypes."""
    folder = Path(h5py.__file__).parent.parent / "h5py.libs"
    library = ctypes.CDLL(str(next(folder.glob("libhdf5-*.so*"))))

    def prepare(make):
        # Types, spaces, fill values and pipelines; attributes.
        assert library.H5Pset_shared_mesg_nindexes(ctypes.c_int64(make.id), ctypes.c_uint(2)) >= 0
        for number, types in enumerate((1 << 1 | 1 << 3 | 1 << 5 | 1 << 11, 1 << 12)):
            done = library.H5Pset_shared_mesg_index(
                ctypes.c_int64(make.id), ctypes.c_uint(number), ctypes.c_uint(types), ctypes.c_uint(8))
            assert done >= 0

    with create(path, EARLIEST, prepare) as f:  # a later version would put the time into the superblock extension
        values = np.arange(12, dtype="<f4").reshape(3, 4)
        for i in range(3):
            made = f.create_dataset(f"d{i}", data=values + i, chunks=(3, 4), compression="gzip", fillvalue=1.5)
            made.attrs["note"] = np.bytes_("the same text on every one of them")
            made.attrs["numbers"] = np.arange(5)
        f.create_dataset("unwritten", (2, 4), "<f4", chunks=(2, 4), fillvalue=1.5)
        many = group(f, "many")
        for i in range(12):
            many.attrs[f"a{i}"] = np.bytes_("the same text on every one of them")


def refusals(path):
    """What is listed and not read; {name: error code}."""
    with create(path, EARLIEST) as f:
        f["sound"] = np.arange(3, dtype="<f4")
        f["compound"] = np.zeros(2, [("a", "<i4"), ("b", "<f8")])
        f.create_dataset("vlen", (2,), h5py.vlen_dtype("<i4"))[0] = [1, 2]
        f.create_dataset("reference", data=f["sound"].ref, dtype=h5py.ref_dtype)
        f.create_dataset("array", (2,), np.dtype(("<i4", (2, 2))))
        f["opaque"] = np.zeros(2, "V8")
        f["custom_float"] = np.zeros(2, np.longdouble)
        f.create_dataset("scaleoffset", data=np.arange(9, dtype="<i4"), chunks=(3,), scaleoffset=0)
        f.create_dataset("lz4", data=np.zeros(900, "<i4"), chunks=(900,), compression=LZ4, compression_opts=(0,))
        f.create_dataset("external", (3,), "<i4", external=[("elsewhere.bin", 0, 12)])
        make, space = without_times(), h5s.create_simple((3,))
        make.set_virtual(space, b"elsewhere.h5", b"sound", space)
        h5d.create(f.id, b"virtual", h5t.IEEE_F32LE, space, make)
        f["external_link"] = h5py.ExternalLink("elsewhere.h5", "/sound")
    unsupported = ("compound", "vlen", "reference", "array", "opaque", "custom_float", "scaleoffset", "lz4")
    outside = ("external", "virtual", "external_link")
    return {name: "unsupported" for name in unsupported} | {name: "external_reference" for name in outside}


def newest(path):
    """What h5py 3.16 on HDF5 2.0 writes with libver="latest": layouts of version 5, types of version 5, new types."""
    library = ctypes.CDLL(str(next((Path(h5py.__file__).parent.parent / "h5py.libs").glob("libhdf5-*.so*"))))
    with create(path, LATEST) as f:
        values = np.arange(40, dtype="<f4").reshape(8, 5)
        f.create_dataset("single", data=values, chunks=(8, 5), compression="gzip")
        f.create_dataset("fixed", data=values, chunks=(3, 2), compression="gzip")
        f.create_dataset("extensible", data=values, chunks=(3, 5), maxshape=(None, 5), compression="gzip")
        f.create_dataset("tree", data=values, chunks=(4, 4), maxshape=(None, None), compression="gzip")
        f["compound_complex"] = np.array([1 + 2j, -3j], "<c8")
        f["bool"] = np.array([True, False])
        made = h5d.create(f.id, b"complex", h5t.COMPLEX_IEEE_F32LE, h5s.create_simple((2,)), without_times())
        made.write(h5s.ALL, h5s.ALL, np.array([1 + 2j, -3j], "<c8"))
        for name in ("H5T_FLOAT_F8E4M3_g", "H5T_FLOAT_F8E5M2_g", "H5T_FLOAT_BFLOAT16LE_g", "H5T_FLOAT_BFLOAT16BE_g"):
            stored = h5t.TypeFloatID(ctypes.c_int64.in_dll(library, name).value)
            made = h5d.create(f.id, name[10:-2].lower().encode(), stored, h5s.create_simple((3,)), without_times())
            made.write(h5s.ALL, h5s.ALL, np.array([1, -0.5, 3], "<f4"))


NEWEST = "h5py-3.16.0-hdf5-2.h5"
SOUND = {"earliest": earliest, "latest": latest, "dense": dense, "text": text, "shared-messages": shared_messages}


def datasets(path):
    """{path: values} of the datasets that are tensors, little-endian, hard links of one dataset under each name."""
    found, pending = {}, [(h5py.File(path), "")]
    while pending:
        parent, prefix = pending.pop()
        for name in parent:
            node = parent[name]
            if parent.get(name, getlink=True).__class__ is h5py.SoftLink:
                continue
            if isinstance(node, h5py.Group):
                pending.append((node, f"{prefix}{name}/"))
            elif isinstance(node, h5py.Dataset) and node.shape is not None and not h5py.check_string_dtype(node.dtype):
                values = np.asarray(node[()])
                found[prefix + name] = values.astype(values.dtype.newbyteorder("<"))
    return found


def dtype_name(dtype):
    return {"void8": "opaque8"}.get(dtype.name, dtype.name)


if __name__ == "__main__":
    newest(sys.argv[1])
