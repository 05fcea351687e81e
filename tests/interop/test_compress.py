# SPDX-License-Identifier: Apache-2.0
"""Compressed HDF5: h5py (and plain Keras, for gzip) reads what --compress writes, chunk by chunk and bit for bit."""

import h5py
import hdf5plugin  # noqa: F401  registers zstd
import numpy as np
import pytest
import tool
from architectures import REGISTRY
from compare import assert_weights, datasets
from workshop import load

METHODS = ["gzip", "gzip:1", "gzip:9", "zstd", "zstd:19"]


def filters(path):
    """path -> (chunks, compressor, level, shuffle) as h5py sees them."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            plist = item.id.get_create_plist()
            pipeline = [plist.get_filter(i) for i in range(plist.get_nfilters())]
            found[name] = (item.chunks, [(f[0], f[2]) for f in pipeline])

    with h5py.File(path) as f:
        f.visititems(visit)
    return found


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Shapes and types that chunks can be wrong about, in a file of Keras' layout."""
    rng = np.random.default_rng(4)
    path = tmp_path_factory.mktemp("odd") / "odd.weights.h5"
    arrays = [
        rng.standard_normal((3000, 701)).astype("float32"),  # rows, edge chunk
        rng.standard_normal((5, 700001)).astype("float64"),  # a row larger than a chunk
        rng.integers(0, 255, 3_000_001).astype("uint8"),     # no shuffle
        rng.standard_normal((7, 11, 13, 17)).astype("float16"),
        rng.integers(0, 2, (4097,)).astype(bool),
        np.float32(3), np.zeros((0, 5), "float32"), np.arange(10, dtype="int64"),
        rng.standard_normal((1025,)).astype(">f4"),
        np.repeat(rng.standard_normal(70), 2**18).astype("float32").reshape(70, 512, 512),  # 70 chunks: two levels of index
    ]
    with h5py.File(path, "w") as f:
        for i, array in enumerate(arrays):
            f[f"layers/dense{f'_{i}' if i else ''}/vars/0"] = array
    return path


@pytest.mark.parametrize("method", METHODS)
def test_odd_shapes(method, odd, tmp_path):
    out, back = tmp_path / "out.weights.h5", tmp_path / "back.weights.h5"
    done = tool.convert(odd, out, "--compress", method)
    assert ("hdf5plugin" in done.stderr) == method.startswith("zstd")
    expected = datasets(odd)
    assert datasets(out) == expected
    level = int(method.split(":")[1]) if ":" in method else {"gzip": 4, "zstd": 3}[method]
    number = {"gzip": 1, "zstd": 32015}[method.split(":")[0]]
    compressed = 0
    for name, (chunks, pipeline) in filters(out).items():
        with h5py.File(out) as f:
            nbytes, shape, size = f[name].nbytes, f[name].shape, f[name].dtype.itemsize
        if not shape or nbytes < 4096:
            assert chunks is None and not pipeline, name
            continue
        compressed += 1
        assert all(0 < c <= s for c, s in zip(chunks, shape)) and np.prod(chunks) * size <= 2**20, name
        assert [f[0] for f in pipeline] == ([2, number] if size > 1 else [number])
        assert pipeline[-1][1][0] == level
    assert compressed == 7
    assert out.stat().st_size < odd.stat().st_size
    tool.convert(out, back)
    assert datasets(back) == expected


def test_the_same_bytes_whatever_the_threads(odd, tmp_path):
    for jobs in (1, 2, 5):
        tool.convert(odd, tmp_path / f"{jobs}.weights.h5", "--compress", "gzip", "-j", jobs)
    assert len({(tmp_path / f"{jobs}.weights.h5").read_bytes() for jobs in (1, 2, 5)}) == 1


def test_appending_to_a_compressed_file(odd, tmp_path):
    """h5py in append mode trusts the indexes and the end of the file."""
    out = tmp_path / "out.weights.h5"
    tool.convert(odd, out, "--compress", "gzip")
    expected = datasets(odd)
    with h5py.File(out, "a") as f:
        f["layers/dense/vars/0"][5:9] = 1
        f["more"] = np.arange(1000)
    with h5py.File(out) as f:
        assert (f["layers/dense/vars/0"][5:9] == 1).all() and (f["more"][:] == np.arange(1000)).all()
    found = datasets(out)
    assert all(found[name] == value for name, value in expected.items() if name != "layers/dense/vars/0")


@pytest.mark.parametrize("options", [[], ["--max-shard-size", "20kB"]])
def test_keras_reads_gzip(options, workshop, tmp_path):
    source = workshop.source(REGISTRY["convolutions_2d"], "keras")
    out = tmp_path / ("out.weights.json" if options else "out.weights.h5")
    tool.convert(source.v3, out, "--compress", "gzip", *options)
    model = workshop.target(source, "keras")
    load(model, out)
    assert_weights(model, source.values)


def test_refusals(odd, tmp_path):
    for bad in ("", "lzma", "gzip:0", "gzip:10", "gzip:x", "zstd:20", "gzip:"):
        tool.convert(odd, tmp_path / "out.weights.h5", "--compress=" + bad, expect=tool.USAGE)
    tool.convert(odd, tmp_path / "out.safetensors", "--compress", "gzip", expect=tool.USAGE)
    assert not list(tmp_path.iterdir())
