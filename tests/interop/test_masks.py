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
