# SPDX-License-Identifier: Apache-2.0
"""safetensors and npz of Keras 3 files go back with `--config`, also where the config tells no places: layers of the
program's own, subclassed models, low-rank factors that files hold within the kernel."""

import numpy as np
import pytest
import tool
from frameworks import fresh, keras

L = keras.layers
X = np.random.default_rng(1).normal(size=(2, 4)).astype("f4")


@keras.saving.register_keras_serializable("interop_tensors")
class Plain(L.Layer):
    def build(self, shape):
        self.first = self.add_weight(shape=(3, shape[-1]), name="first")
        self.second = self.add_weight(shape=(shape[-1],), trainable=False, name="second")

    def call(self, x):
        return x * self.second + keras.ops.sum(self.first, axis=0)


@keras.saving.register_keras_serializable("interop_tensors")
class Holder(L.Layer):
    def __init__(self, **options):
        super().__init__(**options)
        self.b, self.a = L.BatchNormalization(), L.Dense(4)
        self.many, self.named = [L.Dense(4), L.Dense(4)], {"x": L.Dense(4), "c": L.Dense(4)}

    def build(self, shape):
        self.scale = self.add_weight(shape=(4,), name="scale")
        for layer in (self.a, self.b, *self.many, *self.named.values()):
            layer.build((None, 4))

    def call(self, x):
        x = self.b(self.a(x)) * self.scale
        for layer in (*self.many, *self.named.values()):
            x = layer(x)
        return x


@keras.saving.register_keras_serializable("interop_tensors")
class Subclass(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.plain, self.holder = Plain(), Holder()
        self.chain = keras.Sequential([L.Dense(4), L.Dense(4)])

    def call(self, x):
        return self.chain(self.holder(self.plain(x)))


def functional():
    first = keras.Input((4,))
    return keras.Model(first, L.Dense(2)(Holder()(Plain()(L.Dense(4)(first)))))


def subclassed():
    model = Subclass()
    model(X)
    return model


def low_rank():
    first = keras.Input((4,))
    layers = [L.Dense(8, name="dense"), L.EinsumDense("ab,bc->ac", 3, name="einsum")]
    model = keras.Model(first, layers[1](layers[0](first)))
    for layer in layers:
        layer.enable_lora(2)
    return model


@pytest.mark.parametrize("build", [functional, subclassed, low_rank], ids=lambda build: build.__name__)
def test_there_and_back(build, tmp_path):
    fresh(keras)
    model, rng = build(), np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.random(weight.shape) + 0.1)
    model.save(tmp_path / "own.keras")
    model.save_weights(tmp_path / "own.weights.h5")
    expected = np.asarray(model(X))
    for source, middle in (("own.keras", "a.npz"), ("own.weights.h5", "b.safetensors")):
        tool.convert(tmp_path / source, tmp_path / middle)
        for target in ("new.keras", "new.weights.h5"):
            tool.convert(tmp_path / middle, tmp_path / target, "-f", "--config", tmp_path / "own.keras")
        loaded = keras.saving.load_model(tmp_path / "new.keras")
        np.testing.assert_array_equal(np.asarray(loaded(X)), expected)
        for weight in loaded.weights:
            weight.assign(np.zeros(weight.shape))
        loaded.load_weights(tmp_path / "new.weights.h5")
        np.testing.assert_array_equal(np.asarray(loaded(X)), expected)
    if build is not low_rank:  # a list in an order that no file tells
        refused = tool.convert(tmp_path / "own.keras", tmp_path / "no.h5", expect=tool.REFUSED)
        assert "--like FILE" in refused.stderr and "program's own" in refused.stderr


def test_a_layer_shared_with_a_nested_model(tmp_path):
    """Keras 3 stores it once, and opens its own .keras no more: the weights go to both places."""
    fresh(keras)
    shared, first, inside = L.Dense(4, name="shared"), keras.Input((4,)), keras.Input((4,))
    inner = keras.Model(inside, L.Dense(4, name="inner")(shared(inside)))
    model = keras.Model(first, L.Dense(2, name="head")(shared(inner(first))))
    expected = np.asarray(model(X))
    model.save(tmp_path / "own.keras")
    with pytest.raises(ValueError, match="shared"):
        keras.saving.load_model(tmp_path / "own.keras")
    for target in ("new.keras", "new.h5"):
        done = tool.convert(tmp_path / "own.keras", tmp_path / target)
        assert "shared" in done.stderr
        loaded = keras.models.load_model(str(tmp_path / target))
        np.testing.assert_allclose(np.asarray(loaded(X)), expected, rtol=1e-5, atol=1e-6)
