# SPDX-License-Identifier: Apache-2.0
"""Layers that look words up or count them, fitted to data or told: vocabularies, shapes and weights in both directions."""

import numpy as np
import pytest
import tensorflow as tf
import tool
from frameworks import fresh, keras, tf_keras


def counting(form, layer, shape):
    """A model that counts words: what it is made of decides where Keras 3 needs to be told the shape."""
    layers, inputs = tf_keras.layers, tf_keras.Input(shape, dtype="string")
    if form == "sequence":
        return tf_keras.Sequential([inputs, layer, layers.Dense(3)])
    if form == "nested":
        layer = tf_keras.Sequential([tf_keras.Input(shape, dtype="string"), layer])
    counted = layer(inputs)
    return tf_keras.Model(inputs, [counted, layers.Dense(2)(layers.Concatenate()([counted, layers.Dense(3)(layer(inputs))]))])


@pytest.mark.parametrize("form", ["sequence", "graph", "nested"])
@pytest.mark.parametrize("mode", ["multi_hot", "count", "tf_idf"])
@pytest.mark.parametrize("options", [{}, {"max_tokens": 9, "pad_to_max_tokens": True}], ids=["plain", "padded"])
def test_counted_words(mode, options, form, tmp_path):
    """Keras 3 takes what it counts in texts as (n, 1) for (n, 1, words), and opens no padded tf-idf weights beside a vocabulary."""
    documents = tf.constant(["the cat sat", "the dog", "a cat and a dog"])
    for shape, fitted in [((1,), True), ((1,), False), ((), True)]:
        fresh(tf_keras)
        known = {} if fitted else {"vocabulary": ["cat", "dog"], **({"idf_weights": [0.4, 0.7]} if mode == "tf_idf" else {})}
        layer = tf_keras.layers.TextVectorization(output_mode=mode, **options, **known)
        if fitted:
            layer.adapt(documents)
        model = counting(form, layer, shape)
        model.save(tmp_path / "a.keras")
        done = tool.convert(tmp_path / "a.keras", tmp_path / "b.keras", "-f")
        assert "compare shapes" not in done.stderr
        loaded = keras.models.load_model(tmp_path / "b.keras")
        loaded.save(tmp_path / "c.keras")
        assert loaded.output_shape == (tuple if isinstance(model.output_shape, tuple) else list)(model.output_shape)
        given = tf.reshape(tf.constant(["cat dog the", "the the mouse"]), (2, *shape))
        for one in (loaded, keras.models.load_model(tmp_path / "c.keras")):
            for ours, theirs in zip(tf.nest.flatten(one(given)), tf.nest.flatten(model(given))):
                np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("mode", ["int", "count", "tf_idf"])
@pytest.mark.parametrize("kind", ["strings", "numbers", "text"])
def test_vocabularies_that_layers_were_fitted_to(kind, mode, tmp_path):
    fresh(keras)
    layers = keras.layers
    made, given = {"strings": (layers.StringLookup, tf.constant([["b"], ["a"], ["c"]])),
                   "numbers": (layers.IntegerLookup, tf.constant([[4], [3], [9]])),
                   "text": (layers.TextVectorization, tf.constant(["b a", "a", "c c"]))}[kind]
    layer = made(output_mode=mode, name="words")
    layer.adapt(given[:2])
    inputs = keras.Input(given.shape[1:], dtype=given.dtype.name)
    model = keras.Model(inputs, layer(inputs) if mode == "int" else layers.Dense(2)(layer(inputs)))
    model.save(tmp_path / "a.keras")
    tool.convert(tmp_path / "a.keras", tmp_path / "b.keras", "--flavor", "tf_keras")
    np.testing.assert_allclose(tf_keras.models.load_model(tmp_path / "b.keras")(given), model(given), rtol=1e-5)
    refused = tool.convert(tmp_path / "a.keras", tmp_path / "b.h5", "--flavor", "tf_keras", expect=tool.REFUSED)
    assert "assets" in refused.stderr


def fitted(layer, data):
    layer.adapt(data)
    return layer


