# SPDX-License-Identifier: Apache-2.0
"""`ballast verify`: digests against hashlib over what h5py, numpy and TensorFlow read; damage of every kind of container."""

import hashlib
import json
import zipfile

import h5py
import numpy as np
import pytest
import tool
from frameworks import tf_keras


def verified(*arguments, expect=tool.OK):
    return json.loads(tool.run("verify", "--json", "-q", *arguments, expect=expect).stdout)["files"]


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def digest_of_all(arrays):
    lines = sorted(f"{name} {a.dtype} ({', '.join(map(str, a.shape))}{',' if a.ndim == 1 else ''}) {sha(a)}\n".encode()
                   for name, a in arrays.items())
    return hashlib.sha256(b"".join(lines)).hexdigest()


@pytest.fixture
def arrays():
    random = np.random.default_rng(5)
    return {"conv/kernel": random.standard_normal((3, 3, 8, 40)).astype("float32"), "scale": np.float64(2.5).reshape(()),
            "counts": random.integers(-9, 9, 70).astype("int16"), "large": random.standard_normal((700, 900)).astype("float32")}


def write_h5(path, arrays, **options):
    with h5py.File(path, "w") as f:
        for name, array in arrays.items():
            f.create_dataset(name, data=array, **(options if array.ndim else {}))
    return path


def test_digests_are_those_of_hashlib(tmp_path, arrays):
    files = [write_h5(tmp_path / "a.h5", arrays), write_h5(tmp_path / "b.h5", arrays, compression="gzip", shuffle=True)]
    np.savez(tmp_path / "c.npz", **arrays)
    for path in [*files, tmp_path / "c.npz"]:
        [file] = verified(path, "--digest")
        assert {t["name"]: t["sha256"] for t in file["tensors"]} == {name: sha(a) for name, a in arrays.items()}
        assert file["weights_sha256"] == digest_of_all(arrays)
        assert file["bytes"] == sum(a.nbytes for a in arrays.values())
    tool.run("verify", files[0], "--expect", digest_of_all(arrays))
    done = tool.run("verify", files[0], "--expect", "0" * 64, expect=tool.DIFFERS)
    assert "the weights are not those of" in done.stdout


def test_tensorflow_and_keras_agree(tmp_path):
    """One model in all of tf_keras' formats and in Keras 3's: one digest."""
    model = tf_keras.Sequential([tf_keras.layers.Dense(5, input_shape=(3,), name="one"),
                                 tf_keras.layers.Dense(2, name="two")])
    model.save(tmp_path / "a.h5")
    model.save(tmp_path / "b.keras")
    model.save_weights(tmp_path / "c" / "ckpt")
    tool.convert(tmp_path / "a.h5", tmp_path / "d.keras")
    weights = {w.name.split(":")[0]: w.numpy() for w in model.weights}
    for file in verified(tmp_path, "--digest"):
        assert file["weights_sha256"] == digest_of_all(weights), file["path"]


def flipped(path, place, target):
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    target.write_bytes(data)
    return target


def extras_offset(table):
    """The first number of the footer, in 7-bit groups: where the entries end."""
    low, high = table[-48], table[-47]
    assert low >= 0x80 > high
    return low & 0x7F | high << 7


def test_a_flipped_bit_of_an_archive_or_checkpoint_is_found(tmp_path, arrays):
    np.savez(tmp_path / "whole.npz", **arrays)
    model = tf_keras.Sequential([tf_keras.layers.Dense(50, input_shape=(30,))])
    model.save(tmp_path / "whole.keras")
    model.save_weights(tmp_path / "whole")
    random = np.random.default_rng(6)
    for name in ["whole.npz", "whole.keras"]:
        path = tmp_path / name
        with zipfile.ZipFile(path) as archive:
            places = [info.header_offset + 60 + int(random.integers(info.compress_size - 60)) for info in archive.infolist()]
        for place in places:
            [file] = verified(flipped(path, place, tmp_path / f"broken{path.suffix}"), expect=tool.DAMAGED)
            assert file["problems"], place
    for part in ["index", "data-00000-of-00001"]:
        for name in ["index", "data-00000-of-00001"]:
            (tmp_path / f"broken.{name}").write_bytes((tmp_path / f"whole.{name}").read_bytes())
        size = (tmp_path / f"whole.{part}").stat().st_size
        if part == "index":  # nobody reads the block of extras, or the footer's padding
            size = extras_offset((tmp_path / "whole.index").read_bytes())
        for place in random.integers(0, size, 12):
            flipped(tmp_path / f"whole.{part}", int(place), tmp_path / f"broken.{part}")
            assert tool.start("verify", tmp_path / "broken").code in (tool.DAMAGED, tool.UNREADABLE), (part, place)


def test_damaged_chunks_hide_no_other_tensor(tmp_path, arrays):
    path = write_h5(tmp_path / "a.h5", arrays, chunks=True, fletcher32=True)
    with h5py.File(path) as f:
        place = f["large"].id.get_chunk_info(3).byte_offset + 100
    [file] = verified(flipped(path, place, tmp_path / "b.h5"), "--digest", expect=tool.DAMAGED)
    assert [p["code"] for p in file["problems"]] == ["checksum_mismatch"] and "large" in file["problems"][0]["text"]
    assert {t["name"]: t.get("sha256") for t in file["tensors"]} == {
        name: None if name == "large" else sha(a) for name, a in arrays.items()}
    assert "weights_sha256" not in file


def test_a_set_without_a_member(tmp_path, arrays):
    write_h5(tmp_path / "a.h5", arrays)
    tool.convert(tmp_path / "a.h5", tmp_path / "set.safetensors.index.json", "--max-shard-size", "2530KB")
    [file] = verified(tmp_path / "set.safetensors.index.json", "--digest")
    assert file["weights_sha256"] == digest_of_all(arrays)
    members = sorted(tmp_path.glob("set-*.safetensors"))
    assert len(members) > 1
    members[1].unlink()
    tool.run("verify", tmp_path / "set.safetensors.index.json", expect=tool.UNREADABLE)


def test_values(tmp_path, arrays):
    arrays["counts"] = arrays["counts"].astype("float16")
    arrays["counts"][3:6] = np.nan, np.inf, -np.inf
    path = write_h5(tmp_path / "a.h5", arrays)
    assert verified(path)[0]["problems"] == []
    [file] = verified(path, "--values", expect=tool.DIFFERS)
    assert {t["name"]: (t["nan"], t["infinite"]) for t in file["tensors"] if "nan" in t} == {"counts": (1, 2)}
