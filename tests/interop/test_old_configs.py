# SPDX-License-Identifier: Apache-2.0
"""Configs as Keras 1 and Keras 2.0 to 2.2 wrote them, in whole files: the model that tf_keras builds today says what is right."""

import json

import h5py
import numpy as np
import pytest
import tool
from frameworks import fresh, keras, tf_keras
from migrate_judge import inputs_of, leaves, randomise

L = tf_keras.layers
# What these versions did not write down, by class; all: what none of them knew.
UNKNOWN = {"*": ("dtype", "module", "registered_name", "build_config", "time_major", "groups", "ragged", "optional"),
           "LSTM": ("time_major", "recurrent_activation"), "GRU": ("reset_after", "recurrent_activation"),
           "SimpleRNN": ("implementation",), "Embedding": (), "Dropout": ("noise_shape", "seed")}


def old_config(node):
    """A config of Keras 2.0: Sequential a bare list, the first layer with batch_input_shape, no input layer, fewer keys."""
    if isinstance(node, list):
        return [old_config(item) for item in node]
    if not isinstance(node, dict):
        return node
    name = node.get("class_name", "")
    lost = UNKNOWN["*"] + UNKNOWN.get(name, ())
    if name == "InputLayer":
        return {**node, "config": {key: value for key, value in node["config"].items() if key in ("batch_input_shape", "dtype", "sparse", "name")}}
    found = {key: old_config(value) for key, value in node.items() if key not in lost}
    if isinstance(node.get("config"), dict):
        found["config"] = old_config({key: value for key, value in node["config"].items() if key not in lost})
    if name == "Sequential":
        layers = node["config"]["layers"]
        inner = [old_config(item) for item in layers if item["class_name"] != "InputLayer"]
        if layers[0]["class_name"] == "InputLayer" and isinstance(inner[0]["config"], dict):
            inner[0]["config"] = {"batch_input_shape": layers[0]["config"]["batch_input_shape"],
                                  "dtype": layers[0]["config"]["dtype"], **inner[0]["config"]}
        found["config"] = inner
    if name == "Functional":
        found["class_name"] = "Model"
    return found


def dense():
    return tf_keras.Sequential([tf_keras.Input((4,)), L.Dense(5, activation="relu"), L.Dropout(0.5), L.BatchNormalization(), L.Dense(2)])


def convolutions():
    return tf_keras.Sequential([tf_keras.Input((8, 8, 3)), L.SeparableConv2D(4, 3, activation="relu"), L.MaxPooling2D(), L.ZeroPadding2D(),
                                L.Conv2DTranspose(2, 2), L.LeakyReLU(0.1), L.Flatten(), L.Dense(3, kernel_regularizer="l2")])


def recurrent():
    return tf_keras.Sequential([tf_keras.Input((5, 3)), L.LSTM(4, return_sequences=True, recurrent_activation="hard_sigmoid"),
                                L.Bidirectional(L.GRU(3, reset_after=False, recurrent_activation="hard_sigmoid", return_sequences=True)),
                                L.TimeDistributed(L.Dense(4)), L.SimpleRNN(2)])


def words():
    return tf_keras.Sequential([tf_keras.Input((5,)), L.Embedding(9, 4), L.Conv1D(3, 2), L.GlobalMaxPooling1D(), L.Dense(1)])


def graph():
    a, b, both = tf_keras.Input((4,), name="a"), tf_keras.Input((4,), name="b"), L.Dense(3, name="both")
    return tf_keras.Model([a, b], [L.Concatenate()([both(a), both(b)]), L.Dot(axes=1)([a, b])])


def nested():
    inner = tf_keras.Sequential([tf_keras.Input((4,)), L.Dense(4), L.Activation("relu")], name="stack")
    entry = tf_keras.Input((4,), name="inner_in")
    functional = tf_keras.Model(entry, L.Dense(4)(entry), name="inner")
    a = tf_keras.Input((4,), name="a")
    return tf_keras.Model(a, L.Add()([inner(functional(a)), functional(inner(a))]))


def sequential_in_sequential():
    return tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.Sequential([tf_keras.Input((4,)), L.Dense(3), L.BatchNormalization()], name="first"),
                                tf_keras.Sequential([tf_keras.Input((3,)), L.Dense(2)], name="second")])


MODELS = {"dense": dense, "convolutions": convolutions, "recurrent": recurrent, "words": words, "graph": graph, "nested": nested,
          "sequential_in_sequential": sequential_in_sequential}


