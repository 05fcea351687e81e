# SPDX-License-Identifier: Apache-2.0
"""Checkpoints nobody's program wrote: of big-endian machines, and malformed ones. TensorFlow's outcome of each malformed case
is known (tf_hostile.py makes the table); ours is the right value or a typed error, within little memory."""

import json
import subprocess
import sys

import numpy as np
import tf_forged as f
import tf_hostile
import tool
from frameworks import tf
from safetensors.numpy import load_file

# ---- big-endian machines ---------------------------------------------------------------------------------------------

TYPES = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "complex64": 8, "int64": 9, "bool": 10,
         "uint16": 17, "complex128": 18, "float16": 19, "uint32": 22, "uint64": 23}


def swapped(value):
    part = {8: "f4", 16: "f8"}.get(value.itemsize) if value.dtype.kind == "c" else None
    return (value.view(part) if part else value).byteswap().tobytes()


def bundle_of(values, big):
    data, entries = b"", []
    for name, value in values.items():
        stored = swapped(value) if big else value.tobytes()
        entries.append((name.encode(), f.entry(TYPES[value.dtype.name], value.shape, len(stored), len(data), f.masked(stored))))
        data += stored
    # Text: its lengths are varints in either order, what their checksum sees is not.
    words = [b"one", b"", b"three" * 50]
    lengths = b"".join(len(word).to_bytes(4, "big" if big else "little") for word in words)
    checksum = f.masked(lengths).to_bytes(4, "big" if big else "little")
    text = b"".join(f.varint(len(word)) for word in words) + checksum + b"".join(words)
    crc = f.masked(lengths + checksum + b"".join(words))
    entries.append((b"words", f.entry(f.STRING, [3], len(text), len(data), crc)))
    return f.table([(b"", f.header(endianness=int(big)))] + sorted(entries)), data + text


def test_big_endian(tmp_path):
    rng = np.random.default_rng(3)
    values = {f"t_{name}": (rng.normal(size=(3, 5)) * 50).astype(name) for name in TYPES if name[0] not in "bu"}
    values |= {f"t_{name}": rng.integers(0, 2 if name == "bool" else 200, (3, 5)).astype(name) for name in TYPES if name[0] in "bu"}
    for order, big in (("little", False), ("big", True)):
        index, data = bundle_of(values, big)
        (tmp_path / f"{order}.index").write_bytes(index)
        (tmp_path / f"{order}.data-00000-of-00001").write_bytes(data)
        reader = tf.train.load_checkpoint(str(tmp_path / order))
        tool.convert(tmp_path / order, tmp_path / f"{order}.npz", "--names", "stored", "--allow-loss", "assets")
        ours = dict(np.load(tmp_path / f"{order}.npz"))
        assert sorted(ours) == sorted(values)
        assert reader.get_tensor("words").tolist() == [b"one", b"", b"three" * 50]
        for name, value in values.items():
            assert ours[name].dtype == value.dtype and ours[name].tobytes() == value.tobytes() == reader.get_tensor(name).tobytes(), name
    assert (tmp_path / "big.data-00000-of-00001").read_bytes() != (tmp_path / "little.data-00000-of-00001").read_bytes()
    # Any bit of it counts.
    bad = bytearray(data)
    bad[-300] ^= 1
    (tmp_path / "big.data-00000-of-00001").write_bytes(bad)
    tool.run("convert", tmp_path / "big", tmp_path / "x.npz", "--allow-loss", "assets", expect=tool.DAMAGED)
    # Written again, it is little-endian.
    (tmp_path / "big.data-00000-of-00001").write_bytes(data)
    tool.convert(tmp_path / "big", tmp_path / "again", "--to", "tf", "--allow-loss", "assets")
    reader = tf.train.load_checkpoint(str(tmp_path / "again"))
    for name, value in values.items():
        assert reader.get_tensor(name).tobytes() == value.tobytes(), name


# ---- malformed ones --------------------------------------------------------------------------------------------------

