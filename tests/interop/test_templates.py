# SPDX-License-Identifier: Apache-2.0
"""Templates: a file of the target model is filled with the source's weights, and the real Keras 3 loads the result."""

import numpy as np
import pytest
import safetensors.numpy
import tool
from architectures import REGISTRY
from cases import CROSSING, by_position, each
from compare import assert_predictions, assert_weights
from frameworks import keras, tf_keras
from randomise import randomise
from workshop import load


def template_of(workshop, source, folder):
    """A Keras 3 file of the same architecture with weights of its own."""
    path = folder / "template.weights.h5"
    workshop.target(source, "keras").save_weights(str(path))
    return path


def judge(workshop, source, path):
    model = workshop.target(source, "keras")
    load(model, path)
    assert_weights(model, source.values)
    assert_predictions(model, source.predictions, False, source.architecture.tolerance)


FROM_NAMES = ["dense_stack", "convolutions_2d", "batch_normalizations", "embeddings", "gates", "bidirectional",
              "multi_head_attention", "nested_functional", "nested_sequential", "shared_layer"]


@pytest.mark.parametrize("kind", ["weights_only", "v3", "whole"])
@pytest.mark.parametrize("name", [name for name in FROM_NAMES if name in REGISTRY])
def test_a_template_takes_tf_keras_weights(name, kind, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], "tf_keras")
    template = template_of(workshop, source, tmp_path)
    out = tmp_path / "out.weights.h5"
    done = tool.start("convert", getattr(source, kind), out, "--like", template)
    if done.code == tool.OK:
        judge(workshop, source, out)
        return
    # Never a guess: what names do not settle is asked for.
    assert done.code == tool.REFUSED and "--map" in done.stderr and "ballast convert" in done.stderr, done
    assert kind != "whole", f"a config names every layer\n{done}"
    assert not out.exists()


@each([arch for arch in CROSSING if arch.name in FROM_NAMES])
def test_a_whole_template_says_what_the_layers_are(arch, workshop, tmp_path):
    """Legacy weights tell no classes; the config of a .keras template does."""
    source = workshop.source(arch, "tf_keras")
    template = tmp_path / "template.keras"
    workshop.target(source, "keras").save(str(template))
    out = tmp_path / "out.weights.h5"
    tool.convert(source.weights_only, out, "--like", template)
    judge(workshop, source, out)


def test_order_does_not_exchange_directions(workshop, tmp_path):
    """Keras 3 lists what a layer holds by the alphabet, legacy files in the order of the class."""
    source = workshop.source(REGISTRY["bidirectional"], "tf_keras")
    template = template_of(workshop, source, tmp_path)
    out = tmp_path / "out.weights.h5"
    done = tool.start("convert", source.weights_only, out, "--like", template, "--match", "order")
    assert done.code == tool.REFUSED and "something else" in done.stderr, done
    assert not out.exists()


@each(CROSSING, without=["chunked"])
def test_plain_safetensors_with_config(arch, workshop, tmp_path):
    """Tensors under canonical names, without our metadata, and the architecture from a config."""
    source = workshop.source(arch, "keras")
    made = tmp_path / "made.safetensors"
    tool.convert(source.v3, made, "--config", source.config, "--without-optimizer")
    tensors = safetensors.numpy.load_file(made)
    plain = tmp_path / "plain.safetensors"
    safetensors.numpy.save_file(dict(sorted(tensors.items(), reverse=True)), plain)
    out = tmp_path / "out.weights.h5"
    tool.convert(plain, out, "--config", source.config)
    model = workshop.target(source, "keras")
    load(model, out)
    assert_weights(model, source.values)


def subclassed(framework):
    class Net(framework.Model):
        def __init__(self):
            super().__init__(name="net")
            self.body = [framework.layers.Dense(5, activation="relu", name="one"),
                         framework.layers.Dense(5, activation="relu", name="two")]
            self.head = framework.layers.Dense(3, name="head")

        def call(self, x):
            for layer in self.body:
                x = layer(x)
            return self.head(x)

    net = Net()
    net(np.zeros((1, 4), "float32"))
    return net


