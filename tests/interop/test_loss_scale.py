# SPDX-License-Identifier: Apache-2.0
"""Loss scaling: the optimizer within goes on in every form that its framework reads it from."""

import numpy as np
import pytest
import tool
from frameworks import fresh, keras, tf_keras

X = np.random.default_rng(0).normal(size=(6, 3)).astype("f4")
Y = np.random.default_rng(1).normal(size=(6, 2)).astype("f4")

INNER = {
    "adam": lambda k: k.optimizers.Adam(0.02),
    "sgd": lambda k: k.optimizers.SGD(0.02),
    "schedule": lambda k: k.optimizers.RMSprop(k.optimizers.schedules.ExponentialDecay(0.02, 10, 0.9)),
}


def trained(k, inner, steps=3):
    fresh(k)
    scaling = k.optimizers.LossScaleOptimizer if k is keras else k.mixed_precision.LossScaleOptimizer
    layers = [k.layers.InputLayer((3,)), k.layers.Dense(4, activation="tanh", dtype="mixed_float16"),
              k.layers.BatchNormalization(dtype="mixed_float16"), k.layers.Dense(2, dtype="float32")]
    model = k.Sequential(layers)
    model.compile(scaling(INNER[inner](k), initial_scale=1024.0), "mse", run_eagerly=True)
    for _ in range(steps):
        model.train_on_batch(X, Y)
    return model


def step(model):
    """The loss of one more step, the weights behind it and the number of steps."""
    model.run_eagerly = True
    loss = float(model.train_on_batch(X, Y))
    return loss, [np.asarray(w) for w in model.get_weights()], int(model.optimizer.iterations)


def assert_goes_on(found, expected):
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    for ours, theirs in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert found[2] == expected[2] == 4


@pytest.mark.parametrize("inner", INNER)
def test_keras3_models_go_on(inner, tmp_path):
    source = trained(keras, inner)
    source.save(tmp_path / "own.keras")
    source.save(str(tmp_path / "own.h5"))
    expected = step(source)
    done = tool.convert(tmp_path / "own.keras", tmp_path / "old.h5", "--flavor", "tf_keras")
    assert "starts afresh there" in done.stderr
    tool.convert(tmp_path / "own.keras", tmp_path / "old", "--to", "saved_model")
    tool.convert(tmp_path / "own.keras", tmp_path / "old.keras", "--flavor", "tf_keras")
    for old in ("old", "old.keras"):
        assert_goes_on(step(tf_keras.models.load_model(str(tmp_path / old))), expected)
    for old in ("old.h5", "old", "old.keras", "own.h5"):
        tool.convert(tmp_path / old, tmp_path / "back.keras", "-f")
        assert_goes_on(step(keras.saving.load_model(tmp_path / "back.keras")), expected)


@pytest.mark.parametrize("inner", INNER)
def test_tf_keras_models_go_on(inner, tmp_path):
    source = trained(tf_keras, inner)
    for name in ("own.keras", "own.h5", "own"):
        source.save(str(tmp_path / name))
    expected = step(source)
    for own in ("own.keras", "own.h5", "own"):
        tool.convert(tmp_path / own, tmp_path / "new.keras", "-f")
        assert_goes_on(step(keras.saving.load_model(tmp_path / "new.keras")), expected)
        if own != "own.keras":
            tool.convert(tmp_path / own, tmp_path / "old.keras", "-f", "--flavor", "tf_keras")
            assert_goes_on(step(tf_keras.models.load_model(str(tmp_path / "old.keras"))), expected)
    for own in ("own.keras", "own.h5"):
        tool.convert(tmp_path / own, tmp_path / "checkpoint", "-f", "--to", "tf_checkpoint")
        target = trained(tf_keras, inner, 0)
        target.load_weights(str(tmp_path / "checkpoint"))
        assert_goes_on(step(target), expected)
        tool.convert(tmp_path / own, tmp_path / "folder", "-f", "--to", "saved_model")
        assert_goes_on(step(tf_keras.models.load_model(str(tmp_path / "folder"))), expected)
