# SPDX-License-Identifier: Apache-2.0
"""Layers of the program's own classes, which no table knows: with weights, with layers, with layers in lists and dicts."""

import numpy as np
import pytest
import tool
from frameworks import keras, tf_keras

DATA = np.random.default_rng(3).standard_normal((5, 4)).astype("float32")


def classes(framework):
    layers, ops = framework.layers, framework.activations

    class Tied(layers.Layer):
        def build(self, shape):
            self.count = self.add_weight(name="count", shape=(4,), trainable=False)
            self.kernel = self.add_weight(name="kernel", shape=(4, 4))
            self.shift = self.add_weight(name="shift", shape=(4,))
            self.built = True

        def call(self, x):
            return ops.tanh(x @ self.kernel * self.count + self.shift)

    class Two(layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.second, self.first = layers.BatchNormalization(), layers.BatchNormalization()
            self.stack = [layers.Dense(4), layers.Dense(4)]

        def build(self, shape):
            # tf_keras builds them when they are called, which is what gives their variables scopes.
            for part in (self.second, self.first, *self.stack) if framework is keras else ():
                part.build(shape)
            self.built = True

        def call(self, x):
            return self.stack[1](ops.relu(self.stack[0](self.second(ops.relu(self.first(x))))))

    return {"Tied": Tied, "Two": Two}


def model_of(framework, own):
    inputs = framework.Input((4,))
    model = framework.Model(inputs, framework.layers.Dense(2, name="end")(own["Two"](name="two")(own["Tied"](name="tied")(inputs))))
    random = np.random.default_rng(4)
    model.set_weights([random.uniform(0.1, 1, w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    found = {}
    for name, framework in (("tf_keras", tf_keras), ("keras", keras)):
        folder = tmp_path_factory.mktemp(name)
        own = classes(framework)
        model = model_of(framework, own)
        model.save(folder / "a.keras")
        model.save_weights(folder / "b.weights.h5")
        model.save_weights(folder / "c.h5") if framework is tf_keras else model.save(folder / "c.h5")
        if framework is tf_keras:
            model.save_weights(folder / "d")
        found[name] = folder, model.predict(DATA, verbose=0)
    return found


@pytest.mark.parametrize("framework, file", [("tf_keras", "a.keras"), ("tf_keras", "b.weights.h5"), ("keras", "a.keras"),
                                             ("keras", "b.weights.h5")])
@pytest.mark.parametrize("target", ["x.keras", "x.weights.h5"])
def test_paths_lead_to_keras_3(sources, framework, file, target, tmp_path):
    folder, expected = sources[framework]
    config = ("--config", folder / "a.keras") if file != "a.keras" else ()
    flavor = () if target == "x.keras" else ("--flavor", "keras3")
    tool.convert(folder / file, tmp_path / target, *config, *flavor)
    own = classes(keras)
    if target == "x.keras":
        model = keras.models.load_model(tmp_path / target, custom_objects=own)
    else:
        model = model_of(keras, own)
        model.set_weights([np.zeros(w.shape) for w in model.get_weights()])
        model.load_weights(tmp_path / target)
    np.testing.assert_allclose(model.predict(DATA, verbose=0), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("file, target", [("d", "x.h5"), ("b.weights.h5", "x.h5"), ("c.h5", "x.weights.h5"), ("d", "x.weights.h5")])
def test_orders_and_attributes_that_nobody_tells_are_not_guessed(sources, file, target, tmp_path):
    """Legacy files go by an order, the others by attributes: only the class knows both."""
    folder, _ = sources["tf_keras"]
    done = tool.convert(folder / file, tmp_path / target, "--config", folder / "a.keras", expect=tool.REFUSED)
    assert "is the program's own" in done.stderr and "the source does not tell" in done.stderr
    assert not (tmp_path / target).exists()


@pytest.fixture(scope="module")
def tied(tmp_path_factory):
    """Weights of the layer's own alone, the one that is not trained made first, and as large as another."""
    folder, own = tmp_path_factory.mktemp("tied"), classes(tf_keras)
    inputs = tf_keras.Input((4,))
    model = tf_keras.Model(inputs, own["Tied"](name="tied")(inputs))
    random = np.random.default_rng(5)
    model.set_weights([random.uniform(0.1, 1, w.shape) for w in model.get_weights()])
    for name in ("a.h5", "a.keras"):
        model.save(folder / name)
    model.save_weights(folder / "d")
    return folder, model.predict(DATA, verbose=0)


@pytest.mark.parametrize("file", ["a.h5", "a.keras"])
def test_own_weights_keep_their_order(tied, file, tmp_path):
    folder, expected = tied
    tool.convert(folder / file, tmp_path / "x.keras")
    model = keras.models.load_model(tmp_path / "x.keras", custom_objects=classes(keras))
    np.testing.assert_allclose(model.predict(DATA, verbose=0), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("target", ["x.h5", "x.weights.h5", "x.keras"])
def test_a_checkpoint_does_not_tell_which_weight_is_trained(tied, target, tmp_path):
    """Its graph lists them as they were made; the others trained ones first: two of one shape would change places."""
    folder, _ = tied
    done = tool.convert(folder / "d", tmp_path / target, "--config", folder / "a.keras", expect=tool.REFUSED)
    assert "'tied'" in done.stderr and not (tmp_path / target).exists()


def test_a_subclassed_saved_model(tmp_path):
    """It says that its class is the program's own, and fills files that the program saved."""

    class Net(tf_keras.Model):
        def __init__(self):
            super().__init__()
            self.front, self.back = tf_keras.layers.Dense(3, activation="relu"), tf_keras.layers.Dense(2)

        def call(self, x):
            return self.back(self.front(x))

    def built(seed):
        net = Net()
        net(DATA)
        random = np.random.default_rng(seed)
        net.set_weights([random.standard_normal(w.shape) for w in net.get_weights()])
        return net

    net = built(5)
    net.save(tmp_path / "saved", save_format="tf")
    for name in ("x.keras", "x.h5"):
        refused = tool.start("convert", tmp_path / "saved", tmp_path / name)
        assert refused.code != 0 and "the program's own class 'Net'" in refused.stderr and "--like FILE" in refused.stderr, refused
    for name in ("like.weights.h5", "like.h5"):
        built(6).save_weights(tmp_path / name)
        filled = tool.convert(tmp_path / "saved", tmp_path / ("filled-" + name), "--like", tmp_path / name)
        other = built(7)
        other.load_weights(tmp_path / ("filled-" + name))
        assert np.array_equal(other(DATA), net(DATA)), filled


def test_a_saved_model_with_layers_in_an_own_layer(tmp_path):
    """Not a loss to be allowed: where Keras 3 keeps these variables is not known."""

    class Pair(tf_keras.layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.one, self.other = tf_keras.layers.Dense(4), tf_keras.layers.Dense(4)

        def call(self, x):
            return self.other(self.one(x))

    inputs = tf_keras.Input((4,))
    tf_keras.Model(inputs, tf_keras.layers.Dense(2)(Pair(name="pair")(inputs))).save(tmp_path / "saved", save_format="tf")
    refused = tool.start("convert", tmp_path / "saved", tmp_path / "x.keras")
    assert refused.code != 0 and "layer 'pair' (Pair) is the program's own" in refused.stderr, refused
    assert "--allow-loss" not in refused.stderr and not (tmp_path / "x.keras").exists(), refused


def stacks(framework):
    """Subclasses of Sequential and Model that are built of layers all the same: their config tells what is in them."""

    class Stack(framework.Sequential):
        pass

    class Net(framework.Model):
        pass

    return {"Stack": Stack, "Net": Net}


@pytest.mark.parametrize("file", ["a.h5", "a.keras", "saved"])
@pytest.mark.parametrize("nested", [False, True], ids=["alone", "nested"])
def test_subclasses_that_hold_a_config(nested, file, tmp_path):
    layers, own = tf_keras.layers, stacks(tf_keras)
    stack = own["Stack"]([layers.InputLayer((4,)), layers.Dense(3, activation="tanh"), layers.BatchNormalization(), layers.Dense(2)], name="stack")
    inputs = tf_keras.Input((4,))
    model = own["Net"](inputs, layers.Dense(2)(stack(layers.Dense(4)(inputs)))) if nested else stack
    random = np.random.default_rng(5)
    model.set_weights([random.uniform(0.1, 1, w.shape) for w in model.get_weights()])
    model.save(tmp_path / file, **({"save_format": "tf"} if file == "saved" else {}))
    done = tool.convert(tmp_path / file, tmp_path / "x.keras")
    assert "was not used" not in done.stderr
    migrated = keras.models.load_model(tmp_path / "x.keras", custom_objects=stacks(keras))
    np.testing.assert_allclose(migrated.predict(DATA, verbose=0), model.predict(DATA, verbose=0), rtol=1e-5)
