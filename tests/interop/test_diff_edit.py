# SPDX-License-Identifier: Apache-2.0
"""`diff` of the files the frameworks write of one model, and edited files loaded by those frameworks."""

import json
import shutil

import h5py
import numpy as np
import pytest
import tool
from architectures import REGISTRY
from cases import CROSSING, each
from compare import assert_weights, tree
from model_walk import slots
from safetensors import safe_open
from workshop import load


def flip_bit(path, name, position=0):
    """Changes the lowest bit of one element's first byte, in place."""
    row = next(item for item in tool.inspect(path)["tensors"] if item["stored_name"] == name)
    with open(path, "r+b") as f:
        f.seek(row["offset"] + position)
        byte = f.read(1)[0] ^ 1
        f.seek(row["offset"] + position)
        f.write(bytes([byte]))


def diff(a, b, *options, expect):
    return json.loads(tool.run("diff", a, b, "--json", *options, expect=expect).stdout)


@each(CROSSING, without=["odd_names", "chunked", "bfloat16"])
def test_one_model_in_every_format(arch, workshop, tmp_path):
    """Keras' own .weights.h5 and whole .h5, our safetensors and legacy weights: the same, until one bit differs."""
    source = workshop.source(arch, "keras")
    named, legacy = tmp_path / "a.safetensors", tmp_path / "a.h5"
    tool.convert(source.v3, named, "--config", source.config)
    tool.convert(source.v3, legacy, "--config", source.config)
    config = ["--config", source.config, "--weights-only"]
    for a, b in [(source.v3, named), (named, source.v3), (source.v3, legacy), (legacy, named)]:
        found = diff(a, b, *config, expect=tool.OK)
        # One variable may be stored in two places (that of a wrapper and of the layer in it).
        assert found["same"] and found["pairs"] >= len(source.values) and not found["tensors"]
    # The config in Keras' whole file names the layers of the other one.
    found = diff(source.v3, source.whole, "--weights-only", expect=tool.OK)
    assert found["pairs"] == len(source.values)

    victim = next((row for row in tool.inspect(named)["tensors"] if row["bytes"] > 0), None)
    if victim is None:
        return
    flip_bit(named, victim["stored_name"])
    found = diff(source.v3, named, *config, expect=tool.DIFFERS)
    changes = [(c["kind"], c["a"]["name"], c["different"]) for c in found["tensors"]]
    assert changes == [("values", victim["name"], 1)]


def test_two_sessions_of_one_model(workshop, tmp_path):
    """Other values in the same architecture: every weight differs, and no other thing does."""
    source = workshop.source(REGISTRY["nested_functional"], "keras")
    other = workshop.target(source, "keras")
    path = tmp_path / "other.weights.h5"
    other.save_weights(str(path))
    found = diff(source.v3, path, expect=tool.DIFFERS)
    assert {change["kind"] for change in found["tensors"]} == {"values"}
    assert len(found["tensors"]) == len(source.values)
    largest = max(change["largest"] for change in found["tensors"])
    mine = {slot.key: slot.value for slot in slots(other)}
    expected = max(float(np.max(np.abs(mine[key].astype("float64") - value.astype("float64"))))
                   for key, value in source.values.items() if value.size)
    assert largest == pytest.approx(expected, rel=1e-12)
    assert diff(source.v3, path, "--tol", largest, expect=tool.OK)["same"]
    below = np.nextafter(largest, 0)
    assert len(diff(source.v3, path, "--tol", repr(float(below)), expect=tool.DIFFERS)["tensors"]) == 1


def random_npy(path, array, seed=3):
    new = np.random.default_rng(seed).standard_normal(array.shape).astype(array.dtype)
    np.save(path, new)
    return new


# Keras 3 writes no weights-only .h5.
@pytest.mark.parametrize("framework, form", [("keras", "v3"), ("keras", "whole"), ("tf_keras", "v3"),
                                             ("tf_keras", "whole"), ("tf_keras", "weights_only")])
@pytest.mark.parametrize("name", ["nested_functional", "bidirectional", "batch_normalizations"])
def test_set_in_every_keras_format(name, form, framework, workshop, tmp_path):
    """One kernel replaced, all else as it was, and the framework that wrote the file loads it."""
    source = workshop.source(REGISTRY[name], framework)
    original = getattr(source, form)
    path = tmp_path / original.name
    shutil.copy(original, path)
    key = next(key for key, value in source.values.items() if value.ndim > 0)
    new = random_npy(tmp_path / "new.npy", source.values[key])
    stored = stored_name(path, source.values[key])
    tool.run("edit", path, "set", stored, tmp_path / "new.npy", "--no-fsync")

    before, after = tree(original), tree(path)
    assert set(before) == set(after)
    assert [node for node in before if before[node] != after[node]] == [stored]
    model = workshop.target(source, framework)
    load(model, path)
    assert_weights(model, {**source.values, key: new})


