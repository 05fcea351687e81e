# SPDX-License-Identifier: Apache-2.0
"""Masked models: Keras 3 computes masks by operations of its own, and passes them on in fewer cases than Keras 2."""

import numpy as np
import pytest
import tool
from frameworks import fresh, keras, tf_keras

TOKENS = [np.array([[3, 4, 0, 0], [1, 2, 3, 0]]), np.array([[1, 0, 0, 0], [2, 2, 1, 4]])]


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_layers_named_as_keras_3_names_the_operations_of_masks(tmp_path, suffix):
    fresh(tf_keras)
    layers = tf_keras.layers
    inputs = [layers.Input((4,)) for _ in range(2)]
    embedded = [layers.Embedding(5, 3, mask_zero=True)(i) for i in inputs]
    joined = layers.Concatenate()(embedded)
    twice = layers.Concatenate(name="concatenate_1")([joined, joined])
    model = tf_keras.Model(inputs, layers.LSTM(3)(layers.Dense(4, name="not_equal")(twice)))
    assert "concatenate" in [layer.name for layer in model.layers]
    model.save(tmp_path / f"a{suffix}")
    done = tool.convert(tmp_path / f"a{suffix}", tmp_path / "b.keras")
    assert "Keras 3 those that all mask" in done.stderr
    loaded = keras.models.load_model(tmp_path / "b.keras")
    alike = [TOKENS[0], TOKENS[0] % 3 + (TOKENS[0] == 3)]
    np.testing.assert_allclose(loaded.predict(alike, verbose=0), model.predict(alike, verbose=0), rtol=1e-4, atol=1e-6)
    # The note is true: steps that one input masks count in Keras 3 alone.
    assert not np.allclose(loaded.predict(TOKENS, verbose=0), model.predict(TOKENS, verbose=0), rtol=1e-4)


def test_names_stay_where_there_are_no_masks(tmp_path):
    fresh(tf_keras)
    layers = tf_keras.layers
    inputs = [layers.Input((4,)) for _ in range(2)]
    tf_keras.Model(inputs, layers.Concatenate()(inputs)).save(tmp_path / "a.h5")
    tool.convert(tmp_path / "a.h5", tmp_path / "b.keras")
    assert "concatenate" in [layer.name for layer in keras.models.load_model(tmp_path / "b.keras").layers]


@pytest.mark.parametrize("masked", [True, False])
def test_states_keep_the_mask_away(tmp_path, masked):
    fresh(tf_keras)
    layers = tf_keras.layers
    tokens, *states = layers.Input((4,)), layers.Input((3,)), layers.Input((3,))
    model = tf_keras.Model([tokens, *states],
                           layers.LSTM(3, name="decoder")(layers.Embedding(5, 3, mask_zero=masked)(tokens), initial_state=states))
    model.save(tmp_path / "a.h5")
    done = tool.convert(tmp_path / "a.h5", tmp_path / "b.keras")
    given = [TOKENS[0], np.ones((2, 3)), np.ones((2, 3))]
    loaded = keras.models.load_model(tmp_path / "b.keras")
    equal = np.allclose(loaded.predict(given, verbose=0), model.predict(given, verbose=0), rtol=1e-4, atol=1e-6)
    # Where Keras 3 computes something else the report says so, and only there.
    assert equal == (not masked) == ("Keras 3 does not pass the mask" not in done.stderr)


def attention_readers(case):
    """A model with MultiHeadAttention on a masked tensor, and who else reads that."""
    fresh(tf_keras)
    layers = tf_keras.layers
    tokens, others = layers.Input((4,)), layers.Input((4,))
    embedding = layers.Embedding(5, 3, mask_zero=True)
    x, y = embedding(tokens), embedding(others)
    heads = layers.MultiHeadAttention(2, 4, name="heads")(x, y)
    if case == "residual":
        out = layers.LayerNormalization()(layers.Add()([x, heads]))
    elif case == "attention":
        out = layers.Add()([heads, layers.Attention(name="late")([x, y])])
    else:
        out = layers.MultiHeadAttention(2, 4, name="late")(heads, y)
    return tf_keras.Model([tokens, others], layers.GlobalAveragePooling1D()(out))


@pytest.mark.parametrize("case, copies", [("residual", 0), ("attention", 2), ("two decoders", 2)])
def test_masks_that_attention_takes_away(case, copies, tmp_path):
    model = attention_readers(case)
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.save(tmp_path / "a.h5")
    done = tool.convert(tmp_path / "a.h5", tmp_path / "b.keras")
    loaded = keras.models.load_model(tmp_path / "b.keras")
    np.testing.assert_allclose(loaded(TOKENS), model(TOKENS), rtol=1e-4, atol=1e-6)
    assert sum("_copy" in layer.name for layer in loaded.layers) == copies
    assert ("replaced" in done.stderr) == (copies != 0), done.stderr
    model.save(tmp_path / "a.keras")
    tool.convert(tmp_path / "a.keras", tmp_path / "c.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "c.keras")(TOKENS), model(TOKENS), rtol=1e-4, atol=1e-6)
