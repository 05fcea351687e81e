# SPDX-License-Identifier: Apache-2.0
"""Whole-model `.h5` written from `.keras`, SavedModels and other `.h5`: opened by the framework's own load_model."""

import h5py
import numpy as np
import pytest
import tool
from architectures import REGISTRY
from cases import by_position
from compare import assert_predictions, assert_weights
from frameworks import BY_NAME, fresh, keras, tf_keras

SOME = ["nested_twice", "frozen_nested", "order_trap", "bidirectional", "odd_names", "functional_subclass"]


def opened(framework, path, **options):
    # No fresh(): it would take the optimizer of a source still in use from its variables.
    return BY_NAME[framework].models.load_model(str(path), **options)


def own_classes(model):
    own = (type(layer) for layer in [model, *model.layers])
    return {each.__name__: each for each in own if "keras" not in each.__module__.split(".")[0]}


@pytest.mark.parametrize("framework", ["keras", "tf_keras"])
@pytest.mark.parametrize("name", SOME)
def test_from_keras_files(name, framework, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], framework)
    out = tmp_path / "out.h5"
    tool.convert(source.keras_zip, out)
    model = opened(framework, out, custom_objects=own_classes(source.model), compile=False)
    assert_weights(model, source.values)
    assert_predictions(model, source.predictions, True, 0)
    with h5py.File(out, "r") as f:
        assert f.attrs["keras_version"] == f["model_weights"].attrs["keras_version"] == BY_NAME[framework].__version__


@pytest.mark.parametrize("name,kind", [("nested_twice", "whole"), ("odd_names", "keras_zip")])
def test_old_models_for_keras3(name, kind, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], "tf_keras")
    tool.convert(getattr(source, kind), tmp_path / "out.h5", "--flavor", "keras3")
    model = opened("keras", tmp_path / "out.h5", compile=False)
    assert_weights(model, source.values, by_position(source.architecture))
    assert_predictions(model, source.predictions, False, source.architecture.tolerance)


# ---- compiled models -------------------------------------------------------------------------------------------------

RATE = 0.02
OPTIMIZERS = {
    "keras": {
        "adam": lambda k: k.optimizers.Adam(RATE, amsgrad=True),
        "sgd": lambda k: k.optimizers.SGD(RATE),
        "schedule": lambda k: k.optimizers.Nadam(k.optimizers.schedules.ExponentialDecay(RATE, 10, 0.9)),
        "loss_scale": lambda k: k.optimizers.LossScaleOptimizer(k.optimizers.Adam(RATE)),
    },
    "tf_keras": {
        "adam": lambda k: k.optimizers.Adam(RATE, amsgrad=True),
        "sgd": lambda k: k.optimizers.SGD(RATE),
        "lion": lambda k: k.optimizers.Lion(RATE),
        "schedule": lambda k: k.optimizers.RMSprop(k.optimizers.schedules.ExponentialDecay(RATE, 10, 0.9)),
        "loss_scale": lambda k: k.mixed_precision.LossScaleOptimizer(k.optimizers.Adam(RATE)),
        "legacy_adam": lambda k: k.optimizers.legacy.Adam(RATE),
        "legacy_ftrl": lambda k: k.optimizers.legacy.Ftrl(RATE),
        "legacy_rmsprop": lambda k: k.optimizers.legacy.RMSprop(RATE, momentum=0.5, centered=True),
    },
}
METRICS = {"loss_scale": None, "sgd": ["mae", "accuracy"]}


def trained(framework, optimizer):
    k = BY_NAME[framework]
    fresh(k)
    layers = [k.layers.InputLayer((3,)), k.layers.Dense(4, activation="tanh"), k.layers.BatchNormalization(), k.layers.Dense(2)]
    model = k.Sequential(layers)
    loss = k.losses.Huber(delta=0.7) if optimizer == "sgd" else "mse"
    model.compile(OPTIMIZERS[framework][optimizer](k), loss, metrics=METRICS.get(optimizer, ["mae"]))
    for i in range(3):
        step(model, i)
    return model


def step(model, seed):
    rng = np.random.default_rng(seed)
    return model.train_on_batch(rng.normal(size=(4, 3)).astype("float32"), rng.normal(size=(4, 2)).astype("float32"))


