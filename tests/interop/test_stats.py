# SPDX-License-Identifier: Apache-2.0
"""`inspect --stats --json` against numpy."""

import json

import ml_dtypes
import numpy as np
import tool
from safetensors.numpy import save_file


def check(stats, array):
    values = array.astype("float64").ravel()
    finite = values[np.isfinite(values)]
    assert stats["nan"] == int(np.isnan(values).sum())
    assert stats["inf"] == int(np.isinf(values).sum())
    assert stats["zeros"] == int((values == 0).sum())
    if finite.size == 0:
        assert stats["min"] is None and stats["histogram"] is None
        return
    assert stats["min"] == finite.min() and stats["max"] == finite.max()
    scale = np.abs(finite).max()
    np.testing.assert_allclose(stats["mean"], finite.mean(), rtol=1e-9, atol=1e-9 * scale)
    np.testing.assert_allclose(stats["std"], finite.std(), rtol=1e-9, atol=1e-12 * scale)
    assert sum(stats["histogram"]) == finite.size
    if np.isinf(float(finite.max()) - float(finite.min())):
        return  # numpy has no histogram of such a range
    # Elements on an edge may fall on either side of it.
    cumulated = np.abs(np.cumsum(stats["histogram"]) - np.cumsum(np.histogram(finite, bins=16)[0]))
    assert cumulated.max() <= max(2, finite.size // 1000)


def test_every_type(tmp_path):
    random = np.random.default_rng(11)
    arrays = {kind: (random.standard_normal(5000) * 50).astype(kind)
              for kind in ["int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64"]}
    arrays["bool"] = random.standard_normal(100) > 0
    arrays["large"] = random.standard_normal((1000, 700)).astype("float32")
    arrays["holes"] = np.array([1, np.nan, np.inf, -np.inf, 0, -0.0, 3], "float32")
    arrays["nothing"] = np.full(3, np.nan, "float32")
    arrays["empty"] = np.zeros((0, 4), "float32")
    arrays["same"] = np.full(9, 2.5, "float64")
    arrays["huge"] = np.array([-1e308, 1e308, 0], "float64")
    path = tmp_path / "x.safetensors"
    save_file(arrays, path)
    listing = json.loads(tool.run("inspect", path, "--stats", "--json").stdout)
    assert {row["name"] for row in listing["tensors"]} == set(arrays)
    for row in listing["tensors"]:
        check(row["stats"], arrays[row["name"]])


def test_narrow_types_of_hdf5(golden):
    for name in ["keras-3.15.1-bfloat16.weights.h5", "h5py-3.14.0-gzip-shuffle.weights.h5",
                 "h5py-3.14.0-big-endian.weights.h5"]:
        listing = json.loads(tool.run("inspect", golden / name, "--stats", "--json").stdout)
        for row in listing["tensors"]:
            if row["stats"] is None:
                continue
            raw = np.asarray(read(golden / name, row["stored_name"]))
            check(row["stats"], raw.view(ml_dtypes.bfloat16) if raw.dtype == np.dtype("V2") else raw)


def read(path, name):
    import h5py

    with h5py.File(path, "r") as f:
        return f[name][()]
