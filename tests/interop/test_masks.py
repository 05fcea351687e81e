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
    tool.convert(tmp_path / f"a{suffix}", tmp_path / "b.keras")
    loaded = keras.models.load_model(tmp_path / "b.keras")
    np.testing.assert_allclose(loaded.predict(TOKENS, verbose=0), model.predict(TOKENS, verbose=0), rtol=1e-4, atol=1e-6)


def merged(case, out):
    """Tensors with masks, with others and with none, brought together."""
    fresh(tf_keras)
    layers = tf_keras.layers
    tokens, others = layers.Input((4,), name="tokens"), layers.Input((4,))
    embedding = layers.Embedding(5, 3, mask_zero=True)
    x, y, plain = embedding(tokens), embedding(others), layers.Embedding(5, 3)(others)
    joined = {
        "positions": lambda: layers.Add()([x, plain]),
        "positions first": lambda: layers.Multiply()([plain, x]),
        "two": lambda: layers.Maximum()([x, y]),
        "residual": lambda: layers.Add()([x, layers.Dropout(0.5)(layers.Dense(3)(x))]),
        "side by side": lambda: layers.Concatenate()([x, plain, y]),
        "again": lambda: layers.Add()([layers.Average()([x, y]), layers.LSTM(3, return_sequences=True)(x)]),
        "values": lambda: layers.Subtract()([layers.Masking(2.0)(plain), x]),
    }[case]()
    joined = layers.LayerNormalization()(joined)
    if out == "decoder":
        joined = layers.Add()([joined, layers.MultiHeadAttention(2, 3)(joined, joined)])
    result = layers.LSTM(3)(joined) if out == "lstm" else layers.GlobalAveragePooling1D()(joined)
    return tf_keras.Model([tokens, others], result)


@pytest.mark.parametrize("case, held", [("positions", 1), ("positions first", 1), ("two", 1), ("residual", 0), ("side by side", 1),
                                        ("again", 2), ("values", 1)])
def test_masks_of_what_is_merged(case, held, tmp_path):
    """Keras 2 masks what any input masks, Keras 3 what all mask, and nothing where an input has no mask."""
    for out in ("lstm", "decoder") if case in ("positions", "two") else ("mean",):
        model = merged(case, out)
        rng = np.random.default_rng(5)
        model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
        model.save(tmp_path / "a.keras")
        tool.convert(tmp_path / "a.keras", tmp_path / "b.keras", "-f")
        loaded = keras.models.load_model(tmp_path / "b.keras")
        np.testing.assert_allclose(loaded(TOKENS), model(TOKENS), rtol=1e-4, atol=1e-6)
        if case == "positions":  # as a graph, too
            np.testing.assert_allclose(loaded.predict(TOKENS, verbose=0), model(TOKENS), rtol=1e-4, atol=1e-6)
        assert sum(layer.name.endswith("_masked") for layer in loaded.layers) == held


def test_masks_that_come_from_outside(tmp_path):
    """Within a nested model nothing tells which masks its inputs have: the report says so."""
    fresh(tf_keras)
    layers = tf_keras.layers
    ends = [layers.Input((4, 3)) for _ in range(2)]
    inner = tf_keras.Model(ends, layers.Add(name="joining")(ends))
    tokens = [layers.Input((4,)) for _ in range(2)]
    embedding = layers.Embedding(5, 3, mask_zero=True)
    model = tf_keras.Model(tokens, layers.GlobalAveragePooling1D()(inner([embedding(t) for t in tokens])))
    model.save(tmp_path / "a.h5")
    done = tool.convert(tmp_path / "a.h5", tmp_path / "b.keras")
    assert "joining" in done.stderr and "compare predictions" in done.stderr


def test_names_stay_where_there_are_no_masks(tmp_path):
    fresh(tf_keras)
    layers = tf_keras.layers
    inputs = [layers.Input((4,)) for _ in range(2)]
    tf_keras.Model(inputs, layers.Concatenate()(inputs)).save(tmp_path / "a.h5")
    tool.convert(tmp_path / "a.h5", tmp_path / "b.keras")
    assert "concatenate" in [layer.name for layer in keras.models.load_model(tmp_path / "b.keras").layers]


@pytest.mark.parametrize("masked", [True, False])
def test_states_with_a_mask(tmp_path, masked):
    fresh(tf_keras)
    layers = tf_keras.layers
    tokens, *states = layers.Input((4,)), layers.Input((3,)), layers.Input((3,))
    model = tf_keras.Model([tokens, *states],
                           layers.LSTM(3, name="decoder")(layers.Embedding(5, 3, mask_zero=masked)(tokens), initial_state=states))
    model.save(tmp_path / "a.h5")
    done = tool.convert(tmp_path / "a.h5", tmp_path / "b.keras")
    given = [TOKENS[0], np.ones((2, 3)), np.ones((2, 3))]
    loaded = keras.models.load_model(tmp_path / "b.keras")
    np.testing.assert_allclose(loaded(given), model(given), rtol=1e-4, atol=1e-6)
    assert "Keras 3 does not pass the mask" not in done.stderr


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


def merged_in_keras_3(case, out):
    fresh(keras)
    layers = keras.layers
    tokens, others = layers.Input((4,), name="tokens"), layers.Input((4,), name="others")
    embedding = layers.Embedding(5, 3, mask_zero=True)
    x, y, plain = embedding(tokens), embedding(others), layers.Embedding(5, 3)(others)
    joined = {
        "one": lambda: x,
        "positions": lambda: layers.Add()([x, plain]),
        "two": lambda: layers.Average()([x, y]),
        "product": lambda: layers.Multiply()([plain, x]),
        "residual": lambda: layers.Add()([x, layers.Dense(3)(x)]),
        "side by side": lambda: layers.Concatenate()([x, plain, y]),
        "in a row": lambda: layers.Concatenate(axis=1)([x, y]),
        "in a row with none": lambda: layers.Concatenate(axis=1)([x, plain]),
        "again": lambda: layers.Add()([layers.Average()([x, y]), layers.LSTM(3, return_sequences=True)(x)]),
        "values": lambda: layers.Subtract()([layers.Masking(2.0)(plain), x]),
    }[case]()
    joined = layers.LayerNormalization()(joined)
    result = {"lstm": layers.LSTM(3), "mean": layers.GlobalAveragePooling1D(), "both": layers.Bidirectional(layers.GRU(2)),
              "attention": lambda x: layers.MultiHeadAttention(2, 3, name="heads")(x, x), "flat": layers.Flatten()}[out](joined)
    return keras.Model([tokens, others], result)


@pytest.mark.parametrize("out", ["lstm", "mean", "both", "attention", "flat"])
@pytest.mark.parametrize("case", ["one", "positions", "two", "product", "residual", "side by side", "in a row", "in a row with none", "again",
                                  "values"])
def test_merged_masks_for_tf_keras(case, out, tmp_path):
    """Predictions stay, or a warning names the layer."""
    model = merged_in_keras_3(case, out)
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.save(tmp_path / "a.keras")
    done = tool.convert(tmp_path / "a.keras", tmp_path / "b.keras", "--flavor", "tf_keras")
    loaded = tf_keras.models.load_model(tmp_path / "b.keras")
    warned = "warning: layer 'multiply'" in done.stderr or "warning: layer 'heads'" in done.stderr
    if not warned:
        np.testing.assert_allclose(loaded(TOKENS), model(TOKENS), rtol=1e-4, atol=1e-5)
    other_masks = {"two", "again", "values", "in a row with none"}
    assert warned == (case == "product" or (out == "attention" and case in other_masks)), done.stderr
