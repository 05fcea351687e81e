# SPDX-License-Identifier: Apache-2.0
"""Models of Keras 2 with parts that its own files do not bring back, or that only training needs."""

import numpy as np
import pytest
import tool
from frameworks import fresh, keras, tf_keras

X = np.random.default_rng(1).normal(size=(2, 3)).astype("f4")


def shared(depth, other=False):
    """A layer that nested models share with the model around them: its .keras holds the weights once."""
    layers, first = tf_keras.layers, tf_keras.Input((3,))
    both, x = layers.Dense(3, activation="tanh", name="both"), first
    for _ in range(depth):
        inside = tf_keras.Input((3,))
        x = tf_keras.Model(inside, layers.Dense(3)(both(inside)))(x)
    x = both(x)
    return tf_keras.Model(first, layers.Dense(2)(x) if other else layers.LayerNormalization()(x))


TARGETS = [("new.keras", keras), ("old.keras", tf_keras), ("old.h5", tf_keras)]


def flavor(framework):
    return ["--flavor", "tf_keras"] if framework is tf_keras else []


def test_a_layer_shared_with_a_nested_model(tmp_path):
    fresh(tf_keras)
    model = shared(1)
    model.save(tmp_path / "own.keras")
    with pytest.raises(ValueError, match="both"):
        tf_keras.models.load_model(tmp_path / "own.keras")
    for target, framework in TARGETS:
        done = tool.convert(tmp_path / "own.keras", tmp_path / target, *flavor(framework))
        assert "'both'" in done.stderr
        loaded = framework.models.load_model(tmp_path / target, compile=False)
        np.testing.assert_allclose(loaded(X), model(X), rtol=1e-5, atol=1e-6)


def test_a_shared_layer_that_numbers_hide(tmp_path):
    """tf_keras leaves out its number, and the layers behind it take others than the config tells: refused, not guessed."""
    fresh(tf_keras)
    model = shared(1, other=True)
    model.save(tmp_path / "own.keras")
    with pytest.raises(ValueError, match="both"):
        tf_keras.models.load_model(tmp_path / "own.keras")
    for target, framework in TARGETS:
        done = tool.convert(tmp_path / "own.keras", tmp_path / target, *flavor(framework), expect=tool.REFUSED)
        assert not (tmp_path / target).exists()
        if target == "old.keras":
            assert "shares a layer" in done.stderr and "save it as .h5" in done.stderr
    model.save(tmp_path / "own.h5")
    for target, framework in TARGETS[:2]:
        tool.convert(tmp_path / "own.h5", tmp_path / target, *flavor(framework))
        loaded = framework.models.load_model(tmp_path / target, compile=False)
        np.testing.assert_allclose(loaded(X), model(X), rtol=1e-5, atol=1e-6)


def recording(form):
    layers, backend, inputs = tf_keras.layers, tf_keras.backend, tf_keras.Input((3,))
    hidden = layers.Dense(4, name="hidden")(inputs)
    if form == "nested":
        inside = tf_keras.Input((4,))
        inner = tf_keras.Model(inside, layers.Dense(4)(inside))
        inner.add_loss(backend.mean(inner.output))
        hidden = inner(hidden)
    model = tf_keras.Model(inputs, [layers.Dense(2)(hidden), hidden * 2.0])
    if form == "top":
        model.add_loss(backend.mean(backend.square(hidden)))
        model.add_loss(backend.sum(model.output[1]))
        model.add_metric(backend.sum(hidden), name="total")
    return model


@pytest.mark.parametrize("suffix", [".h5", ".keras", ""])
@pytest.mark.parametrize("form", ["top", "nested"])
def test_added_losses_and_metrics(form, suffix, tmp_path):
    """Predictions stay; the loss is named."""
    fresh(tf_keras)
    model = recording(form)
    model.compile("sgd", "mse")
    model.save(tmp_path / f"a{suffix}")
    done = tool.convert(tmp_path / f"a{suffix}", tmp_path / "b.keras")
    assert "add_loss" in done.stderr and "custom_objects" not in done.stderr
    loaded = keras.models.load_model(tmp_path / "b.keras")
    assert not any(layer.name.startswith("add_") for layer in loaded.layers)
    for ours, theirs in zip(loaded(X), model(X), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop", "adagrad", "adadelta", "adamax", "ftrl", "AdamW"])
def test_an_optimizer_by_its_name_alone(name, tmp_path):
    """tf_keras writes compile("adam") as it was called: its state goes on all the same."""
    fresh(tf_keras)
    inputs = tf_keras.Input((3,))
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(2)(inputs))
    model.compile(name, "mse")
    target = np.float32([[1, -1], [2, 0]])
    for _ in range(3):
        model.train_on_batch(X, target)
    model.save(tmp_path / "a.keras")
    again = lambda: tf_keras.models.load_model(tmp_path / "a.keras")  # noqa: E731
    for path, framework, like in [("new.keras", keras, lambda: model), ("old.keras", tf_keras, again)]:
        tool.convert(tmp_path / "a.keras", tmp_path / path, *flavor(framework))
        loaded, own = framework.models.load_model(tmp_path / path), like()
        for _ in range(2):
            np.testing.assert_allclose(loaded.train_on_batch(X, target), own.train_on_batch(X, target), rtol=1e-5)
        for ours, theirs in zip(loaded.get_weights(), own.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
