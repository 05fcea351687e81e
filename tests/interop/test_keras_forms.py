# SPDX-License-Identifier: Apache-2.0
"""The other forms of `.keras`: the folder, which Keras 3 opens, and the file of Keras 2, which tf_keras opens."""

import zipfile

import h5py
import numpy as np
import pytest
import tool
from architectures import REGISTRY
from cases import by_position
from compare import assert_predictions, assert_weights
from frameworks import fresh, keras, tf_keras

SOME = ["nested_twice", "bidirectional", "frozen_nested"]
X, Y = np.linspace(-1, 1, 16, dtype="float32").reshape(4, 4), np.ones((4, 2), "float32")


# ---- the folder ------------------------------------------------------------------------------------------------------


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("framework", ["keras", "tf_keras"])
def test_folder(framework, workshop, tmp_path):
    source = workshop.source(REGISTRY["nested_twice"], framework)
    path = source.keras_zip if framework == "keras" else source.whole
    tool.convert(path, tmp_path / "model", "--unzipped")
    tool.convert(path, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as z:
        assert files(tmp_path / "model") == {name: z.read(name) for name in z.namelist()}
    fresh(keras)
    assert_weights(keras.models.load_model(str(tmp_path / "model")), source.values)
    tool.convert(tmp_path / "model", tmp_path / "again.keras")
    assert (tmp_path / "again.keras").read_bytes() == (tmp_path / "model.keras").read_bytes()


def test_folder_that_is_there(workshop, tmp_path):
    source = workshop.source(REGISTRY["nested_twice"], "keras")
    out = tmp_path / "model"
    tool.convert(source.keras_zip, str(out) + "/", "--unzipped")
    before = files(out)
    tool.convert(source.keras_zip, out, "--unzipped", expect=tool.REFUSED)
    tool.convert(source.keras_zip, out, "--unzipped", "-f")
    (out / "mine.txt").write_text("keep")
    done = tool.convert(source.keras_zip, out, "--unzipped", "-f", expect=tool.REFUSED)
    assert "mine.txt" in done.stderr
    assert files(out) == before | {"mine.txt": b"keep"}
    for options in (["--to", "weights_h5"], ["--to", "saved_model"]):
        assert "--unzipped" in tool.convert(source.keras_zip, tmp_path / "b", "--unzipped", *options, expect=tool.USAGE).stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


# ---- the file of Keras 2 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framework, kind", [("keras", "keras_zip"), ("tf_keras", "whole"), ("tf_keras", "keras_zip")])
@pytest.mark.parametrize("name", SOME)
def test_for_tf_keras(name, framework, kind, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], framework)
    out = tmp_path / "out.keras"
    tool.convert(getattr(source, kind), out, "--flavor", "tf_keras")
    fresh(tf_keras)
    model = tf_keras.models.load_model(str(out))
    same = framework == "tf_keras"
    assert_weights(model, source.values, by_position(source.architecture) and not same)
    assert_predictions(model, source.predictions, same, source.architecture.tolerance)
    assert tool.inspect(out)["format"] == "keras"


def compiled(framework, optimizer):
    fresh(framework)
    layers = framework.layers
    first = framework.Input((4,))
    inner = framework.Sequential([layers.Dense(3), layers.BatchNormalization()])
    model = framework.Model(first, layers.Dense(2, kernel_regularizer="l2")(inner(first)))
    metrics = ["mae", framework.metrics.MeanSquaredError()]
    model.compile(optimizer(framework), framework.losses.MeanSquaredError(), metrics=metrics)
    model.train_on_batch(X, Y)
    return model


def scaled(framework):
    scaling = framework.optimizers.LossScaleOptimizer if framework is keras else framework.mixed_precision.LossScaleOptimizer
    return scaling(framework.optimizers.Adam(0.01))


OPTIMIZERS = {
    "adam": lambda framework: framework.optimizers.Adam(0.01),
    "schedule": lambda framework: framework.optimizers.SGD(framework.optimizers.schedules.ExponentialDecay(0.1, 1, 0.9), momentum=0.9),
    "loss_scale": scaled,
}


def goes_on(model, path):
    """The next step of training is the same in both."""
    loaded = tf_keras.models.load_model(str(path))
    np.testing.assert_allclose(loaded(X), model(X), atol=1e-6)
    assert len(loaded.optimizer.get_config()) > 3
    np.testing.assert_allclose(loaded.train_on_batch(X, Y), model.train_on_batch(X, Y), rtol=1e-5)
    for ours, theirs in zip(loaded.get_weights(), model.get_weights()):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", ["keras3", "h5", "keras"])
def test_training_goes_on(kind, optimizer, tmp_path):
    framework = keras if kind == "keras3" else tf_keras
    model = compiled(framework, OPTIMIZERS[optimizer])
    source = tmp_path / f"old.{'h5' if kind == 'h5' else 'keras'}"
    model.save(str(source))
    tool.convert(source, tmp_path / "new.keras", "--flavor", "tf_keras")
    goes_on(model, tmp_path / "new.keras")


def test_legacy_optimizers_start_afresh(tmp_path):
    model = compiled(tf_keras, lambda framework: framework.optimizers.legacy.Adam(0.01, decay=0.1))
    model.save(str(tmp_path / "old.h5"))
    done = tool.convert(tmp_path / "old.h5", tmp_path / "new.keras", "--flavor", "tf_keras")
    assert "starts it afresh" in done.stderr
    loaded = tf_keras.models.load_model(str(tmp_path / "new.keras"))
    assert type(loaded.optimizer) is type(model.optimizer)
    np.testing.assert_allclose(loaded(X), model(X), atol=1e-6)


def test_keras_1_goes_by_keras_3(tmp_path):
    fresh(tf_keras)
    first = tf_keras.Input((4,))
    tf_keras.Model(first, tf_keras.layers.Dense(2)(first)).save(str(tmp_path / "old.h5"))
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        file.attrs["keras_version"] = file["model_weights"].attrs["keras_version"] = b"1.2.2"
    done = tool.start("convert", tmp_path / "old.h5", tmp_path / "new.keras", "--flavor", "tf_keras", "--no-fsync")
    assert done.code != tool.OK and "Keras 1" in done.stderr and "convert to .keras first" in done.stderr
    assert not (tmp_path / "new.keras").exists()