def values(net):
    return [[np.array(w) for w in layer.get_weights()] for layer in (*net.body, net.head)]


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_a_subclassed_model(suffix, tmp_path):
    old = subclassed(tf_keras)
    randomise(old, 7)
    source = tmp_path / f"old{suffix}"
    old.save_weights(str(source))
    new = subclassed(keras)
    randomise(new, 8)
    template, out = tmp_path / "template.weights.h5", tmp_path / "out.weights.h5"
    new.save_weights(str(template))
    tool.convert(source, out, "--like", template)
    new.load_weights(str(out))
    for found, expected in zip(values(new), values(old)):
        for a, b in zip(found, expected):
            np.testing.assert_array_equal(a, b)


@pytest.fixture
def dense_pair(tmp_path):
    """A Keras 3 model, its file, and tensors of another program for it."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, name="first"),
                              keras.layers.Dense(6, name="second"), keras.layers.Dense(2, name="last")])
    randomise(model, 5)
    template = tmp_path / "template.weights.h5"
    model.save_weights(str(template))
    rng = np.random.default_rng(3)
    tensors = {f"net.{i}.{part}": rng.standard_normal(shape).astype("float32")
               for i, layer in enumerate(model.layers)
               for part, shape in (("w", layer.kernel.shape), ("b", layer.bias.shape))}
    foreign = tmp_path / "foreign.safetensors"
    safetensors.numpy.save_file(tensors, foreign)
    return model, template, tensors, foreign


def test_a_map(dense_pair, tmp_path):
    model, template, tensors, foreign = dense_pair
    names = tmp_path / "names.txt"
    names.write_text("# second before first\nnet.0.w -> first/kernel\nnet.0.b -> first/bias\nnet.1.w -> second/kernel\n"
                     "net.1.b -> second/bias\nnet.*.w -> last/kernel\nnet.*.b -> last/bias\n")
    out = tmp_path / "out.weights.h5"
    done = tool.start("convert", foreign, out, "--like", template)
    assert done.code == tool.REFUSED and "--map" in done.stderr, done
    tool.convert(foreign, out, "--like", template, "--map", names)
    model.load_weights(str(out))
    for i, layer in enumerate(model.layers):
        np.testing.assert_array_equal(layer.kernel, tensors[f"net.{i}.w"])
        np.testing.assert_array_equal(layer.bias, tensors[f"net.{i}.b"])


def test_a_map_alone_renames(dense_pair, tmp_path):
    _, _, tensors, foreign = dense_pair
    names = tmp_path / "names.txt"
    names.write_text("net.*.w -> layer$1/kernel\n")
    tool.convert(foreign, tmp_path / "out.safetensors", "--map", names)
    found = safetensors.numpy.load_file(tmp_path / "out.safetensors")
    assert set(found) == {name.replace("net.", "layer").replace(".w", "/kernel") if name.endswith("w") else name
                          for name in tensors}
    np.testing.assert_array_equal(found["layer2/kernel"], tensors["net.2.w"])


def test_skipping_what_does_not_fit(dense_pair, tmp_path):
    """Keras' own skip_mismatch is the judge: our file holds what a model has after it."""
    model, template, _, _ = dense_pair
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, name="first"),
                              keras.layers.Dense(6, name="second"), keras.layers.Dense(9, name="last")])
    randomise(other, 6)
    source, out = tmp_path / "other.weights.h5", tmp_path / "out.weights.h5"
    other.save_weights(str(source))
    tool.convert(source, out, "--like", template, expect=tool.REFUSED)
    done = tool.convert(source, out, "--like", template, "--skip-mismatch")
    assert "last" in done.stderr, done
    model.load_weights(str(source), skip_mismatch=True)
    expected = model.get_weights()
    randomise(model, 9)
    model.load_weights(str(out))
    for found, wanted in zip(model.get_weights(), expected):
        np.testing.assert_array_equal(found, wanted)
