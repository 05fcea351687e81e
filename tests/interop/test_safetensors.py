# SPDX-License-Identifier: Apache-2.0
"""`.weights.h5` to safetensors, judged by the safetensors library, and back, judged by h5py and Keras."""

import json

import numpy as np
import pytest
import tool
from architectures import REGISTRY
from cases import KERAS3, each
from compare import assert_predictions, assert_same_tree, assert_weights
from model_walk import to_array
from names import canonical_with_config
from safetensors import safe_open
from safetensors.numpy import save_file
from workshop import load


def read(path):
    with safe_open(path, "np") as f:
        return {name: f.get_tensor(name) for name in f.keys()}


def same_values(found, expected):
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in found.items()} == {
        name: (a.dtype, a.shape, a.tobytes()) for name, a in expected.items()}


@each(KERAS3)
def test_there_and_back(arch, workshop, tmp_path):
    source = workshop.source(arch, "keras")
    middle, back = tmp_path / "middle.safetensors", tmp_path / "back.weights.h5"
    tool.convert(source.v3, middle)
    found = read(middle)

    listing = tool.inspect(source.v3)["tensors"]
    by_stored = {item.path: to_array(item.variable) for item in source.stored}
    expected = {item["name"]: by_stored[item["stored_name"]] for item in listing}
    assert len(expected) == len(by_stored)
    assert same_values(found, expected)

    tool.convert(middle, back)
    assert_same_tree(back, source.v3)
    model = workshop.target(source, "keras")
    load(model, back)
    assert_weights(model, source.values)
    assert_predictions(model, source.predictions, True, 0)


@each(KERAS3, without=["chunked"])
def test_canonical_names_with_config(arch, workshop, tmp_path):
    """With all classes known every weight has its canonical name: the place in the model, then the role."""
    source = workshop.source(arch, "keras")
    tool.convert(source.v3, tmp_path / "named.safetensors", "--config", source.config, "--without-optimizer")
    found = read(tmp_path / "named.safetensors")
    expected = canonical_with_config(source)
    assert set(found) == set(expected)
    assert same_values(found, {name: to_array(variable) for name, variable in expected.items()})


@pytest.mark.parametrize("name", ["nested_twice", "cells", "odd_names", "spectral_normalization"])
def test_stored_names(name, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], "keras")
    out, back = tmp_path / "out.safetensors", tmp_path / "back.weights.h5"
    tool.convert(source.v3, out, "--names", "stored")
    expected = {item.path: to_array(item.variable) for item in source.stored}
    assert same_values(read(out), expected)
    tool.convert(out, back)
    assert_same_tree(back, source.v3)


@pytest.mark.parametrize("name", ["nested_twice", "bidirectional", "frozen_first"])
def test_tf_keras_weights_to_safetensors_and_back(name, workshop, tmp_path):
    """The metadata restores the flavour's keys, so Keras 3 loads what comes back."""
    source = workshop.source(REGISTRY[name], "tf_keras")
    middle, back = tmp_path / "middle.safetensors", tmp_path / "back.weights.h5"
    tool.convert(source.v3, middle)
    assert sorted(a.tobytes() for a in read(middle).values()) == sorted(v.tobytes() for v in source.values.values())
    tool.convert(middle, back)
    model = workshop.target(source, "keras")
    load(model, back)
    assert_weights(model, source.values)


@pytest.mark.parametrize("name", ["nested_twice", "gates", "frozen_norms_deep"])
def test_whole_legacy_model_to_safetensors_and_on(name, workshop, tmp_path):
    """safetensors keeps the config too, so the second step needs no help."""
    source = workshop.source(REGISTRY[name], "tf_keras")
    middle, out = tmp_path / "middle.safetensors", tmp_path / "out.weights.h5"
    tool.convert(source.whole, middle)
    expected = {"/".join(key): value for key, value in source.values.items()}
    found = read(middle)
    assert len(found) == len(expected)
    assert sorted(a.tobytes() for a in found.values()) == sorted(v.tobytes() for v in expected.values())
    tool.convert(middle, out)
    model = workshop.target(source, "keras")
    load(model, out)
    assert_weights(model, source.values)


