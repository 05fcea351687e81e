# SPDX-License-Identifier: Apache-2.0
"""`.weights.h5` to npz, judged by numpy and zipfile, and back, judged by h5py and Keras; and numpy's files, read by us."""

import io
import zipfile

import ml_dtypes
import numpy as np
import pytest
import tool
from architectures import REGISTRY
from compare import assert_same_tree, assert_weights
from model_walk import to_array
from safetensors import safe_open
from safetensors.numpy import save_file
from workshop import load

OURS = "__ballast__"
NAMES = ["nested_twice", "cells", "odd_names", "spectral_normalization", "bidirectional"]


def read(path):
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None
        assert {i.compress_type for i in z.infolist()} <= {zipfile.ZIP_STORED}
        assert {i.date_time for i in z.infolist()} <= {(1980, 1, 1, 0, 0, 0)}
    with np.load(path) as z:  # allow_pickle is off
        return {name: z[name] for name in z.files}


def assert_same(found, expected):
    assert {n: (str(a.dtype), a.shape, a.tobytes()) for n, a in found.items()} == {
        n: (str(a.dtype), a.shape, np.ascontiguousarray(a).tobytes()) for n, a in expected.items()}


def through_safetensors(path, tmp_path):
    out = tmp_path / "seen.safetensors"
    tool.convert(path, out, "-f")
    with safe_open(out, "np") as f:
        return {name: f.get_tensor(name) for name in f.keys()}


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back(name, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], "keras")
    middle, back = tmp_path / "middle.npz", tmp_path / "back.weights.h5"
    tool.convert(source.v3, middle)
    found = read(middle)
    assert found.pop(OURS).dtype == np.uint8
    by_stored = {item.path: to_array(item.variable) for item in source.stored}
    assert_same(found, {i["name"]: by_stored[i["stored_name"]] for i in tool.inspect(source.v3)["tensors"]})
    tool.convert(middle, back)
    assert_same_tree(back, source.v3)
    model = workshop.target(source, "keras")
    load(model, back)
    assert_weights(model, source.values)

    again = tmp_path / "again.npz"
    tool.convert(back, again)
    assert again.read_bytes() == middle.read_bytes()


def test_stored_names(workshop, tmp_path):
    source = workshop.source(REGISTRY["odd_names"], "keras")
    out, back = tmp_path / "out.npz", tmp_path / "back.weights.h5"
    tool.convert(source.v3, out, "--names", "stored")
    found = read(out)
    del found[OURS]
    assert_same(found, {item.path: to_array(item.variable) for item in source.stored})
    tool.convert(out, back)
    assert_same_tree(back, source.v3)


def test_a_whole_legacy_model_and_on(workshop, tmp_path):
    source = workshop.source(REGISTRY["nested_twice"], "tf_keras")
    middle, out = tmp_path / "middle.npz", tmp_path / "out.weights.h5"
    tool.convert(source.whole, middle)
    tool.convert(middle, out)
    model = workshop.target(source, "keras")
    load(model, out)
    assert_weights(model, source.values)
    back = tmp_path / "back.h5"
    tool.convert(middle, back)
    tool.convert(back, tmp_path / "again.npz")
    again, first = read(tmp_path / "again.npz"), read(middle)
    del again[OURS], first[OURS]
    assert_same(again, first)


