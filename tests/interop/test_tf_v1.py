# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of version 1, one table that holds everything: every tensor as TensorFlow saved and reads it."""

import numpy as np
import pytest
import tf_forged as f
import tool
from frameworks import tf
from safetensors.numpy import load_file

v1 = tf.compat.v1
# What TensorFlow 2.21's own reader of version 1 still reads, and what only its writer knows.
READ = ["float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]
WRITTEN = ["float16", "uint16", "complex64"]


def ours(path, folder):
    out = folder / "ours.safetensors"
    tool.convert(path, out, "-f", "--names", "stored", "--allow-loss", "assets")
    return load_file(out)


def assert_same(found, expected):
    assert sorted(found) == sorted(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype and found[name].shape == value.shape, name
        assert found[name].tobytes() == value.tobytes(), name


def save(path, values):
    tf.raw_ops.Save(filename=str(path), tensor_names=list(values), data=[tf.constant(v) for v in values.values()])


def reader_values(path):
    reader = tf.train.load_checkpoint(str(path))
    return {key: np.asarray(reader.get_tensor(key)) for key in reader.get_variable_to_shape_map()}


@pytest.mark.parametrize("sharded", [False, True], ids=["plain", "sharded"])
def test_saver(sharded, tmp_path):
    with tf.Graph().as_default():
        kernel, bias = v1.get_variable("dense/kernel", shape=(4, 2)), v1.get_variable("dense/bias", shape=(2,))
        step = v1.train.get_or_create_global_step()
        v1.train.AdamOptimizer().minimize(tf.reduce_sum(tf.ones((3, 4)) @ kernel + bias), step)
        with tf.device("/cpu:1" if sharded else ""):
            v1.get_variable("parts", shape=(10, 3), partitioner=v1.fixed_size_partitioner(3))
        with v1.Session(config=v1.ConfigProto(device_count={"CPU": 2})) as session:
            session.run(v1.global_variables_initializer())
            saver = v1.train.Saver(write_version=v1.train.SaverDef.V1, sharded=sharded)
            path = saver.save(session, str(tmp_path / "tf1"))
            expected = {v.op.name: v.eval() for v in v1.global_variables() if not v.op.name.startswith("parts/")}
            parts = [v.eval() for v in v1.global_variables() if v.op.name.startswith("parts/part")]
    expected["parts"] = np.concatenate(parts)
    if sharded:
        assert path.endswith("-?????-of-00002")
        for number in ("00000", "00001"):
            assert_same(ours(path.replace("?????", number), tmp_path), expected)
        # The file `checkpoint` has the pattern.
        latest = tool.run("latest", tmp_path).stdout.strip()
        assert latest == path.replace("?????", "00000")
        (tmp_path / "tf1-00001-of-00002").unlink()
        assert "missing" in tool.run("inspect", latest, expect=tool.UNREADABLE).stderr
        return
    assert_same(ours(path, tmp_path), expected)
    # TensorFlow's reader gives no tensor that is in parts; all others it has as we do.
    reader = tf.train.load_checkpoint(path)
    for name in set(expected) - {"parts"}:
        assert reader.get_tensor(name).tobytes() == expected[name].tobytes()
    listed = {t["name"]: t["part"] for t in tool.inspect(path)["tensors"]}
    assert listed["dense/kernel"] == "loose" and listed["dense/kernel/Adam_1"] == "optimizer"
    assert tool.run("latest", tmp_path).stdout.strip() == path
    # Written again as what TensorFlow 2 has.
    tool.convert(path, tmp_path / "again", "--to", "tf")
    assert_same(reader_values(tmp_path / "again"), expected)


def test_types_and_shapes(tmp_path):
    rng = np.random.default_rng(4)
    values = {name: rng.integers(0, 2 if name == "bool" else 120, (3, 5)).astype(name) for name in READ}
    for name in ("int8", "int16", "int32", "int64"):
        values["-" + name] = -values[name]
    values["extremes"] = np.array([np.iinfo("i8").min, np.iinfo("i8").max, 0, -1])
    values["floats"] = np.array([np.nan, -0.0, np.inf, 1e-45], "f4")
    values |= {"scalar": np.float32(3.5), "empty": np.zeros((0, 3), "f4"), "zeros": np.zeros((700, 700), "f4"),
               "long": np.arange(300_000), "many": rng.normal(size=(1000, 700))}
    save(tmp_path / "v1", values)
    assert_same(ours(tmp_path / "v1", tmp_path), {k: np.asarray(v) for k, v in reader_values(tmp_path / "v1").items()})
    more = {name: rng.integers(0, 120, (3, 5)).astype(name) for name in WRITTEN}
    save(tmp_path / "more", more)
    assert_same(ours(tmp_path / "more", tmp_path), more)


def test_compressed_blocks(tmp_path):
    """As TensorFlow wrote them when its builds had Snappy."""
    zeros, counts = np.zeros((30, 40), "f4"), np.arange(500) % 7
    listed = f.v1_meta([(b"counts", [500], f.INT64, [[None]]), (b"zeros", [30, 40], f.FLOAT, [[None, None]])])
    entries = [(b"", listed), f.v1_slice(b"zeros", [None, None], f.field(5, zeros.tobytes())),
               f.v1_slice(b"counts", [None], f.field(10, b"".join(map(f.varint, counts.tolist()))))]
    blocks = [(key, f.stored(f.snappy(f.block([f.item(key, value)])), 1)) for key, value in sorted(entries)]
    (tmp_path / "v1").write_bytes(f.table_of(blocks))
    expected = {"zeros": zeros, "counts": counts}
    assert_same(reader_values(tmp_path / "v1"), expected)
    assert_same(ours(tmp_path / "v1", tmp_path), expected)


def test_slices_text_and_flipped_bits(tmp_path):
    columns = np.arange(24, dtype="f4").reshape(4, 6)
    path = tmp_path / "v1"
    tf.raw_ops.SaveSlices(filename=str(path), tensor_names=["p", "p", "p", "words"],
                          shapes_and_slices=["4 6 0,4:0,2", "4 6 0,2:2,4", "4 6 2,2:2,4", ""],
                          data=[columns[:, :2], columns[:2, 2:], columns[2:, 2:], tf.constant([b"a", b"", b"x\0y" * 99])])
    assert_same(ours(path, tmp_path), {"p": columns})
    good = path.read_bytes()
    for at in range(0, len(good) - 48, 7):
        path.write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1:])
        done = tool.start("convert", path, tmp_path / "x.safetensors", "-f", "--names", "stored", "--no-fsync", "--allow-loss", "assets")
        assert done.code == tool.DAMAGED or (done.code == 0 and load_file(tmp_path / "x.safetensors")["p"].tobytes() == columns.tobytes()), done