def assert_goes_on(target, source):
    for i in (7, 8):
        np.testing.assert_allclose(step(target, i), step(source, i), rtol=1e-6)
    for ours, theirs in zip(target.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


def assert_same_state(found, own):
    """The same optimizer variables in the same order."""
    with h5py.File(found, "r") as f, h5py.File(own, "r") as g:
        ours, theirs = ([group[name][()] for name in group.attrs["weight_names"]]
                        for group in (f["optimizer_weights"], g["optimizer_weights"]))
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype and a.tobytes() == b.tobytes()


# tf_keras keeps the state of its legacy optimizers in SavedModels, not in .keras files.
COMPILED = [*(("keras", name, "keras") for name in OPTIMIZERS["keras"]),
            *(("tf_keras", name, "saved_model" if "legacy" in name or name == "schedule" else "keras")
              for name in OPTIMIZERS["tf_keras"])]


@pytest.mark.parametrize("framework,optimizer,kind", COMPILED)
def test_compiled_models(framework, optimizer, kind, tmp_path):
    source = trained(framework, optimizer)
    old, out, own = tmp_path / ("old.keras" if kind == "keras" else "old"), tmp_path / "new.h5", tmp_path / "own.h5"
    source.save(str(old), **({} if kind == "keras" else {"save_format": "tf", "save_traces": False}))
    source.save(str(own))
    done = tool.convert(old, out)
    assert_same_state(out, own)
    target = opened(framework, out)
    names = [metric.name for metric in source.metrics if metric.name != "loss_scale"]
    assert [metric.name for metric in target.metrics] == names[: len(target.metrics)]
    # Neither reads back all it writes: Keras 3 no state at all, tf_keras none of a LossScaleOptimizer.
    if framework == "tf_keras" and optimizer != "loss_scale":
        assert_goes_on(target, source)
    if framework == "keras":
        assert "--without-optimizer" in done.stderr
        with pytest.raises(ValueError, match="Unknown variable|Could not deserialize"):
            step(opened(framework, own), 7)
        tool.convert(old, out, "-f", "--without-optimizer")
        target = opened(framework, out)
        step(target, 7)
        assert int(target.optimizer.iterations) == 1


def test_old_compiled_models_for_keras3(tmp_path):
    source = trained("tf_keras", "adam")
    source.save(str(tmp_path / "old.keras"))
    tool.convert(tmp_path / "old.keras", tmp_path / "new.h5", "--flavor", "keras3")
    tool.convert(tmp_path / "old.keras", tmp_path / "new.keras")
    keras.saving.load_model(tmp_path / "new.keras").save(str(tmp_path / "own.h5"))
    assert_same_state(tmp_path / "new.h5", tmp_path / "own.h5")
    assert type(opened("keras", tmp_path / "new.h5").optimizer) is keras.optimizers.Adam


# ---- Keras 3's own .h5, whose nodes carry no module ------------------------------------------------------------------


@pytest.mark.parametrize("name", SOME)
def test_keras3_files_become_keras(name, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], "keras")
    out = tmp_path / "out.keras"
    tool.convert(source.whole, out)
    model = keras.saving.load_model(out)
    assert_predictions(model, source.predictions, True, 0)
    again = tmp_path / "again.keras"  # and from the .h5 that we wrote
    tool.convert(source.keras_zip, tmp_path / "out.h5")
    tool.convert(tmp_path / "out.h5", again)
    model = opened("keras", again, custom_objects=own_classes(source.model))
    assert_predictions(model, source.predictions, True, 0)


@keras.saving.register_keras_serializable("interop_h5")
class Twice(keras.layers.Layer):
    def call(self, x):
        return x + x


def test_keras3_operations_and_training(tmp_path):
    """Keras 3 itself does not open this file: it looks operations up among the layers."""
    fresh(keras)
    i = keras.Input((4,))
    x = keras.layers.Dense(4, activation="relu")(i)
    y = x * 0.5 + keras.ops.softmax(x)
    y = keras.layers.Bidirectional(keras.layers.LSTM(3))(keras.ops.expand_dims(Twice()(y), 1))
    source = keras.Model(i, keras.Sequential([keras.layers.Dense(2, kernel_regularizer="l2")])(y))
    source.compile(keras.optimizers.Adam(RATE), keras.losses.Huber(), metrics=["mae", keras.metrics.MeanSquaredError()])
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(6, 4)).astype("float32"), rng.normal(size=(6, 2)).astype("float32")
    source.train_on_batch(x, y)
    source.save(str(tmp_path / "own.h5"))
    with pytest.raises(ValueError):
        keras.models.load_model(str(tmp_path / "own.h5"))
    done = tool.convert(tmp_path / "own.h5", tmp_path / "new.keras")
    assert "interop_h5>Twice" in done.stderr
    target = keras.saving.load_model(tmp_path / "new.keras")
    assert int(target.optimizer.iterations) == 1
    for _ in range(2):
        np.testing.assert_allclose(target.train_on_batch(x, y), source.train_on_batch(x, y), rtol=1e-6)
    np.testing.assert_allclose(target.predict(x, verbose=0), source.predict(x, verbose=0), rtol=1e-6)


