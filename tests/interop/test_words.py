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
