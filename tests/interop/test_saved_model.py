# SPDX-License-Identifier: Apache-2.0
"""SavedModel directories of tf_keras, Keras 3's export and plain TensorFlow: what is in them, and where their weights go."""

import filecmp

import numpy as np
import pytest
import tool
from architectures import REGISTRY, predict
from cases import CROSSING, SHARP, by_position, each
from compare import assert_predictions, assert_weights
from frameworks import keras, tf, tf_keras
from safetensors.numpy import load_file, save_file
from randomise import randomise
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


@each([a for a in SHARP if a in CROSSING], without=["bfloat16"])
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


# ---- writing ---------------------------------------------------------------------------------------------------------

# Not among them: tf_keras cannot load its own SavedModel of a SpectralNormalization without traces, and a user's class needs
# custom_objects.
REVIVED = [REGISTRY[name] for name in (
    "nested_functional", "time_distributed", "cells", "shared_model", "adapted_normalization", "odd_names", "frozen_nested",
    "trained")]


def others(path):
    """Everything but the variables, and the fingerprint that has a hash of them: names and bytes."""
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*")
            if p.is_file() and p.parent.name != "variables" and p.name != "fingerprint.pb"}


def fingerprint(path):
    return tf.saved_model.experimental.read_fingerprint(str(path))


def assert_equal_models(loaded, model):
    assert type(loaded) is type(model)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert len(loaded.weights) == len(model.weights) and len(loaded.trainable_weights) == len(model.trainable_weights)
    for ours, theirs in zip(loaded.get_weights(), model.get_weights()):
        assert ours.dtype == theirs.dtype and ours.tobytes() == theirs.tobytes()
    for ours, theirs in zip(tf.nest.flatten(predict(loaded)), tf.nest.flatten(predict(model))):
        assert np.asarray(ours).tobytes() == np.asarray(theirs).tobytes()


@each(REVIVED)
def test_written_from_a_whole_model(arch, workshop, tmp_path):
    source = workshop.source(arch, "tf_keras")
    path = tmp_path / "saved"
    tool.convert(source.whole, path, "--to", "saved_model")
    loaded = tf_keras.models.load_model(str(path))
    assert_equal_models(loaded, source.model)
    tf.saved_model.load(str(path))
    if arch.name == "trained":  # tf_keras restores the state once the optimizer has its variables
        loaded.optimizer.build(loaded.trainable_variables)
        state = [v.numpy().tobytes() for v in loaded.optimizer.variables]
        assert state == [v.numpy().tobytes() for v in source.model.optimizer.variables]
        tool.convert(source.whole, f"{tmp_path}/bare/", "--to", "tf", "--without-optimizer")
        assert not any("optimizer" in key for key in variables(tmp_path / "bare"))
    # And back: the folder tells its own architecture.
    tool.convert(path, tmp_path / "back.h5", "--weights-only")
    target = workshop.target(source, "tf_keras")
    target.load_weights(str(tmp_path / "back.h5"))
    assert_weights(target, source.values)


def test_other_weights_in_a_traced_model(workshop, tmp_path):
    source = workshop.source(REGISTRY["trained"], "tf_keras")
    path = saved(source, tmp_path, traces=True)
    first = fingerprint(path)
    wanted = workshop.target(source, "tf_keras")
    wanted.save(str(tmp_path / "new.h5"))
    x = np.random.default_rng(7).normal(size=(4, 3)).astype("f4")
    for out in (tmp_path / "out", path):
        tool.convert(tmp_path / "new.h5", out, "--to", "saved_model", "--like", path, "-f")
        if out != path:
            assert others(out) == others(path) and filecmp.dircmp(out, path).left_list == filecmp.dircmp(out, path).right_list
        served = tf.saved_model.load(str(out)).signatures["serving_default"](tf.constant(x))
        np.testing.assert_allclose(next(iter(served.values())), wanted(x), rtol=1e-6)
        assert_equal_models(tf_keras.models.load_model(str(out)), wanted)
        # What it says of the variables is what TensorFlow's hash says; all else is as it was.
        now = fingerprint(out)
        assert now.checkpoint_hash != first.checkpoint_hash and now.saved_object_graph_hash == first.saved_object_graph_hash
        assert (now.saved_model_checksum, now.version) == (first.saved_model_checksum, first.version)
        with open(out / "variables/variables.index", "rb") as f:
            assert now.checkpoint_hash == int.from_bytes(tf.fingerprint([f.read()])[0].numpy(), "little")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.h5", "out", "saved"]
    # Without other weights it is a copy.
    tool.convert(path, tmp_path / "copy", "--to", "saved_model")
    assert fingerprint(tmp_path / "copy") == fingerprint(path)
    copied = variables(tmp_path / "copy")
    assert {k: v.tobytes() for k, v in copied.items()} == {k: v.tobytes() for k, v in variables(path).items()}