def model_of_words(nested):
    layers, texts, numbers = tf_keras.layers, tf.constant([["the cat sat"], ["the dog"], ["a cat"]]), tf.constant([[5], [7], [7]])
    words, ids = tf_keras.Input((1,), dtype="string"), tf_keras.Input((1,), dtype="int64")
    options = {"max_tokens": 12, "pad_to_max_tokens": True}
    inner = [fitted(layers.TextVectorization(output_mode="tf_idf", **options), texts), layers.Dense(3)]
    outputs = [fitted(layers.TextVectorization(output_sequence_length=3), texts)(words),
               fitted(layers.StringLookup(num_oov_indices=2, mask_token="the"), texts[:, 0])(words),
               fitted(layers.StringLookup(output_mode="tf_idf"), texts)(words), fitted(layers.IntegerLookup(), numbers)(ids),
               fitted(layers.IntegerLookup(invert=True), numbers)(ids),
               tf_keras.Sequential([tf_keras.Input((1,), dtype="string"), *inner])(words) if nested else inner[1](inner[0](words))]
    return tf_keras.Model([words, ids], outputs)


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
@pytest.mark.parametrize("target, framework", [("b.keras", keras), ("b.h5", tf_keras), ("c.keras", tf_keras)])
def test_words_in_the_functions_of_a_saved_model(target, framework, nested, tmp_path):
    """Keras 2 keeps the words a layer was fitted to in constants of its functions, which nothing runs."""
    fresh(tf_keras)
    model = model_of_words(nested)
    model.save(str(tmp_path / "a"), save_format="tf")
    done = tool.convert(tmp_path / "a", tmp_path / target, *(("--flavor", "tf_keras") if framework is tf_keras else ()))
    assert "assets" not in done.stderr and "lost" not in done.stderr
    loaded = framework.models.load_model(tmp_path / target)
    given = [tf.constant([["cat dog the"], ["the"], ["a mouse"], ["the dog"]]), tf.constant([[7], [1], [5], [2]], "int64")]
    for ours, theirs in zip(loaded(given), model(given), strict=True):
        assert ours.dtype == theirs.dtype
        if theirs.dtype == tf.float32:
            np.testing.assert_allclose(ours, theirs, rtol=1e-5)
        else:
            np.testing.assert_array_equal(ours, theirs)


def test_words_that_no_function_tells(tmp_path):
    """A model that finds no words would be wrong, whatever else may be lost."""
    fresh(tf_keras)
    words = tf_keras.Input((1,), dtype="string")
    model = tf_keras.Model(words, fitted(tf_keras.layers.StringLookup(), tf.constant([["cat"], ["dog"]]))(words))
    model.save(str(tmp_path / "a"), save_format="tf")
    graph = (tmp_path / "a" / "saved_model.pb").read_bytes()
    assert graph.count(b"_initialize") >= 1
    (tmp_path / "a" / "saved_model.pb").write_bytes(graph.replace(b"_initialize", b"_initialise"))
    refused = tool.convert(tmp_path / "a", tmp_path / "b.keras", "--allow-loss", "weights", expect=tool.REFUSED)
    assert "vocabulary" in refused.stderr and "save it there as .keras" in refused.stderr and not (tmp_path / "b.keras").exists()


@pytest.mark.parametrize("file", ["a", "a.h5", "a.keras"])
@pytest.mark.parametrize("target, framework", [("b.keras", keras), ("c.keras", tf_keras), ("b.h5", tf_keras)])
def test_bins_that_were_fitted(file, target, framework, tmp_path):
    """tf_keras keeps a summary of the data among the weights, and does not compute the bins of it when it opens a .keras."""
    fresh(tf_keras)
    data = np.random.default_rng(5).normal(size=(50, 1)).astype("float32")
    inputs = tf_keras.Input((1,))
    model = tf_keras.Model(inputs, fitted(tf_keras.layers.Discretization(num_bins=5), data)(inputs))
    expected = model(data).numpy()
    model.save(str(tmp_path / file), **({"save_format": "tf"} if file == "a" else {}))
    tool.convert(tmp_path / file, tmp_path / target, *(("--flavor", "tf_keras") if framework is tf_keras else ()))
    loaded = framework.models.load_model(str(tmp_path / target))
    np.testing.assert_array_equal(loaded(data), expected)
