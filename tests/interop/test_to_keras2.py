# SPDX-License-Identifier: Apache-2.0
"""Whole models of Keras 3 for tf_keras: `.keras` to whole `.h5 --flavor tf_keras`, opened by its own load_model."""

import numpy as np
import pytest
import tool
from architectures import REGISTRY
from cases import BYTES_ONLY_LEGACY, CROSSING, by_position, each
from compare import assert_predictions, assert_weights
from frameworks import fresh, keras, tf, tf_keras
from test_whole_h5 import own_classes

FLAVOR = ("--flavor", "tf_keras")
# What tf_keras has no class or no way to say for; the tool names the layer.
REFUSED = {"odd_names": "my odd name"}


@each(CROSSING, without=["chunked"])
def test_from_keras_files(arch, workshop, tmp_path):
    source = workshop.source(arch, "keras")
    out = tmp_path / "out.h5"
    if arch.name in REFUSED:
        done = tool.convert(source.keras_zip, out, *FLAVOR, expect=tool.REFUSED)
        assert REFUSED[arch.name] in done.stderr and not out.exists()
        return
    done = tool.convert(source.keras_zip, out, *FLAVOR)
    if arch.name in BYTES_ONLY_LEGACY:
        return
    twin = workshop.source(arch, "tf_keras").model if arch.name == "functional_subclass" else source.model
    classes = own_classes(twin)
    if arch.name == "spectral_normalization":  # tf_keras 2.21 does not open its own .h5 of it without, either
        assert "SpectralNormalization" in done.stderr
        classes["SpectralNormalization"] = tf_keras.layers.SpectralNormalization
    model = tf_keras.models.load_model(str(out), custom_objects=classes, compile=False)
    assert_weights(model, source.values, by_position(arch))
    assert_predictions(model, source.predictions, False, arch.tolerance)


def graph():
    """Operations, masks, states, arguments by position, nested models: what a graph of Keras 3 writes otherwise."""
    fresh(keras)
    L = keras.layers
    ids, state = keras.Input((5,), dtype="int32", name="ids"), keras.Input((4,), name="state")
    x = L.Embedding(9, 4, mask_zero=True, name="embedded")(ids)
    seen = L.MultiHeadAttention(2, 3, name="attention")(x, x)
    pooled = L.GlobalAveragePooling1D(name="pooled")(seen)
    # Given a mask and states, Keras 3 forgets the mask: the states are tried on a sequence without one.
    plain = L.Embedding(9, 4, name="unmasked")(ids)
    y = L.Concatenate(name="joined")([L.GRU(4, name="gru")(plain, initial_state=state), pooled, L.LSTM(2, name="lstm")(x)])
    y = keras.ops.relu(1.0 - y * 0.5 + state[:, :1]) / 3.0
    y = keras.ops.reshape(keras.ops.mean(keras.ops.stack([y, y * y], axis=1), axis=1), (-1, 10))[:, 1:]
    inner = keras.Sequential([L.Dense(3, activation="silu"), L.LeakyReLU(negative_slope=0.2)], name="inner")
    part = keras.Input((3,))
    nested = keras.Model(part, L.Dense(3)(part), name="nested")
    return keras.Model([ids, state], [nested(inner(y)), nested(nested(inner(y)))], name="whole")


def inputs():
    rng = np.random.default_rng(4)
    return [rng.integers(0, 9, (6, 5)).astype("int32"), rng.normal(size=(6, 4)).astype("float32")]