def judge(source, model, tmp_path, given):
    tool.run("migrate", source, "--out-dir", tmp_path / "new", "--no-fsync")
    fresh(keras)
    new = keras.models.load_model(str(tmp_path / "new" / (source.stem + ".keras")), compile=False)
    assert sorted(np.asarray(w).tobytes() for w in new.weights if "seed" not in w.path) == sorted(w.numpy().tobytes() for w in model.weights)
    for ours, theirs in zip(leaves(new(given, training=False)), leaves(model(given, training=False)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("version", ["2.0.8", "2.2.2"])
@pytest.mark.parametrize("name", MODELS)
def test_keras_2_0_to_2_2(name, version, tmp_path):
    fresh(tf_keras)
    model = MODELS[name]()
    randomise(model, 7)
    source = tmp_path / "old.h5"
    model.save(str(source))
    with h5py.File(source, "a") as f:
        f.attrs["model_config"] = json.dumps(old_config(json.loads(f.attrs["model_config"]))).encode()
        f.attrs["keras_version"] = f["model_weights"].attrs["keras_version"] = version.encode()
    judge(source, model, tmp_path, inputs_of(model, 1))


# ---- Keras 1 ---------------------------------------------------------------------------------------------------------

MODES = {"sum": L.Add, "mul": L.Multiply, "ave": L.Average, "max": L.Maximum, "concat": L.Concatenate, "dot": lambda: L.Dot(1)}


def functional_of_keras1(mode):
    """Two inputs, a layer each, a Merge: references are triples, and the Merge stands in for today's merging layers."""
    def entry(name):
        return {"class_name": "InputLayer", "name": name, "inbound_nodes": [],
                "config": {"batch_input_shape": [None, 4], "input_dtype": "float32", "sparse": False, "name": name}}

    def fully(name, source):
        return {"class_name": "Dense", "name": name, "inbound_nodes": [[[source, 0, 0]]],
                "config": {"name": name, "trainable": True, "output_dim": 3, "init": "glorot_uniform", "activation": "tanh", "bias": True,
                           "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01}, "b_regularizer": None,
                           "activity_regularizer": None, "W_constraint": {"name": "MaxNorm", "m": 2, "axis": 0}, "b_constraint": None,
                           "input_dim": 4}}

    merge = {"class_name": "Merge", "name": "merge", "inbound_nodes": [[["left", 0, 0], ["right", 0, 0]]],
             "config": {"name": "merge", "mode": mode, "mode_type": "raw", "concat_axis": -1, "dot_axes": 1 if mode == "dot" else -1,
                        "output_shape": None, "output_shape_type": "raw", "output_mask": None, "output_mask_type": "raw", "arguments": {}}}
    return {"class_name": "Model", "keras_version": "1.2.2", "config": {
        "name": "model_1", "layers": [entry("a"), entry("b"), fully("left", "a"), fully("right", "b"), merge],
        "input_layers": [["a", 0, 0], ["b", 0, 0]], "output_layers": [["merge", 0, 0]]}}


@pytest.mark.parametrize("mode", MODES)
def test_merge_of_keras_1(mode, tmp_path):
    fresh(tf_keras)
    a, b = tf_keras.Input((4,), name="a"), tf_keras.Input((4,), name="b")
    model = tf_keras.Model([a, b], MODES[mode]()([L.Dense(3, "tanh", name="left")(a), L.Dense(3, "tanh", name="right")(b)]))
    randomise(model, 7)
    source = tmp_path / "old.h5"
    with h5py.File(source, "w") as f:
        f.attrs["model_config"] = json.dumps(functional_of_keras1(mode)).encode()
        f.attrs["keras_version"] = b"1.2.2"
        weights = f.create_group("model_weights")
        weights.attrs["layer_names"] = [b"a", b"b", b"left", b"right", b"merge"]
        for name in ("a", "b", "left", "right", "merge"):
            group = weights.create_group(name)
            own = model.get_layer(name).get_weights() if name in ("left", "right") else []
            group.attrs["weight_names"] = np.array([f"{name}_{key}:0".encode() for key in "Wb"[:len(own)]], dtype="S16")
            for key, value in zip("Wb", own):
                group[f"{name}_{key}:0"] = value
    judge(source, model, tmp_path, inputs_of(model, 1))


def test_merge_at_the_head_of_a_sequential(tmp_path):
    """It has two inputs, which no Sequential of Keras 3 has."""
    branch = {"class_name": "Sequential", "config": [{"class_name": "Dense", "config": {
        "name": "d", "output_dim": 3, "input_dim": 4, "batch_input_shape": [None, 4]}}]}
    config = {"class_name": "Sequential", "keras_version": "1.2.2", "config": [
        {"class_name": "Merge", "config": {"name": "merge_1", "mode": "concat", "concat_axis": -1, "layers": [branch, branch]}},
        {"class_name": "Dense", "config": {"name": "head", "output_dim": 2}}]}
    with h5py.File(tmp_path / "old.h5", "w") as f:
        f.attrs["model_config"], f.attrs["keras_version"] = json.dumps(config).encode(), b"1.2.2"
        f.create_group("model_weights").attrs["layer_names"] = np.array([b"head"])
        f["model_weights"].create_group("head").attrs["weight_names"] = np.array([b"head_W:0", b"head_b:0"])
        f["model_weights/head/head_W:0"], f["model_weights/head/head_b:0"] = np.ones((6, 2), "f4"), np.ones(2, "f4")
    done = tool.start("convert", tmp_path / "old.h5", tmp_path / "new.keras")
    assert done.code == tool.REFUSED and not (tmp_path / "new.keras").exists(), done
    assert "Merge" in done.stderr, done