def stored_name(path, value):
    found = []
    with h5py.File(path, "r") as f:
        def visit(name, node):
            if isinstance(node, h5py.Dataset) and np.asarray(node[()]).tobytes() == value.tobytes():
                found.append(name)

        f.visititems(visit)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("form", ["v3", "weights_only", "whole"])
def test_renamed_layer_is_loaded_by_name(form, workshop, tmp_path):
    """A Dense renamed in the file loads by that name into a model whose layer bears it."""
    framework = "keras" if form == "v3" else "tf_keras"
    source = workshop.source(REGISTRY["dense_without_bias"], framework)
    path = tmp_path / getattr(source, form).name
    shutil.copy(getattr(source, form), path)
    tool.run("edit", path, "rename", "last", "renamed", "--no-fsync")
    names = {row["layer"] for row in tool.inspect(path)["tensors"] if row["part"] == "weight"}
    assert names == {"first", "renamed"}
    if form == "v3":
        with h5py.File(path, "r") as f:
            assert f["layers/dense_1/vars"].attrs["name"] == "renamed"
        model = workshop.target(source, framework)
        load(model, path)
        assert_weights(model, source.values)
        return
    k = source.framework
    model = k.Sequential([k.Input((3,)), k.layers.Dense(4, use_bias=False, name="first"),
                          k.layers.Dense(2, name="renamed")])
    load(model, path, by_name=True)
    found = {slot.key[-2:]: slot.value for slot in slots(model)}
    for key, value in source.values.items():
        wanted = ("renamed", key[-1]) if key[-2] == "last" else key[-2:]
        assert found[wanted].tobytes() == value.tobytes()


def test_renamed_layer_in_a_whole_model(workshop, tmp_path):
    """The config follows, in nested graphs as well, and tf_keras rebuilds the model from the edited file."""
    source = workshop.source(REGISTRY["nested_functional"], "tf_keras")
    path = tmp_path / "whole.h5"
    shutil.copy(source.whole, path)
    with h5py.File(path, "r") as f:
        layers = json.loads(f.attrs["model_config"])["config"]["layers"]
    name = next(layer["config"]["name"] for layer in layers if layer["class_name"] == "Dense")
    tool.run("edit", path, "rename", name, "renamed", "--no-fsync")
    model = source.framework.models.load_model(str(path), compile=False)
    assert "renamed" in [layer.name for layer in model.layers]
    expected = {tuple("renamed" if part == name else part for part in key): value
                for key, value in source.values.items()}
    assert_weights(model, expected)


def test_delete_and_rename_in_safetensors(workshop, tmp_path):
    source = workshop.source(REGISTRY["nested_functional"], "keras")
    path = tmp_path / "a.safetensors"
    tool.convert(source.v3, path)
    with safe_open(path, "np") as f:
        before = {name: f.get_tensor(name) for name in f.keys()}
    biases = [name for name in before if name.endswith("/bias")]
    kernel = next(name for name in before if name.endswith("/kernel"))
    tool.run("edit", path, "delete", "**/bias", "**/bais", ";", "rename", kernel, "my kernel", "--no-fsync",
             expect=tool.USAGE)  # the second glob finds nothing
    tool.run("edit", path, "delete", "**/bias", ";", "rename", kernel, "my kernel", "--no-fsync")
    with safe_open(path, "np") as f:
        after = {name: f.get_tensor(name) for name in f.keys()}
    expected = {("my kernel" if name == kernel else name): value for name, value in before.items() if name not in biases}
    assert set(after) == set(expected)
    assert all(after[name].tobytes() == expected[name].tobytes() for name in after)


def test_deleted_optimizer_state(golden, tmp_path):
    path = tmp_path / "a.weights.h5"
    shutil.copy(golden / "keras-3.15.1-compiled-adam.weights.h5", path)
    tool.run("edit", path, "delete", "optimizer/**", "--no-fsync")
    before, after = tree(golden / "keras-3.15.1-compiled-adam.weights.h5"), tree(path)
    assert after == {name: node for name, node in before.items() if not name.startswith("optimizer")}