def arrays():
    rng = np.random.default_rng(3)
    plain = rng.standard_normal((7, 5, 3))
    found = {f"of/{t}": plain.astype(t) for t in
             ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64")}
    found |= {"bool": plain > 0, "c64": (plain + 1j).astype("complex64"), "c128": plain * 1j,
              "zero_d": np.float32(3.5), "zero_d_int": np.int64(-2), "empty": np.zeros((0,), "f4"),
              "empty2": np.zeros((3, 0, 2), "f8"), "caf\u00e9/\u5c42/\U0001f600": plain[0], "case": plain[1],
              "CASE": plain[2], "back\\slash": plain[3], "x.npy": plain[4], "a b\t'": plain[5],
              "large": rng.standard_normal((700, 900)).astype("f4"), "zeros": np.zeros((500, 400), "f4")}
    return found


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_numpys_own_files(save, tmp_path):
    expected = arrays()
    complex128 = expected.pop("c128")
    save(tmp_path / "in.npz", **expected)
    assert_same(through_safetensors(tmp_path / "in.npz", tmp_path), expected)
    expected["c128"] = complex128
    save(tmp_path / "in.npz", **expected)
    tool.convert(tmp_path / "in.npz", tmp_path / "out.npz")
    assert_same(read(tmp_path / "out.npz"), expected)

    # The other storages mean the same values, and the listing has the shapes of numpy.
    odd = {name: np.asarray(a).astype(np.asarray(a).dtype.newbyteorder(">")) for name, a in expected.items()}
    odd |= {name: np.asfortranarray(a) for name, a in expected.items() if np.ndim(a) == 3 or name == "large"}
    odd["both"] = np.asfortranarray(odd["of/float32"].astype(">f4"))
    expected["both"] = expected["of/float32"]
    save(tmp_path / "odd.npz", **odd)
    tool.convert(tmp_path / "odd.npz", tmp_path / "plain.npz")
    assert_same(read(tmp_path / "plain.npz"), expected)
    listing = {i["stored_name"]: i["shape"] for i in tool.inspect(tmp_path / "odd.npz")["tensors"]}
    assert listing == {name: list(np.shape(a)) for name, a in expected.items()}


def test_versions_of_the_header_and_a_file_from_a_pipe(tmp_path):
    expected = {f"v{v}": np.arange(6, dtype="f4").reshape(2, 3) + v for v in (1, 2, 3)}
    with zipfile.ZipFile(tmp_path / "in.npz", "w") as z:
        for v in (1, 2, 3):
            out = io.BytesIO()
            np.lib.format.write_array(out, expected[f"v{v}"], (v, 0))
            z.writestr(f"v{v}.npy", out.getvalue())
    assert_same(through_safetensors(tmp_path / "in.npz", tmp_path), expected)

    class Pipe(io.RawIOBase):  # cannot seek: sizes and checksums follow the data
        def __init__(self):
            self.bytes = b""

        def writable(self):
            return True

        def write(self, data):
            self.bytes += bytes(data)
            return len(data)

    for save in (np.savez, np.savez_compressed):
        pipe = Pipe()
        save(pipe, **expected)
        (tmp_path / "pipe.npz").write_bytes(pipe.bytes)
        assert_same(through_safetensors(tmp_path / "pipe.npz", tmp_path), expected)


def test_types_numpy_does_not_know(tmp_path):
    a = np.arange(12).reshape(3, 4)
    types = {"bf16": ml_dtypes.bfloat16, "e4m3": ml_dtypes.float8_e4m3fn, "e5m2": ml_dtypes.float8_e5m2}
    expected = {name: a.astype(t) for name, t in types.items()}
    save_file(expected, tmp_path / "in.safetensors", {"who": "me"})
    tool.convert(tmp_path / "in.safetensors", tmp_path / "m.npz")
    found = read(tmp_path / "m.npz")
    for name, t in types.items():
        np.testing.assert_array_equal(found[name].view(t), expected[name])
    tool.convert(tmp_path / "m.npz", tmp_path / "out.safetensors")
    # numpy's side of safetensors cannot give out float8, so the file itself is looked at.
    text = (tmp_path / "out.safetensors").read_bytes()
    assert b'"F8_E4M3"' in text and b'"F8_E5M2"' in text and b'"who":"me"' in text.replace(b": ", b":")
    with safe_open(tmp_path / "out.safetensors", "np") as f, safe_open(tmp_path / "in.safetensors", "np") as old:
        assert f.metadata()["who"] == "me" and set(f.keys()) == set(old.keys())
    for value in expected.values():
        assert value.tobytes() in text


def test_what_is_refused(tmp_path):
    path, out = tmp_path / "in.npz", tmp_path / "out.npz"
    ok = np.arange(5, dtype="f4")
    for bad in (np.array([{"a": 1}, None], dtype=object), np.array(["text"]), np.zeros(2, [("a", "f4")])):
        np.savez(path, ok=ok, bad=bad)
        assert "bad" in tool.convert(path, out, expect=tool.REFUSED).stderr
        assert [i["name"] for i in tool.inspect(path)["tensors"]] == ["ok"]
    np.savez(path, ok=ok)
    whole = path.read_bytes()
    at = whole.index(ok.tobytes())
    path.write_bytes(whole[:at] + b"\1" + whole[at + 1:])
    assert "checksum" in tool.convert(path, out, expect=tool.DAMAGED).stderr
    path.write_bytes(b"prefix" + whole)
    tool.convert(path, out, "--from", "npz", expect=tool.DAMAGED)
    assert not out.exists()


def test_empty_and_foreign_members(tmp_path):
    np.savez(tmp_path / "none.npz")
    tool.convert(tmp_path / "none.npz", tmp_path / "out.npz")
    assert read(tmp_path / "out.npz") == {}
    np.savez(tmp_path / "in.npz", a=np.arange(3))
    with zipfile.ZipFile(tmp_path / "in.npz", "a") as z:
        z.writestr("notes.txt", "hello")
    done = tool.start("convert", tmp_path / "in.npz", tmp_path / "more.npz")
    assert done.code == tool.REFUSED and "notes.txt" in done.stderr, done


def test_edited_by_numpy(workshop, tmp_path):
    """Other values are kept in their place; another name makes the kept model useless."""
    source = workshop.source(REGISTRY["nested_functional"], "keras")
    tool.convert(source.v3, tmp_path / "m.npz")
    found = read(tmp_path / "m.npz")
    np.savez(tmp_path / "twice.npz", **{n: a if n == OURS else a * 2 for n, a in found.items()})
    tool.convert(tmp_path / "twice.npz", tmp_path / "back.weights.h5")
    model = workshop.target(source, "keras")
    load(model, tmp_path / "back.weights.h5")
    assert_weights(model, {key: value * 2 for key, value in source.values.items()})
    found["renamed/kernel"] = found.pop("before/kernel")
    np.savez(tmp_path / "renamed.npz", **found)
    done = tool.start("convert", tmp_path / "renamed.npz", tmp_path / "other.weights.h5")
    assert done.code == tool.REFUSED and OURS in done.stderr, done


def test_elements_can_be_mapped(workshop, tmp_path):
    source = workshop.source(REGISTRY["nested_functional"], "keras")
    tool.convert(source.v3, tmp_path / "m.npz")
    whole = (tmp_path / "m.npz").read_bytes()
    for array in read(tmp_path / "m.npz").values():
        assert array.nbytes == 0 or whole.index(array.tobytes()) % 4 == 0
    with zipfile.ZipFile(tmp_path / "m.npz") as z:
        for info in z.infolist():
            begin = info.header_offset
            name, extra = (int.from_bytes(whole[begin + at:begin + at + 2], "little") for at in (26, 28))
            assert (begin + 30 + name + extra) % 64 == 0
