# SPDX-License-Identifier: Apache-2.0
"""`inspect --json` of every file the frameworks write says what the frameworks say of it."""

import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import tool
from architectures import REGISTRY
from cases import CROSSING, KERAS3, each
from compare import datasets
from model_walk import canonical, escape, layer_paths, legacy_entries, own_variables, role_of
from names import names_without_config


def check_bytes(listing, path):
    """Each dataset once, with its dtype, shape and size; offsets, where given, point at the bytes."""
    expected = datasets(path)
    found = {item["stored_name"]: item for item in listing["tensors"]}
    assert len(found) == len(listing["tensors"])
    raw = path.read_bytes()
    for name, (dtype, shape, data) in expected.items():
        item = found.pop(name)
        assert (item["dtype"], tuple(item["shape"]), item["bytes"]) == (dtype, shape, len(data)), name
        if data and item.get("offset") is not None:
            assert raw[item["offset"]: item["offset"] + len(data)] == data, name
    assert not found
    assert listing["total_bytes"] == sum(len(data) for _, _, data in expected.values())
    assert len({item["name"] for item in listing["tensors"]}) == len(expected), "canonical names are unique"


def check_v3(source, path):
    listing = tool.inspect(path)
    assert listing["format"] == "weights_h5"
    check_bytes(listing, path)
    found = {item["stored_name"]: item for item in listing["tensors"]}
    for item in source.stored:
        entry = found[item.path]
        if id(item.owner) not in source.layers:
            assert entry["part"] == ("optimizer" if item.path.startswith("optimizer/") else "metric")
            continue
        layer, roles = names_without_config(source, item)
        assert entry["part"] == "weight"
        assert entry["layer"] == layer
        assert entry["role"] in roles
        assert entry["name"] == "/".join(part for part in (layer, entry["role"]) if part)


@each(KERAS3)
def test_keras_weights_h5(arch, workshop):
    source = workshop.source(arch, "keras")
    check_v3(source, source.v3)


@each(CROSSING)
def test_tf_keras_weights_h5(arch, workshop):
    source = workshop.source(arch, "tf_keras")
    check_v3(source, source.v3)


def legacy_owners(source):
    """id(variable) -> [(path, owner)]: a wrapper that holds its child's kernel as its own is an owner, too."""
    found = {}
    for path, layer in layer_paths(source.model).values():
        for variable in own_variables(layer):
            found.setdefault(id(variable), []).append((path, layer))
    return found


def check_legacy(source, path, whole):
    listing = tool.inspect(path)
    assert listing["format"] == "legacy_h5"
    assert listing["kind"] == ("model" if whole else "weights")
    keras_version = h5py.File(path, "r").attrs["keras_version"]
    assert listing["producer"]["keras_version"] == keras_version
    owners = legacy_owners(source)
    variables = [variable for _, variables in source.legacy for variable in variables]
    weights = [item for item in listing["tensors"] if item["part"] == "weight"]
    with h5py.File(path, "r") as f:
        entries = list(legacy_entries(f["model_weights"] if whole else f))
        assert [item["stored_name"] for item in weights] == [dataset.name.lstrip("/") for _, _, dataset in entries]
    check_bytes(listing, path)
    for item, variable, (layer_name, weight_name, _) in zip(weights, variables, entries, strict=True):
        if whole:
            places = [(canonical(where, role_of(owner, variable)), canonical(where, "")[:-1], role_of(owner, variable))
                      for where, owner in owners[id(variable)]]
            assert (item["name"], item["layer"], item["role"]) in places
        else:
            assert item["name"] == name_by_weight_name(layer_name, weight_name)


def name_by_weight_name(layer, weight):
    """Without a config: the layer name, then the parts of the weight name after it, less `:0`."""
    rest = weight.removesuffix(":0")
    if rest.startswith(layer + "/"):
        rest = rest[len(layer) + 1:]
    return "/".join([escape(layer), *rest.split("/")])


@each(CROSSING)
def test_tf_keras_whole_model(arch, workshop):
    source = workshop.source(arch, "tf_keras")
    check_legacy(source, source.whole, whole=True)


@each(KERAS3)
def test_keras3_whole_model(arch, workshop):
    source = workshop.source(arch, "keras")
    check_legacy(source, source.whole, whole=True)


@each(CROSSING)
def test_tf_keras_weights_only(arch, workshop):
    source = workshop.source(arch, "tf_keras")
    check_legacy(source, source.weights_only, whole=False)


def test_text_names_every_tensor(workshop):
    source = workshop.source(REGISTRY["nested_twice"], "keras")
    shown = tool.run("inspect", source.v3).stdout
    for item in tool.inspect(source.v3)["tensors"]:
        assert item["name"] in shown
    assert tool.run(source.v3).stdout == shown  # `ballast FILE` is `ballast inspect FILE`


def test_globs(workshop):
    source = workshop.source(REGISTRY["nested_twice"], "keras")
    listing = json.loads(tool.run("inspect", source.v3, "--json", "shallow/**").stdout)
    names = [item["name"] for item in listing["tensors"]]
    assert len(names) == 8 and all(name.startswith("shallow/") for name in names)
    tool.run("inspect", source.v3, "no/such/*", expect=tool.USAGE)


def test_numbers_survive(tmp_path):
    """Shapes and dtypes of every kind h5py writes for weights, in one file."""
    path = tmp_path / "kinds.weights.h5"
    with h5py.File(path, "w") as f:
        group = f.create_group("layers/custom/vars")
        for index, kind in enumerate(["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16",
                                      "float32", "float64", "bool", "complex64", "complex128"]):
            group[str(index)] = np.arange(index, dtype="int8").astype(kind).reshape(1, index, 1)
    listing = tool.inspect(path)
    check_bytes(listing, path)
    assert [item["stored_name"].split("/")[-1] for item in listing["tensors"]] == [str(i) for i in range(14)]


def test_an_offset_is_within_the_file_it_names(golden):
    """Members of an archive and data files of a checkpoint have offsets of their own."""
    for path in (golden / "keras-3.15.1-zip-dense.keras", golden / "tensorflow-2.21.0-dense"):
        found = json.loads(tool.run("inspect", "--json", path).stdout)
        for item in found["tensors"]:
            archive, _, member = item["file"].partition("!")
            data = zipfile.ZipFile(archive).read(member) if member else Path(archive).read_bytes()
            stored = data[item["offset"]: item["offset"] + item["bytes"]]
            value = tool.start("cat", path, item["stored_name"], "--as", "text").stdout.split("\n", 1)[1].split()
            np.testing.assert_array_equal(np.frombuffer(stored, "float32"), np.array(value, "float32"))
