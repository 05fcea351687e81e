# SPDX-License-Identifier: Apache-2.0
"""Kill -9 at each system call of a save: the destination is the complete old file or the complete new one.

strace delivers the signal at the n-th call of one kind; for each kind n runs from 1 until a save survives. What is left
is compared byte by byte with the old and the new file, both of which the real framework has read before. Then an ordinary
save to the same name must clear what the killed ones left behind.
"""

import shutil
import signal
import subprocess

import h5py
import pytest
import tool
from safetensors.numpy import load_file
from tool import lacking

# strace counts each kind of call on its own, so each is a series of its own.
CALLS = ("openat openat2 write pwrite64 pwritev copy_file_range sendfile ftruncate fallocate fsync fdatasync close flock "
         "fchmod fchmodat rename renameat renameat2 link linkat unlink unlinkat mkdir mkdirat").split()
CASES = {
    "weights_h5": ("tf_keras-2.21.0-whole-nested-frozen.h5", "x.weights.h5", []),
    "legacy_h5": ("tf_keras-2.21.0-whole-nested-frozen.h5", "x.h5", ["--weights-only"]),
    "safetensors": ("tf_keras-2.21.0-whole-nested-frozen.h5", "x.safetensors", []),
}
OLD_SOURCE = "tf_keras-2.21.0-whole-compiled.h5"


def contents(path):
    """What the framework's library reads: name -> bytes."""
    if path.suffix == ".safetensors":
        return {name: value.tobytes() for name, value in load_file(path).items()}
    found = {}
    with h5py.File(path, "r") as f:
        f.visititems(lambda name, item: found.update({name: item[()].tobytes()}) if isinstance(item, h5py.Dataset) else None)
    return found


def killed_save(call, number, source, destination, options):
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}",
               tool.binary(), "convert", source, destination, "-f", "-q", "-j", "1", *options]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


@pytest.fixture(scope="module", autouse=True)
def strace_works():
    probe = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=getppid:signal=KILL", "true"]
    if not shutil.which("strace") or subprocess.run(probe, capture_output=True).returncode:
        lacking("strace cannot trace here")


@pytest.mark.parametrize("kind", CASES)
def test_killed_at_every_call(kind, golden, tmp_path):
    source_name, name, options = CASES[kind]
    source, destination = golden / source_name, tmp_path / "d" / name
    destination.parent.mkdir()
    tool.run("convert", source, destination, "-q", *options)
    new, new_contents = destination.read_bytes(), contents(destination)
    tool.run("convert", golden / OLD_SOURCE, destination, "-q", "-f", *options)
    old, old_contents = destination.read_bytes(), contents(destination)
    assert new_contents and old_contents and new != old
    seen = {"old": 0, "new": 0}
    for call in CALLS:
        for number in range(1, 500):
            destination.write_bytes(old)
            done = killed_save(call, number, source, destination, options)
            left = destination.read_bytes()
            assert left in (old, new), f"a mixture after a kill at {call} number {number}"
            if done.returncode == 0:
                assert left == new
                break
            assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), done.stderr.decode()
            seen["new" if left == new else "old"] += 1
        else:
            pytest.fail(f"no end of calls of {call}")
    # The rename lies somewhere in between: both outcomes must have been met, or nothing was tested.
    assert seen["old"] > 20 and seen["new"] > 1, seen
    print(f"{kind}: killed {sum(seen.values())} saves: {seen['old']} old, {seen['new']} new, 0 mixed")
    tool.run("convert", source, destination, "-q", "-f", *options)
    assert [entry.name for entry in destination.parent.iterdir()] == [name]
    assert contents(destination) == new_contents


@pytest.fixture(scope="module")
def net():
    from frameworks import keras

    return keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(4, name=f"d{i}") for i in range(4))])


def randomised(net, seed, path, **options):
    from randomise import randomise

    randomise(net, seed)
    net.save_weights(str(path), **options)
    return [value.tobytes() for value in net.get_weights()]


def as_keras_reads(net, manifest):
    """The weights Keras finds, over others that were there before."""
    for variable in net.weights:
        variable.assign(variable * 0)
    net.load_weights(str(manifest))
    return [value.tobytes() for value in net.get_weights()]


def test_a_set_killed_at_every_call(net, tmp_path):
    """The set is the old or the new one as Keras reads it; the next save leaves nothing but its own."""
    folder, old_folder, manifest = tmp_path / "d", tmp_path / "old", tmp_path / "d" / "m.weights.json"
    folder.mkdir()
    source = tmp_path / "new.weights.h5"
    new = randomised(net, 1, source)
    old = randomised(net, 2, manifest, max_shard_size=170 / 1024**3)
    assert len(list(folder.iterdir())) == 3
    folder.rename(old_folder)
    seen = {"old": 0, "new": 0}
    for call in CALLS:
        for number in range(1, 500):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(old_folder, folder)
            done = killed_save(call, number, source, manifest, ["--max-shard-size", "90B"])
            left = as_keras_reads(net, manifest)
            assert left in (old, new), f"a mixture after a kill at {call} number {number}"
            if done.returncode == 0:
                assert left == new
                break
            seen["new" if left == new else "old"] += 1
            tool.run("convert", source, manifest, "-q", "-f", "--no-fsync", "--max-shard-size", "90B")
            assert as_keras_reads(net, manifest) == new
            found = {entry.name for entry in folder.iterdir()}
            assert len(found) == 6 and not any(name.startswith(".") for name in found), found
        else:
            pytest.fail(f"no end of calls of {call}")
    assert seen["old"] > 20 and seen["new"] > 1, seen
    print(f"sharded_h5: killed {sum(seen.values())} saves: {seen['old']} old, {seen['new']} new, 0 mixed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("call", ["pwrite64", "fsync", "ftruncate"])
def test_interrupted(number, call, golden, tmp_path):
    """A signal during a save: the old file, no temporary, the shell's exit code; or the save was already done."""
    destination = tmp_path / "x.weights.h5"
    tool.run("convert", golden / OLD_SOURCE, destination, "-q")
    old = destination.read_bytes()
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
               f"inject={call}:signal={signal.Signals(number).name[3:]}:when=1", tool.binary(), "convert",
               golden / CASES["weights_h5"][0], destination, "-f", "-q", "-j", "1"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert [entry.name for entry in tmp_path.iterdir()] == [destination.name]
    if done.returncode == 0:
        assert destination.read_bytes() != old
    else:
        assert done.returncode == 128 + number
        assert destination.read_bytes() == old
