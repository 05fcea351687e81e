# SPDX-License-Identifier: Apache-2.0
"""`cat` and `edit set` judged by numpy: every dtype, order and byte order; text read back by loadtxt."""

import io

import ml_dtypes
import numpy as np
import pytest
import tool
from safetensors import safe_open
from safetensors.numpy import save_file

SIZES = [(), (1,), (3, 4), (2, 3, 5), (0, 2)]
PLAIN = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32",
         "float64", "complex64"]


def random_array(dtype, shape, seed):
    raw = np.random.default_rng(seed).integers(0, 256, size=(*shape, np.dtype(dtype).itemsize), dtype="uint8")
    if dtype == "bool":
        return np.asarray(raw[..., 0] > 127).reshape(shape)
    return np.frombuffer(raw.tobytes(), dtype).reshape(shape)


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    """A safetensors file of the library itself with every dtype it takes from numpy, and its arrays."""
    found = {f"{dtype}/{index}": random_array(dtype, shape, index)
             for dtype in PLAIN for index, shape in enumerate(SIZES)}
    path = tmp_path_factory.mktemp("npy") / "all.safetensors"
    save_file(found, path)
    return path, found


def test_cat_writes_what_numpy_writes(arrays, tmp_path):
    path, found = arrays
    for name in [n for n in found if n.endswith(("/0", "/2", "/4"))]:
        out = tmp_path / (name.replace("/", "-") + ".npy")
        tool.run("cat", path, name, "-o", out, "--no-fsync")
        expected = io.BytesIO()
        np.save(expected, found[name])
        assert out.read_bytes() == expected.getvalue(), name
        loaded = np.load(out)
        assert (loaded.dtype, loaded.shape) == (found[name].dtype, found[name].shape)


def test_types_numpy_does_not_know_are_plain_bytes(tmp_path):
    kinds = {"BF16": ml_dtypes.bfloat16, "F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2}
    values = np.array([[1.5, -2.0, 0.25], [3.0, 0.0, -0.5]])
    for code, kind in kinds.items():
        array = values.astype(kind)
        path, out = tmp_path / f"{code}.safetensors", tmp_path / f"{code}.npy"
        write_raw(path, "x", code, array)
        tool.run("cat", path, "x", "-o", out, "--no-fsync")
        found = np.load(out).view(kind)
        assert found.shape == array.shape and found.tobytes() == array.tobytes()
        # And the way back: numpy's own file of the ml_dtypes array.
        if kind is not ml_dtypes.float8_e5m2:
            np.save(tmp_path / "back.npy", (values * 2).astype(kind))
            tool.run("edit", path, "set", "x", tmp_path / "back.npy", "--no-fsync")
            assert path.read_bytes().endswith((values * 2).astype(kind).tobytes())


def write_raw(path, name, code, array):
    header = f'{{"{name}":{{"dtype":"{code}","shape":{list(array.shape)},"data_offsets":[0,{array.nbytes}]}}}}'
    text = header.encode().ljust(-(-len(header) // 8) * 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + array.tobytes())


def test_text_is_read_back_by_numpy(arrays):
    path, found = arrays
    for name, array in found.items():
        if array.ndim > 2 or array.size == 0 or array.dtype.kind == "c":
            continue
        text = tool.run("cat", path, name, "--as", "text").stdout
        dtype = "uint8" if array.dtype == bool else array.dtype
        loaded = np.loadtxt(io.StringIO(text), dtype=dtype, ndmin=array.ndim).reshape(array.shape)
        if array.dtype.kind == "f":
            np.testing.assert_array_equal(loaded, array)
        else:
            assert loaded.tobytes() == array.astype(dtype).tobytes(), name


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_edit_takes_every_form_of_npy(order, byte_order, version, tmp_path):
    array = np.arange(24, dtype="float32").reshape(2, 3, 4)
    path, new = tmp_path / "x.safetensors", tmp_path / "new.npy"
    save_file({"x": array, "y": array + 1}, path)
    changed = np.asarray(array * 0.5, dtype=byte_order + "f4", order=order)
    with open(new, "wb") as f:
        np.lib.format.write_array(f, changed, version=version)
    tool.run("edit", path, "set", "x", new, "--no-fsync")
    with safe_open(path, "np") as f:
        np.testing.assert_array_equal(f.get_tensor("x"), array * 0.5)
        np.testing.assert_array_equal(f.get_tensor("y"), array + 1)


@pytest.mark.parametrize("array", [np.array([{}], dtype=object), np.array(["a", "b"]),
                                   np.zeros(2, dtype=[("a", "f4")]), np.zeros(2, "M8[s]")])
def test_other_arrays_are_refused_by_type(array, tmp_path):
    path, new = tmp_path / "x.safetensors", tmp_path / "new.npy"
    save_file({"x": np.zeros(2, "float32")}, path)
    before = path.read_bytes()
    np.save(new, array, allow_pickle=True)
    done = tool.run("edit", path, "set", "x", new, expect=tool.REFUSED)
    assert "unsupported" in done.stderr
    assert path.read_bytes() == before