@pytest.mark.parametrize("kind", ["h5", "saved_model"])
def test_graphs(kind, tmp_path):
    source = graph()
    source.save(tmp_path / "source.keras")
    out = tmp_path / ("out.h5" if kind == "h5" else "out")
    done = tool.convert(tmp_path / "source.keras", out, *(FLAVOR if kind == "h5" else ("--to", "saved_model")))
    assert "gru" in done.stderr and "mask" in done.stderr
    model = tf_keras.models.load_model(str(out), compile=False)
    for ours, theirs in zip(model.predict(inputs(), verbose=0), source.predict(inputs(), verbose=0), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def small(optimizer):
    fresh(keras)
    L = keras.layers
    model = keras.Sequential([keras.Input((3,)), L.Dense(4, activation="tanh"), L.Dense(2)])
    model.compile(optimizer, "mse", metrics=["mae", keras.metrics.MeanSquaredError(name="square")], run_eagerly=True)
    return model


def step(model, seed):
    rng = np.random.default_rng(seed)
    return model.train_on_batch(rng.normal(size=(4, 3)).astype("float32"), rng.normal(size=(4, 2)).astype("float32"))


SCHEDULE = keras.optimizers.schedules.ExponentialDecay(0.03, 2, 0.5)
OPTIMIZERS = {
    "adam": lambda k: k.Adam(0.03), "amsgrad": lambda k: k.Adam(SCHEDULE, amsgrad=True), "adamw": lambda k: k.AdamW(0.03),
    "momentum": lambda k: k.SGD(0.03, momentum=0.9, nesterov=True), "rmsprop": lambda k: k.RMSprop(0.03, momentum=0.5, centered=True),
    "adagrad": lambda k: k.Adagrad(0.03), "adadelta": lambda k: k.Adadelta(0.03), "adamax": lambda k: k.Adamax(0.03),
    "ftrl": lambda k: k.Ftrl(0.03), "lion": lambda k: k.Lion(0.03), "adafactor": lambda k: k.Adafactor(0.03),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_compiled_models_go_on(name, tmp_path):
    source = small(OPTIMIZERS[name](keras.optimizers))
    for i in range(3):
        step(source, i)
    source.save(tmp_path / "source.keras")
    tool.convert(tmp_path / "source.keras", tmp_path / "out.h5", *FLAVOR)
    model = tf_keras.models.load_model(str(tmp_path / "out.h5"))
    assert int(model.optimizer.iterations.numpy()) == 3
    model.run_eagerly = True
    for i in range(3, 6):
        np.testing.assert_allclose(step(model, i)[0], step(source, i)[0], rtol=1e-5)
    for ours, theirs in zip(model.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_what_keras_2_lacks_is_named(tmp_path):
    L = keras.layers
    for layer, text in [(L.Activation("hard_sigmoid", name="gate"), "gate"), (L.Dense(2, activation="log_sigmoid", name="late"), "late"),
                        (L.RMSNormalization(name="new"), "new"), (L.Lambda(lambda x: x, name="code"), "code")]:
        keras.Sequential([keras.Input((3,)), layer]).save(tmp_path / "source.keras")
        done = tool.convert(tmp_path / "source.keras", tmp_path / "out.h5", *FLAVOR, expect=tool.REFUSED)
        assert f"'{text}'" in done.stderr and not (tmp_path / "out.h5").exists()


def preprocessing():
    """Layers of Keras 3 that know words or bins, with what they are given."""
    layers = keras.layers
    bins = layers.Discretization(num_bins=4)
    bins.adapt(np.random.default_rng(3).random((100, 1)).astype("float32"))
    words = np.array([["b"], ["a"], ["c"]])
    return {
        "bins": (bins, "float32", np.float32([[0.1], [0.4], [0.9]])),
        "strings": (layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot"), "string", words),
        "numbers": (layers.IntegerLookup(vocabulary=[3, 4]), "int64", np.array([[4], [3], [7]])),
        "text": (layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=2), "string", words),
    }


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_words_and_bins(suffix, tmp_path):
    for name, (layer, dtype, given) in preprocessing().items():
        fresh(keras)
        given = tf.constant(given)
        inputs = keras.Input((1,), dtype=dtype)
        model = keras.Model(inputs, layer(inputs))
        model.save(tmp_path / "a.keras")
        tool.convert(tmp_path / "a.keras", tmp_path / f"b{suffix}", "-f", "--flavor", "tf_keras")
        loaded = tf_keras.models.load_model(tmp_path / f"b{suffix}", compile=False)
        np.testing.assert_array_equal(loaded(given), model(given), err_msg=name)


def test_operations_with_a_type_of_their_own(tmp_path):
    """A Keras 3 `.h5` names no modules: Cast and the like have a dtype as layers have."""
    fresh(keras)
    ops, inputs = keras.ops, keras.Input((6,))
    outputs = [ops.cast(inputs, "float16"), ops.cumsum(inputs, axis=1), ops.zeros_like(inputs), ops.ones_like(inputs),
               ops.one_hot(ops.cast(inputs, "int32"), 3)]
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "a.h5")
    tool.convert(tmp_path / "a.h5", tmp_path / "b.keras")
    loaded = keras.models.load_model(tmp_path / "b.keras")
    given = np.float32(np.random.default_rng(1).integers(0, 3, (2, 6)))
    for ours, theirs in zip(loaded(given), model(given)):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
