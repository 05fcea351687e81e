# SPDX-License-Identifier: Apache-2.0
"""SavedModel directories of tf_keras, Keras 3's export and plain TensorFlow: what is in them, and where their weights go."""

import numpy as np
import pytest
import tool
from architectures import REGISTRY
from cases import CROSSING, by_position, each
from compare import assert_predictions, assert_weights
from frameworks import keras, tf, tf_keras
from safetensors.numpy import load_file
from workshop import load

TRACED = ["nested_functional", "bidirectional", "trained"]


def saved(source, folder, traces=False):
    path = folder / "saved"
    source.model.save(str(path), save_format="tf", save_traces=traces)
    return path


def variables(path):
    """What TensorFlow's own reader finds, as bytes in any order."""
    reader = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    return {key: np.asarray(reader.get_tensor(key)) for key in reader.get_variable_to_shape_map()
            if key != "_CHECKPOINTABLE_OBJECT_GRAPH"}


@each(CROSSING, without=["bfloat16"])
def test_to_keras3(arch, workshop, tmp_path):
    """The architecture comes out of the folder's own metadata."""
    source = workshop.source(arch, "tf_keras")
    out = tmp_path / "out.weights.h5"
    tool.convert(saved(source, tmp_path), out)
    model = workshop.target(source, "keras")
    load(model, out)
    if not by_position(arch):
        assert_weights(model, source.values)
    assert_predictions(model, source.predictions, False, arch.tolerance)


@pytest.mark.parametrize("name", TRACED)
def test_traced(name, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], "tf_keras")
    path = saved(source, tmp_path, traces=True)
    listing = tool.inspect(path)
    assert listing["format"] == "saved_model" and listing["kind"] == "model"
    metadata = listing["metadata"]
    assert metadata["kind"] == "Keras 2" and metadata["tags"] == ["serve"] and metadata["functions"] > 3
    assert metadata["tensorflow_version"] == tf.__version__
    signature = tf.saved_model.load(str(path)).signatures["serving_default"]
    theirs = {spec.name: [dim or -1 for dim in spec.shape] for spec in signature.structured_input_signature[1].values()}
    ours = {tensor["name"]: tensor["shape"] for tensor in metadata["signatures"]["serving_default"]["inputs"]}
    assert ours == theirs
    assert {t["name"] for t in metadata["signatures"]["serving_default"]["outputs"]} == set(signature.structured_outputs)
    out = tmp_path / "out.h5"
    tool.convert(path, out, "--weights-only")
    model = workshop.target(source, "tf_keras")
    model.load_weights(str(out))
    assert_weights(model, source.values)


@pytest.mark.parametrize("name", TRACED)
def test_every_tensor(name, workshop, tmp_path):
    path = saved(workshop.source(REGISTRY[name], "tf_keras"), tmp_path, traces=True)
    tool.convert(path, tmp_path / "all.safetensors")
    ours = sorted(value.tobytes() for value in load_file(tmp_path / "all.safetensors").values())
    assert ours == sorted(value.tobytes() for value in variables(path).values())


def test_training_goes_on(tmp_path):
    model = tf_keras.Sequential([tf_keras.layers.InputLayer((3,)), tf_keras.layers.Dense(4, activation="tanh"),
                                 tf_keras.layers.Dense(2)])
    model.compile(tf_keras.optimizers.Adam(0.02), "mse")
    batches = [(np.random.default_rng(i).normal(size=(4, 3)), np.random.default_rng(i).normal(size=(4, 2))) for i in range(6)]
    for x, y in batches[:3]:
        model.train_on_batch(x, y)
    model.save(str(tmp_path / "saved"), save_format="tf", save_traces=False)
    tool.convert(tmp_path / "saved", tmp_path / "out.weights.h5")
    target = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(2)])
    target.compile(keras.optimizers.Adam(0.5), "mse", jit_compile=False)
    target.optimizer.build(target.trainable_variables)
    load(target, tmp_path / "out.weights.h5")
    for x, y in batches[3:]:
        model.train_on_batch(x, y)
        target.train_on_batch(x, y)
    for ours, theirs in zip(target.get_weights(), model.get_weights()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_export_of_keras3(tmp_path):
    """Each weight is stored twice: it is listed once, by the variable's own name."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="a"), keras.layers.BatchNormalization(name="b"),
                              keras.layers.Dense(2, name="c")])
    for weight in model.weights:
        weight.assign(np.random.default_rng(len(weight.path)).normal(size=weight.shape))
    model.export(str(tmp_path / "exported"), verbose=False)
    done = tool.convert(tmp_path / "exported", tmp_path / "x.safetensors")
    assert "second copies" in done.stderr
    found = load_file(tmp_path / "x.safetensors")
    theirs = {weight.path: np.asarray(weight) for weight in model.weights}
    assert set(found) == set(theirs)
    assert all(found[name].tobytes() == value.tobytes() for name, value in theirs.items())


def test_plain_tensorflow(tmp_path):
    module = tf.Module()
    module.v = tf.Variable([[1.5, -2.0]])
    module.parts = [tf.Variable(3, dtype=tf.int64)]
    (tmp_path / "words.txt").write_text("a\nb\n")
    module.words = tf.saved_model.Asset(str(tmp_path / "words.txt"))
    tf.saved_model.save(module, str(tmp_path / "saved"))
    listing = tool.inspect(tmp_path / "saved")
    assert {t["name"]: t["shape"] for t in listing["tensors"]} == {"v": [1, 2], "parts/0": []}
    assert listing["metadata"]["assets"] == 1
    refused = tool.run("convert", tmp_path / "saved", tmp_path / "x.safetensors", "--no-fsync", expect=tool.REFUSED)
    assert "--allow-loss assets" in refused.stderr
    tool.convert(tmp_path / "saved", tmp_path / "x.safetensors", "--allow-loss", "assets")
    assert load_file(tmp_path / "x.safetensors")["v"].tolist() == [[1.5, -2.0]]


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "metadata"])
def test_damage_is_told(damage, tmp_path):
    model = tf_keras.Sequential([tf_keras.layers.InputLayer((3,)), tf_keras.layers.Dense(4)])
    path = tmp_path / "saved"
    model.save(str(path), save_format="tf", save_traces=False)
    name = "keras_metadata.pb" if damage == "metadata" else "saved_model.pb"
    whole = (path / name).read_bytes()
    broken = {"cut": whole[:-3], "noise": b"\xff" * 100, "empty": b"", "metadata": whole[: len(whole) // 2]}[damage]
    (path / name).write_bytes(broken)
    done = tool.run("convert", path, tmp_path / "x.safetensors", "--no-fsync", expect=tool.DAMAGED)
    assert name in done.stderr
    assert not (tmp_path / "x.safetensors").exists()