def test_other_weights_in_an_export_of_keras3(tmp_path):
    def build():
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="a"), keras.layers.BatchNormalization(name="b"),
                                 keras.layers.Dense(2, name="c")])

    build().export(str(tmp_path / "exported"), verbose=False)
    model = build()
    randomise(model, 8)
    model.save(str(tmp_path / "new.keras"))
    tool.convert(tmp_path / "new.keras", tmp_path / "out", "--to", "saved_model", "--like", tmp_path / "exported")
    x = np.random.default_rng(7).normal(size=(4, 3)).astype("f4")
    loaded = tf.saved_model.load(str(tmp_path / "out"))
    np.testing.assert_allclose(loaded.serve(x), model(x), rtol=1e-5, atol=1e-6)
    theirs = sorted(np.asarray(weight).tobytes() for weight in model.weights)
    found = variables(tmp_path / "out")
    for folder in ("variables/", "_all_variables/"):
        assert sorted(value.tobytes() for key, value in found.items() if key.startswith(folder)) == theirs


def test_what_is_not_written(workshop, tmp_path):
    source = workshop.source(REGISTRY["nested_functional"], "tf_keras")
    path = tmp_path / "saved"
    refused = tool.run("convert", source.whole, path, "--to", "saved_model", "--as", "traced", expect=tool.REFUSED)
    assert "tracing" in refused.stderr and "--like" in refused.stderr
    tool.convert(source.whole, path, "--to", "saved_model")
    before = others(path)
    tool.run("convert", source.whole, path, "--to", "saved_model", expect=tool.REFUSED)
    (path / "notes.txt").write_text("mine")
    kept = tool.run("convert", source.whole, path, "--to", "saved_model", "-f", expect=tool.REFUSED)
    assert "notes.txt" in kept.stderr
    assert others(path) == {**before, "notes.txt": b"mine"}


def test_basic_pitch(wheel_files, tmp_path):
    """A published model of TensorFlow 2.4.1 with layers of its own classes and an old optimizer."""
    path = wheel_files / "basic_pitch/saved_models/icassp_2022/nmp"
    if not path.is_dir():
        tool.lacking("no basic-pitch among the unpacked wheels; use tools/dev setup peers")
    metadata = tool.inspect(path)["metadata"]
    assert metadata["kind"] == "Keras 2" and metadata["tensorflow_version"] == "2.4.1"
    signature = metadata["signatures"]["serving_default"]
    assert [(t["name"], t["shape"]) for t in signature["inputs"]] == [("input_2", [-1, 43844, 1])]
    assert {t["name"] for t in signature["outputs"]} == {"contour", "note", "onset"}
    tool.convert(path, tmp_path / "s.safetensors", "--names", "stored")
    suffix = "/.ATTRIBUTES/VARIABLE_VALUE"
    found, expected = load_file(tmp_path / "s.safetensors"), variables(path)
    assert sorted(found) == sorted(key.removesuffix(suffix) for key in expected) and len(found) == 73
    for key, value in expected.items():
        ours = found[key.removesuffix(suffix)]
        assert ours.dtype == value.dtype and ours.shape == value.shape and ours.tobytes() == value.tobytes(), key
    # By names: layers of classes that nobody knows have no weights here, all others have theirs.
    tool.convert(path, tmp_path / "c.safetensors")
    named = load_file(tmp_path / "c.safetensors")
    assert {"conv2d_1/kernel", "contours-reduced/bias", "optimizer/m/conv2d_1/kernel"} <= set(named)
    # Other weights in it: its signature uses them.
    changed = {name: value * 0.5 if name.endswith("kernel") else value for name, value in named.items()
               if not name.startswith(("optimizer/", "keras_api/"))}
    save_file(changed, tmp_path / "new.safetensors")
    tool.convert(tmp_path / "new.safetensors", tmp_path / "out", "--to", "saved_model", "--like", path)
    assert others(tmp_path / "out") == others(path)
    x = tf.constant(np.random.default_rng(1).normal(size=(1, 43844, 1)).astype("f4"))
    ours, theirs = tf.saved_model.load(str(tmp_path / "out")), tf.saved_model.load(str(path))
    before = theirs.signatures["serving_default"](x)["note"].numpy()
    for variable in theirs.variables:
        if variable.name.endswith("kernel:0"):
            variable.assign(variable * 0.5)
    after = theirs.signatures["serving_default"](x)["note"].numpy()
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(ours.signatures["serving_default"](x)["note"], after)