def test_edited_safetensors_ignores_its_metadata(workshop, tmp_path):
    """Somebody renamed a tensor with the library: the kept layout does not fit any more and must not be applied."""
    from safetensors.numpy import save_file

    source = workshop.source(REGISTRY["nested_functional"], "keras")
    middle, edited = tmp_path / "middle.safetensors", tmp_path / "edited.safetensors"
    tool.convert(source.v3, middle)
    with safe_open(middle, "np") as f:
        metadata, tensors = f.metadata(), {name: f.get_tensor(name) for name in f.keys()}
    tensors["renamed/kernel"] = tensors.pop("before/kernel")
    save_file(tensors, edited, metadata)
    done = tool.start("convert", edited, tmp_path / "back.weights.h5")
    assert done.code == tool.REFUSED, done
    assert "metadata" in done.stderr.lower(), done


def test_a_file_of_the_library_itself(golden, tmp_path):
    """Loose tensors go through unchanged, user metadata included."""
    name = next(golden.glob("safetensors-*-plain.safetensors"))
    tool.convert(name, tmp_path / "copy.safetensors")
    with safe_open(name, "np") as old, safe_open(tmp_path / "copy.safetensors", "np") as new:
        assert set(old.keys()) == set(new.keys())
        assert new.metadata()["made_by"] == "test"
        for key in old.keys():
            np.testing.assert_array_equal(old.get_tensor(key), new.get_tensor(key))


# ---- sets with an index ----------------------------------------------------------------------------------------------


def read_set(index):
    """As the libraries that use such sets do: the map says which file holds a tensor."""
    text = json.loads(index.read_text())
    found = {}
    for name, file in text["weight_map"].items():
        with safe_open(index.parent / file, "np") as f:
            found[name] = f.get_tensor(name)
    return text, found


def test_sets(workshop, tmp_path):
    source = workshop.source(REGISTRY["nested_functional"], "keras")
    one, index, back = tmp_path / "one.safetensors", tmp_path / "m.safetensors.index.json", tmp_path / "b.weights.h5"
    tool.convert(source.v3, one)
    expected = read(one)
    size = max(value.nbytes for value in expected.values())
    for bytes_of_a_file in (size, 2 * size, 10**9, size):  # each over the one before
        done = tool.convert(source.v3, tmp_path / "m.safetensors", "-f", "--max-shard-size", f"{bytes_of_a_file}B")
        assert index.name in done.stderr
        text, found = read_set(index)
        assert same_values(found, expected)
        assert text["metadata"]["total_size"] == sum(value.nbytes for value in expected.values())
        files = {entry.name for entry in tmp_path.iterdir() if entry.name.startswith("m")}
        assert files == {index.name, *text["weight_map"].values()}, "stale files"
        assert all(sum(found[name].nbytes for name, file in text["weight_map"].items() if file == each_file)
                   <= bytes_of_a_file for each_file in text["weight_map"].values())
        tool.convert(index, back, "-f")
        assert_same_tree(back, source.v3)
    tool.convert(index, index, "-f")  # keeps its partition
    again, found = read_set(index)
    assert same_values(found, expected)
    assert len(set(again["weight_map"].values())) == len(set(text["weight_map"].values()))


def test_a_foreign_set(tmp_path):
    rng = np.random.default_rng(1)
    tensors = {f"layer.{i}.weight": rng.standard_normal((3, i + 1)).astype("float32") for i in range(5)}
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    halves = [dict(list(tensors.items())[:2]), dict(list(tensors.items())[2:])]
    for name, half in zip(names, halves):
        save_file(half, tmp_path / name, {"format": "pt"})
    weight_map = {key: name for name, half in zip(names, halves) for key in half}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 180}, "weight_map": weight_map}, indent=2))
    tool.convert(index, tmp_path / "one.safetensors")
    assert same_values(read(tmp_path / "one.safetensors"), tensors)
    with safe_open(tmp_path / "one.safetensors", "np") as f:
        assert f.metadata() == {"format": "pt"}
    assert tool.inspect(index)["format"] == "safetensors"

    def broken(change, code):
        text = {"weight_map": dict(weight_map)}
        change(text["weight_map"])
        index.write_text(json.dumps(text))
        tool.convert(index, tmp_path / "two.safetensors", expect=code)

    broken(lambda m: m.update({"more": names[0]}), tool.DAMAGED)
    broken(lambda m: m.update({"more": "../x.safetensors"}), tool.REFUSED)
    broken(lambda m: m.update({"more": "x.safetensors"}), tool.UNREADABLE)
    broken(lambda m: m.update({"more": [names[0], names[1]]}), tool.DAMAGED)