def test_weights_and_a_config_stay_weights(workshop, tmp_path):
    """Only a config that came with the weights makes a whole model; one that is lent names and orders them."""
    source = workshop.source(REGISTRY["nested_twice"], "tf_keras")
    tool.convert(source.v3, tmp_path / "out.h5", "--config", source.config)
    with h5py.File(tmp_path / "out.h5", "r") as f:
        assert "model_config" not in f.attrs and "layer_names" in f.attrs
    assert tf_keras.__version__ in tool.inspect(tmp_path / "out.h5")["producer"]["keras_version"]


@pytest.mark.parametrize("target", ["new.keras", "new.h5", "new.weights.h5", "new.safetensors"])
def test_a_programs_own_text_beside_the_model(target, tmp_path):
    """medaka keeps what its labels mean beside the model, as text: no tensor, and nothing that Keras reads."""
    fresh(tf_keras)
    model = tf_keras.Sequential([tf_keras.Input((3,)), tf_keras.layers.Dense(2)])
    model.save(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as f:
        f["labels"] = ["a", "b"]
        f["program/kwargs"] = "gru_size: 128"
        f["program/fixed"] = np.array([b"x", b"yz"])
        f["program/nothing"] = h5py.Empty("float32")
    done = tool.convert(tmp_path / "a.h5", tmp_path / target)
    assert all(f"'{name}' is" in done.stderr for name in ("labels", "program/kwargs", "program/fixed", "program/nothing"))
    if target == "new.keras":
        given = np.ones((2, 3), "float32")
        np.testing.assert_allclose(keras.models.load_model(tmp_path / target).predict(given), model.predict(given), rtol=1e-6)
    with h5py.File(tmp_path / "a.h5", "a") as f:
        f["numbers"] = np.arange(3)  # a tensor, which must not be left behind without consent
    if target != "new.safetensors":
        tool.convert(tmp_path / "a.h5", tmp_path / target, "-f", expect=tool.REFUSED)


def test_a_class_that_keras_3_exports_under_another_name(tmp_path):
    fresh(keras)
    inputs = keras.Input((6, 4))
    model = keras.Model(inputs, keras.layers.GroupQueryAttention(2, 4, 2)(inputs, inputs))
    model.save(tmp_path / "a.h5")
    done = tool.convert(tmp_path / "a.h5", tmp_path / "b.keras")
    assert "custom_objects" not in done.stderr
    given = np.random.default_rng(3).normal(size=(2, 6, 4))
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "b.keras")(given), model(given), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("file", ["a.h5", "a"])
@pytest.mark.parametrize("trainable", [True, False])
def test_kernels_of_one_name_and_another_role(file, trainable, tmp_path):
    """Both layers of a nested model call a kernel depthwise_kernel; of one of them it is the kernel."""
    fresh(tf_keras)
    layers, inputs = tf_keras.layers, tf_keras.Input((8, 8, 3))
    inner = tf_keras.Sequential([tf_keras.Input((8, 8, 3)), layers.SeparableConv2D(3, 3), layers.DepthwiseConv2D(2), layers.SeparableConv2D(2, 2)])
    inner.layers[1].trainable = trainable
    model = tf_keras.Model(inputs, inner(inputs))
    random = np.random.default_rng(6)
    model.set_weights([random.uniform(-1, 1, w.shape) for w in model.get_weights()])
    model.save(tmp_path / file, **({"save_format": "tf"} if file == "a" else {}))
    given = random.uniform(-1, 1, (2, 8, 8, 3)).astype("float32")
    for target in ("b.keras", "b.h5"):
        done = tool.convert(tmp_path / file, tmp_path / target)
        assert "not used" not in done.stderr
        loaded = (keras if target == "b.keras" else tf_keras).models.load_model(tmp_path / target)
        np.testing.assert_allclose(loaded.predict(given, verbose=0), model.predict(given, verbose=0), rtol=1e-5, atol=1e-5)


def test_an_array_in_the_config(tmp_path):
    """Embeddings that begin as a given matrix: a .keras holds it as an array, which tf_keras does not read in an .h5, not even its own."""
    fresh(tf_keras)
    matrix = np.arange(15, dtype="float32").reshape(5, 3)
    layer = tf_keras.layers.Embedding(5, 3, embeddings_initializer=tf_keras.initializers.Constant(matrix))
    model = tf_keras.Sequential([tf_keras.Input((4,)), layer])
    model.save(tmp_path / "a.keras")
    tool.convert(tmp_path / "a.keras", tmp_path / "b.h5")
    tool.convert(tmp_path / "a.keras", tmp_path / "c.keras")
    given = np.array([[0, 4, 2, 1]])
    for loaded in (tf_keras.models.load_model(str(tmp_path / "b.h5")), keras.models.load_model(tmp_path / "c.keras")):
        np.testing.assert_array_equal(loaded(given), matrix[given])
        config = loaded.layers[-1].get_config()["embeddings_initializer"]["config"]["value"]
        np.testing.assert_array_equal(np.ravel(config["config"]["value"] if isinstance(config, dict) else config), np.ravel(matrix))
