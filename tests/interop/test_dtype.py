# SPDX-License-Identifier: Apache-2.0
"""`convert --dtype` against numpy and ml_dtypes, bit for bit: every narrow pattern, random wide ones, overflow told."""

import re

import ml_dtypes
import numpy as np
import pytest
import tool
from safetensors.numpy import load_file
from test_npy import write_raw

KINDS = {"float16": np.dtype("float16"), "bfloat16": np.dtype(ml_dtypes.bfloat16), "float32": np.dtype("float32"),
         "float64": np.dtype("float64")}
CODES = {"float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64"}


def patterns(name):
    """All patterns of a narrow type; for a wide one random bits, numbers around the narrow types, and their midpoints."""
    kind = KINDS[name]
    if kind.itemsize == 2:
        return np.arange(1 << 16, dtype="uint16").view(kind)
    random = np.random.default_rng(5)
    bits = random.integers(0, 1 << 64, size=200_000, dtype="uint64").astype(f"uint{kind.itemsize * 8}").view(kind)
    near = random.standard_normal(200_000) * 2.0 ** random.integers(-30, 20, size=200_000)
    halves = np.arange(1 << 15, dtype="uint16").view("float16").astype("float64")
    middles = (halves[:-1] + halves[1:]) / 2
    around = np.concatenate([middles, np.nextafter(middles, 0), np.nextafter(middles, np.inf)])
    edge = np.array([65504, 65519.99, 65520, 65536, 3.3895e38, 3.3961775292304e38, 3.4e38, -65520, 0.0, -0.0])
    with np.errstate(all="ignore"):
        return np.concatenate([bits, near.astype(kind), around.astype(kind), -around.astype(kind), edge.astype(kind)])


def cast(values, kind):
    """With one rounding. ml_dtypes goes from float64 by float32, which rounds twice unless the first one is to odd."""
    if kind.itemsize == 2 and kind != np.float16 and values.dtype == np.float64:
        near = values.astype("float32")
        near = np.where(np.abs(near) > np.abs(values), np.nextafter(near, np.float32(0)), near)
        inexact = (near != values) & np.isfinite(values)
        values = (near.view("uint32") | inexact.astype("uint32")).view("float32")
    return values.astype(kind)


def raw_tensor(path):
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    return data[begin:]


@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_bits(source, target, tmp_path):
    values = patterns(source)
    path, out = tmp_path / "in.safetensors", tmp_path / "out.safetensors"
    write_raw(path, "x", CODES[source], values)
    done = tool.convert(path, out, "--dtype", target)
    found = np.frombuffer(raw_tensor(out), KINDS[target])
    with np.errstate(all="ignore"):
        expected = cast(values, KINDS[target])
    nan = np.isnan(values.astype("float64"))
    assert np.array_equal(np.isnan(found.astype("float64")), nan)
    bits = f"uint{KINDS[target].itemsize * 8}"
    wrong = np.flatnonzero(found[~nan].view(bits) != expected[~nan].view(bits))
    assert wrong.size == 0, f"{wrong.size} differ, first {values[~nan][wrong[0]]!r}"

    finite = np.isfinite(values.astype("float64"))
    overflowed = int(np.count_nonzero(np.isinf(expected.astype("float64")) & finite))
    told = re.findall(r"(\d+) of the (\d+) elements of 'x' are too large", done.stderr)
    assert told == ([(str(overflowed), str(values.size))] if overflowed else [])


@pytest.mark.parametrize("code, kind", [("F8_E4M3", ml_dtypes.float8_e4m3fn), ("F8_E5M2", ml_dtypes.float8_e5m2)])
def test_float8_widens(code, kind, tmp_path):
    values = np.arange(256, dtype="uint8").view(kind)
    path, out = tmp_path / "in.safetensors", tmp_path / "out.safetensors"
    write_raw(path, "x", code, values)
    tool.convert(path, out, "--dtype", "float32")
    np.testing.assert_array_equal(load_file(out)["x"], values.astype("float32"))


def test_dry_run_tells_the_same(tmp_path):
    path = tmp_path / "in.safetensors"
    write_raw(path, "x", "F32", np.array([1, 1e9, 65520, -1e30], "float32"))
    done = tool.run("convert", path, tmp_path / "out.safetensors", "--dtype", "float16", "--dry-run")
    assert "3 of the 4 elements of 'x'" in done.stderr
