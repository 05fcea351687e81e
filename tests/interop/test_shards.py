# SPDX-License-Identifier: Apache-2.0
"""Sets of shards: those Keras 3 writes are read, ours are read by Keras 3, also over older sets of any size."""

import json

import h5py
import pytest
import tool
from architectures import REGISTRY
from cases import KERAS3, by_position, each
from compare import assert_weights, datasets, is_member_of_a_model
from workshop import load

GIB = 1024**3


def tensor_sizes(path):
    found = []
    with h5py.File(path) as f:
        f.visititems(lambda _, item: found.append(item.nbytes) if isinstance(item, h5py.Dataset) else None)
    return found


def sizes(source):
    """Sizes of a shard, in bytes, that make many and few of them, and one."""
    found = tensor_sizes(source.v3)
    return [max(found), (max(found) + sum(found)) // 2, sum(found) + 1]


def judge(workshop, source, path):
    model = workshop.target(source, "keras")
    load(model, path)
    assert_weights(model, source.values)


def tree(folder, manifest):
    """What a set holds: per group the shards by position, per shard the datasets and attributes."""
    text = json.loads((folder / manifest).read_text())
    names = sorted({name for value in text["weight_map"].values() for name in ([value] if isinstance(value, str) else value)})
    number = {name: index for index, name in enumerate(names)}

    def positions(value):
        return number[value] if isinstance(value, str) else [number[name] for name in value]

    shards = []
    for name in names:
        found = {}
        with h5py.File(folder / name) as f:
            f.visititems(lambda path, item: found.update({path: (type(item).__name__, dict(item.attrs))}))
        # Empty groups of sub-layers (a softmax) do not matter to Keras' loader.
        shards.append({path: item for path, item in found.items() if item[0] == "Dataset" or is_member_of_a_model(path)})
    return {"total": text["metadata"], "map": {key: positions(value) for key, value in text["weight_map"].items()},
            "shards": shards}


@each([arch for arch in KERAS3 if arch.name != "nothing"], without=["chunked"])
def test_both_ways(arch, workshop, tmp_path):
    source = workshop.source(arch, "keras")
    for index, size in enumerate(sizes(source)):
        theirs, ours = tmp_path / f"theirs{index}", tmp_path / f"ours{index}"
        theirs.mkdir()
        ours.mkdir()
        source.model.save_weights(str(theirs / "m.weights.json"), max_shard_size=size / GIB)
        # Theirs as one file again, and as safetensors.
        tool.convert(theirs / "m.weights.json", ours / "one.weights.h5")
        assert datasets(ours / "one.weights.h5").keys() == datasets(source.v3).keys()
        judge(workshop, source, ours / "one.weights.h5")
        # Ours from one file, along the config so that the order of the walk is Keras' own.
        tool.convert(source.v3, ours / "m.weights.json", "--config", source.config, "--max-shard-size", f"{size}B")
        judge(workshop, source, ours / "m.weights.json")
        if not by_position(arch):
            assert tree(ours, "m.weights.json") == tree(theirs, "m.weights.json")


@pytest.fixture
def source(workshop):
    return workshop.source(REGISTRY["nested_functional"], "keras")


def names_in(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("before", ["fewer", "equal", "more"])
@pytest.mark.parametrize("writer", ["keras", "ballast"])
def test_over_an_older_set(before, writer, source, workshop, tmp_path):
    other = workshop.target(source, "keras")
    small, middle, large = sizes(source)
    size = {"fewer": large, "equal": middle, "more": small}[before]
    manifest = tmp_path / "m.weights.json"
    if writer == "keras":
        other.save_weights(str(manifest), max_shard_size=size / GIB)
    else:
        tool.convert(source.v3, manifest, "--max-shard-size", f"{size}B")
    for _ in range(3):  # over its own sets, too
        tool.convert(source.v3, manifest, "-f", "--max-shard-size", f"{middle}B")
        judge(workshop, source, manifest)
        named = {name for value in json.loads(manifest.read_text())["weight_map"].values()
                 for name in ([value] if isinstance(value, str) else value)}
        assert set(names_in(tmp_path)) == named | {"m_00000.weights.h5", "m.weights.json"}, "stale shards"
        reread = tmp_path / "out.safetensors"
        tool.convert(manifest, reread)
        reread.unlink()


def test_a_series_of_checkpoints_is_not_touched(source, workshop, tmp_path):
    """Files that look like shards but belong to no set may be a user's own series."""
    own = tmp_path / "m_00001.weights.h5"
    own.write_bytes(b"mine")
    manifest = tmp_path / "m.weights.json"
    tool.convert(source.v3, manifest, "--max-shard-size", f"{sizes(source)[0]}B")
    assert own.read_bytes() == b"mine"
    judge(workshop, source, manifest)


def test_a_renamed_manifest(source, workshop, tmp_path):
    """Keras cannot open it; we can, and make it whole again."""
    source.model.save_weights(str(tmp_path / "m.weights.json"), max_shard_size=sizes(source)[0] / GIB)
    (tmp_path / "m.weights.json").rename(tmp_path / "new.weights.json")
    tool.convert(tmp_path / "new.weights.json", tmp_path / "new.weights.json", "-f")
    judge(workshop, source, tmp_path / "new.weights.json")


def test_the_source_and_the_target_are_one_set(source, workshop, tmp_path):
    manifest = tmp_path / "m.weights.json"
    source.model.save_weights(str(manifest), max_shard_size=sizes(source)[0] / GIB)
    tool.convert(manifest, manifest, "-f", "--max-shard-size", f"{sizes(source)[2]}B")
    judge(workshop, source, manifest)


def test_a_size_with_the_name_of_one_file(source, workshop, tmp_path):
    done = tool.convert(source.v3, tmp_path / "m.weights.h5", "--max-shard-size", f"{sizes(source)[1]}B")
    assert "m.weights.json" in done.stderr
    assert not (tmp_path / "m.weights.h5").exists()
    judge(workshop, source, tmp_path / "m.weights.json")


def test_sizes_that_cannot_be(source, tmp_path):
    manifest = tmp_path / "m.weights.json"
    done = tool.convert(source.v3, manifest, expect=tool.USAGE)
    assert "--max-shard-size" in done.stderr
    done = tool.convert(source.v3, manifest, "--max-shard-size", "8B", expect=tool.USAGE)
    smallest = done.stderr.split("--max-shard-size ")[1].split()[0]
    tool.convert(source.v3, manifest, "--max-shard-size", smallest)
    for bad in ("", "0", "-1GB", "1XB", "nan", "inf", "1e400", "GB"):
        tool.convert(source.v3, tmp_path / "n.weights.json", "--max-shard-size=" + bad, expect=tool.USAGE)
    tool.convert(source.v3, tmp_path / "m.safetensors", "--max-shard-size", "1XB", expect=tool.USAGE)
    assert not (tmp_path / "n.weights.json").exists()


@pytest.mark.parametrize("change, code", [
    (lambda t: t["weight_map"].update(x="../evil.weights.h5"), tool.UNREADABLE),
    (lambda t: t["weight_map"].update({"/x/vars": "/etc/passwd"}), tool.DAMAGED),
    (lambda t: t["weight_map"].update({"/x/vars": ["m_00000.weights.h5", "..\\evil"]}), tool.DAMAGED),
    (lambda t: t["weight_map"].update({"/x/vars": ""}), tool.DAMAGED),
    (lambda t: t["weight_map"].update({"/x/vars": 3}), tool.DAMAGED),
    (lambda t: t["weight_map"].update({"/x/vars": "m.weights.json"}), tool.DAMAGED),
    (lambda t: t["weight_map"].update({"/x/vars": "m_00099.weights.h5"}), tool.UNREADABLE),
    (lambda t: t.pop("weight_map"), tool.DAMAGED),
])
def test_hostile_manifests(change, code, source, tmp_path):
    manifest = tmp_path / "m.weights.json"
    source.model.save_weights(str(manifest), max_shard_size=sizes(source)[0] / GIB)
    text = json.loads(manifest.read_text())
    change(text)
    manifest.write_text(json.dumps(text))
    done = tool.start("convert", manifest, tmp_path / "out.safetensors")
    assert done.code in (tool.UNREADABLE, tool.DAMAGED, tool.REFUSED), done
    assert "ballast:" in done.stderr and not (tmp_path / "out.safetensors").exists()
