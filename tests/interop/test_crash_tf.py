# SPDX-License-Identifier: Apache-2.0
"""Kill -9 at each system call of a save of a TensorFlow checkpoint and of a SavedModel: TensorFlow reads the old or the new
one, never a mixture, and the state file names what is there. The machinery is test_crash.py's."""

import shutil

import numpy as np
import pytest
import tool
from frameworks import tf
from safetensors.numpy import save_file
from test_crash import CALLS, killed_save, strace_works  # noqa: F401

UNCHANGING = ("openat", "openat2", "close")  # left out where files are many
NAMES = [f"layer{i}/kernel" for i in range(5)]


def weights(seed):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(4, 4)).astype("f4") for name in NAMES}


def as_tensorflow_reads(prefix):
    """Every tensor, its checksum seen to; None where TensorFlow finds no checkpoint."""
    try:
        reader = tf.train.load_checkpoint(str(prefix))
    except tf.errors.NotFoundError:
        return None
    return {name: reader.get_tensor(name).tobytes() for name in reader.get_variable_to_shape_map()}


def kills(folder, old_folder, save, judge, calls=CALLS):
    """Calls `judge` with each folder that a killed save leaves, and with the ones that survived."""
    for call in calls:
        for number in range(1, 500):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(old_folder, folder)
            code = save(call, number)
            judge(code, f"a mixture after a kill at {call} number {number}")
            if code == 0:
                break
        else:
            pytest.fail(f"no end of calls of {call}")


@pytest.mark.parametrize("old_size, new_size", [(None, "130B"), ("1MB", "1MB"), ("1MB", "130B"), ("130B", "1MB"), ("130B", "130B")],
                         ids=["fresh", "one-one", "one-many", "many-one", "many-many"])
def test_a_checkpoint_killed_at_every_call(old_size, new_size, tmp_path):
    folder, old_folder, prefix = tmp_path / "d", tmp_path / "old", tmp_path / "d" / "ck"
    folder.mkdir()
    values = {}
    for which, seed in (("old", 1), ("new", 2)):
        values[which] = {name: value.tobytes() for name, value in weights(seed).items()}
        save_file(weights(seed), tmp_path / f"{which}.safetensors")
    if old_size:
        tool.convert(tmp_path / "old.safetensors", prefix, "--to", "tf", "--max-shard-size", old_size)
        assert as_tensorflow_reads(prefix) == values["old"]
        assert len(list(folder.glob("ck.data-*"))) == (1 if old_size == "1MB" else 3)
    old = values["old"] if old_size else None
    folder.rename(old_folder)
    size = ["--max-shard-size", new_size] if new_size else []
    seen = {"old": 0, "new": 0}

    def judge(code, message):
        left = as_tensorflow_reads(prefix)
        assert left == values["new"] or left == old, message
        latest = tf.train.latest_checkpoint(str(folder))
        assert latest in ((str(prefix),) if old else (str(prefix), None)), "the state file names what is not there"
        if code == 0:
            assert left == values["new"] and latest == str(prefix)
            return
        seen["new" if left == values["new"] else "old"] += 1
        if sum(seen.values()) % 8 == 0:  # the next save clears what this one left
            for _ in range(1 if old else 2):  # data without an index may be somebody else's: the first keeps it
                tool.convert(tmp_path / "new.safetensors", prefix, "--to", "tf", "-f", *size)
                assert as_tensorflow_reads(prefix) == values["new"]
            found = sorted(entry.name for entry in folder.iterdir())
            assert len(found) == 2 + (3 if new_size == "130B" else 1) and not any(name.startswith(".") for name in found), found

    def save(call, number):
        return killed_save(call, number, tmp_path / "new.safetensors", prefix, ["--to", "tf", *size]).returncode

    kills(folder, old_folder, save, judge)
    assert seen["old"] > 15 and seen["new"] > 1, seen
    print(f"killed {sum(seen.values())} saves: {seen['old']} old, {seen['new']} new, 0 mixed")


class Held(tf.Module):
    def __init__(self, seed):
        super().__init__()
        self.kernel = tf.Variable(weights(seed)[NAMES[0]], name="kernel")

    @tf.function(input_signature=[tf.TensorSpec([4])])
    def __call__(self, x):
        return tf.linalg.matvec(self.kernel, x)


def test_a_saved_model_killed_at_every_call(tmp_path):
    """The folder is replaced as a whole: the files are those of the old or the new one, to the byte."""
    folder, old_folder, path = tmp_path / "d", tmp_path / "old", tmp_path / "d" / "saved"
    folder.mkdir()
    tf.saved_model.save(Held(1), str(path))
    save_file({"kernel": weights(2)[NAMES[0]]}, tmp_path / "new.safetensors")
    folder.rename(old_folder)

    def contents():
        return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}

    def predicted():
        return tf.saved_model.load(str(path))(tf.ones([4])).numpy().tobytes()

    shutil.copytree(old_folder, folder)
    states = [(contents(), predicted())]
    options = ["--to", "saved_model", "--like", path]
    tool.convert(tmp_path / "new.safetensors", path, "-f", *options)
    states.append((contents(), predicted()))
    assert states[0][1] != states[1][1]
    for state in states:
        state[0].pop("fingerprint.pb", None)
    seen = [0, 0]

    def judge(code, message):
        left = contents()
        left.pop("fingerprint.pb", None)
        assert left in (states[0][0], states[1][0]), message
        new = left == states[1][0]
        if code == 0:
            assert new
        else:
            seen[new] += 1

    def save(call, number):
        return killed_save(call, number, tmp_path / "new.safetensors", path, options).returncode

    kills(folder, old_folder, save, judge, [call for call in CALLS if call not in UNCHANGING])
    assert seen[0] > 20 and seen[1] > 1, seen
    assert predicted() == states[1][1]
    print(f"saved_model: killed {sum(seen)} saves: {seen[0]} old, {seen[1]} new, 0 mixed")