# What TensorFlow 2.21 makes of each case: `python tf_hostile.py` prints this table.
TENSORFLOW = {
    "good": "value", "a negative dimension": "abort", "the smallest dimension": "abort", "2^62 x 4": "abort",
    "2^62 x 4 x 1": "abort", "2^40 x 2^40": "abort", "overflow beside a zero": "abort", "the largest dimension": "error",
    "2^38 floats": "stall", "2^38 floats of that size": "stall", "2^45 floats of that size": "stall", "255 dimensions": "abort",
    "300 dimensions": "abort", "unknown rank": "error", "no shape": "error", "another shape": "error", "type 0": "abort",
    "type 20, a resource": "error", "type 99": "abort", "type 999": "abort", "type 2^31 - 1": "abort",
    "a reference to float": "abort", "another type's size": "error", "data file 1 of 1": "error", "data file -1": "error",
    "a negative offset": "error", "an offset past the end": "error", "an offset of 2^60": "error",
    "an offset that overflows": "error", "a negative size": "error", "too small a size": "error", "no size": "error",
    "no checksum": "error", "another checksum": "error", "overlapping tensors": "misread", "an entry of 0xff": "abort",
    "an entry that ends within a field": "abort", "an empty group": "value", "a group that does not end": "abort",
    "a checksum as a varint": "error", "ten thousand messages in one another": "value", "a shape twice": "error",
    "an unknown field": "value", "no header": "error", "an empty header": "error", "no data files": "error",
    "a negative number of data files": "error", "2^31 - 1 data files": "error", "byte order 2": "value",
    "a version for newer readers": "error", "a header without a version": "value", "a header that is no message": "error",
    "a key twice": "value", "falling keys": "error", "shares more than there is": "error", "a key of 4 GiB": "abort",
    "a value of 4 GiB": "abort", "lengths that wrap": "abort", "a block whose checksum is wrong": "error",
    "no restarts": "error", "2^32 - 1 restarts": "error", "a restart outside of the block": "error", "compression 2": "error",
    "a Snappy block of 2^32 - 1 bytes": "error", "a Snappy block of 2 GiB": "error",
    "a Snappy block that copies from before it": "error", "a block twice": "error", "a footer of 2^63": "stall",
    "a footer of 2^40": "stall", "a footer that wraps": "error", "a footer without end": "error", "another magic": "error",
    "a table of 47 bytes": "error", "an empty table": "error", "slices": "value", "slices that are not there": "error",
    "slices with a gap": "error", "a slice twice": "abort", "overlapping slices": "error",
    "a slice smaller than its extents": "misread", "a slice of another rank": "error", "a slice that begins at -1": "error",
    "a slice of length 2^62": "error", "a slice of a negative length": "error", "eight million slices that are not there": "abort",
    "slices nobody lists": "error", "text": "value",
    "2^33 strings": "stall", "fewer strings than there are": "error", "a string of 2^40 bytes": "error",
    "a string past the end": "error", "lengths with another checksum": "error", "text without bytes": "error",
    "data that is cut": "error", "data that is flipped": "error", "no data at all": "error",
    "a graph with a node that is not there": "value", "a graph of 0xff": "value", "a graph with a cycle": "value",
}


# Linux carries the peak memory of a parent over to its child, so a small process starts the tool.
STARTER = """
import json, os, subprocess, sys
for command in json.load(sys.stdin):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read().decode("utf-8", "replace")
    status, usage = os.wait4(process.pid, 0)[1:]
    print(json.dumps([os.waitstatus_to_exitcode(status), said, usage.ru_maxrss * 1024]))
"""


def test_malformed(tmp_path):
    cases = tf_hostile.cases()
    assert sorted(cases) == sorted(TENSORFLOW) and len(cases) > 60
    commands = []
    for number, (index, data) in enumerate(cases.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        commands.append([tool.binary(), "convert", tf_hostile.write_case(folder, index, data), str(folder / "out.safetensors"), "--no-fsync",
                         "-j", "1", "--names", "stored", "--allow-loss", "assets"])
    done = subprocess.run([sys.executable, "-S", "-c", STARTER], input=json.dumps(commands), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    right = []
    for number, (name, line) in enumerate(zip(cases, done.stdout.splitlines(), strict=True)):
        code, said, memory = json.loads(line)
        assert memory < 256 << 20, f"{name}: {memory} bytes"
        if code == 0:
            value = load_file(tmp_path / str(number) / "out.safetensors").get("t")
            assert name == "text" or value is not None and value.tobytes() == tf_hostile.right_value(name), name
            right.append(name)
        else:
            assert code in (tool.UNREADABLE, tool.DAMAGED, tool.REFUSED), f"{name}: {code} {said}"
            assert said.splitlines()[0].endswith("]"), said  # the error's code
    # What TensorFlow reads rightly, we do, but for what nothing writes.
    strict = {"byte order 2", "an empty group", "a key twice", "a graph with a node that is not there", "a graph of 0xff"}
    assert {name for name, outcome in TENSORFLOW.items() if outcome == "value"} - set(right) <= strict
    assert "good" in right and "slices" in right and "text" in right


def test_tensorflow_on_malformed(tmp_path):
    """The table is what TensorFlow does. Those that stall are left out: they take their twenty seconds, or all memory."""
    found, quick = {}, {name: outcome for name, outcome in TENSORFLOW.items() if outcome != "stall"}
    for name, (index, data) in tf_hostile.cases().items():
        if name in quick:
            found[name] = tf_hostile.tensorflow_outcome(name, tf_hostile.write_case(tmp_path, index, data))
    assert found == quick
    assert sum(outcome in ("abort", "stall", "misread") for outcome in TENSORFLOW.values()) > 20
