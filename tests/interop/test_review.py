# SPDX-License-Identifier: Apache-2.0
"""Cases a reader who had not seen the code found wrong: each would have permuted weights without a word."""

import json

import h5py
import numpy as np
import pytest
import safetensors.numpy
import tool
from frameworks import keras, tf_keras
from randomise import randomise


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


@pytest.mark.parametrize("half", ["forward_layer", "backward_layer"])
def test_bidirectional_with_one_half_frozen(half, tmp_path):
    """tf_keras' config does not keep the flag; the names of the weights tell the halves apart."""
    def build(framework):
        inputs = framework.Input((5, 4))
        layer = framework.layers.Bidirectional(framework.layers.LSTM(3), name="bi")
        return framework.Model(inputs, layer(inputs)), layer

    old, layer = build(tf_keras)
    getattr(layer, half).trainable = False
    randomise(old, 1)
    old.save(str(tmp_path / "old.h5"))
    tool.convert(tmp_path / "old.h5", tmp_path / "new.weights.h5")
    new, found = build(keras)
    randomise(new, 2)
    new.load_weights(str(tmp_path / "new.weights.h5"))
    for name in ("forward_layer", "backward_layer"):
        assert same(getattr(layer, name), getattr(found, name)), name


def test_a_legacy_file_keeps_its_order(tmp_path):
    def build():
        inputs = tf_keras.Input((4, 2))
        layer = tf_keras.layers.MultiHeadAttention(2, 2, use_bias=False, name="mha")
        model = tf_keras.Model(inputs, layer(inputs, inputs))
        layer._query_dense.trainable = False
        return model

    old, new = build(), build()
    randomise(old, 1)
    randomise(new, 2)
    old.save(str(tmp_path / "a.h5"))
    tool.convert(tmp_path / "a.h5", tmp_path / "a.safetensors")
    for index, source in enumerate(("a.h5", "a.safetensors")):
        tool.convert(tmp_path / source, tmp_path / f"b{index}.h5")
        new.load_weights(str(tmp_path / f"b{index}.h5"))
        assert same(old, new), source
        randomise(new, 3)


def test_templates_go_by_role_or_ask(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.LayerNormalization(name="bar")])
    randomise(model, 1)
    model.save_weights(str(tmp_path / "like.weights.h5"))
    gamma, beta = np.float32([2, 2]), np.float32([1, 1])
    safetensors.numpy.save_file({"foo/beta": beta, "foo/gamma": gamma}, tmp_path / "roles.safetensors")
    tool.convert(tmp_path / "roles.safetensors", tmp_path / "out.weights.h5", "--like", tmp_path / "like.weights.h5")
    model.load_weights(str(tmp_path / "out.weights.h5"))
    np.testing.assert_array_equal(model.layers[0].gamma, gamma)
    np.testing.assert_array_equal(model.layers[0].beta, beta)
    safetensors.numpy.save_file({"foo/a": beta, "foo/b": gamma}, tmp_path / "neither.safetensors")
    done = tool.convert(tmp_path / "neither.safetensors", tmp_path / "o.weights.h5", "--like",
                        tmp_path / "like.weights.h5", expect=tool.REFUSED)
    assert "--map" in done.stderr


@pytest.mark.parametrize("change", ["no names", "2.12"])
def test_older_v3_files_with_a_config(change, tmp_path):
    """Keras 3.0 to 3.5 wrote no names, 2.12 and 2.13 another word for layers."""
    def build():
        inputs = keras.Input((5, 4))
        x = keras.layers.MultiHeadAttention(2, 4)(inputs, inputs)
        return keras.Model(inputs, keras.layers.Bidirectional(keras.layers.LSTM(3))(x))

    old, new = build(), build()
    randomise(old, 1)
    path = tmp_path / "old.weights.h5"
    old.save_weights(str(path))
    with h5py.File(path, "a") as f:
        if change == "2.12":
            f.move("layers", "_layer_checkpoint_dependencies")
        else:
            f.visititems(lambda _, item: item.attrs.pop("name") if "name" in item.attrs else None)
    (tmp_path / "config.json").write_text(old.to_json())
    tool.convert(path, tmp_path / "new.weights.h5", "--config", tmp_path / "config.json")
    randomise(new, 2)
    new.load_weights(str(tmp_path / "new.weights.h5"))
    assert same(old, new)


@pytest.mark.parametrize("change", ["a group nobody holds", "a group it does not list"])
def test_a_manifest_that_is_not_complete(change, tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="a"), keras.layers.Dense(4, name="b")])
    randomise(model, 1)
    manifest = tmp_path / "m.weights.json"
    model.save_weights(str(manifest), max_shard_size=90 / 1024**3)
    text = json.loads(manifest.read_text())
    key = "/layers/dense_1/vars"
    if change == "a group nobody holds":
        text["weight_map"]["/layers/dense_7/vars"] = text["weight_map"][key]
    else:
        del text["weight_map"][key]
        text["weight_map"]["/layers/dense/vars"] = ["m_00000.weights.h5", "m_00001.weights.h5"]
    manifest.write_text(json.dumps(text))
    out = tmp_path / "out.safetensors"
    if change == "a group nobody holds":
        tool.convert(manifest, out, expect=tool.DAMAGED)
        assert tool.inspect(manifest)["tensors"]
        return
    done = tool.convert(manifest, out)
    assert "Keras would not find it" in done.stderr
    assert len(safetensors.numpy.load_file(out)) == 4


def test_a_report_never_replaces_what_is_converted(golden, tmp_path):
    source = tmp_path / "in.weights.h5"
    source.write_bytes((golden / "keras-3.15.1-dense.weights.h5").read_bytes())
    before = source.read_bytes()
    out = tmp_path / "out.safetensors"
    for report in (source, out, tmp_path / "." / "out.safetensors"):
        tool.convert(source, out, "--report", report, expect=tool.USAGE)
    tool.convert(source, out, "--report", tmp_path / "no" / "r.json", expect=tool.OUTPUT)
    assert source.read_bytes() == before and not out.exists()


@pytest.mark.parametrize("words", [["out.keras", "--to", "h5"], ["-", "--to", "safetensors"],
                                   ["out.safetensors", "--match", "order"], ["out.safetensors", "--skip-mismatch"]])
def test_words_that_make_no_sense(words, golden, tmp_path):
    source = golden / "keras-3.15.1-dense.weights.h5"
    destination = words[0] if words[0] == "-" else tmp_path / words[0]
    done = tool.convert(source, destination, *words[1:], expect=tool.USAGE)
    assert "hint" in done.stderr and not list(tmp_path.iterdir())


def test_a_rule_that_fits_nothing(golden, tmp_path):
    (tmp_path / "names.txt").write_text("nothing -> a\n")
    tool.convert(golden / "keras-3.15.1-dense.weights.h5", tmp_path / "o.safetensors", "--map", tmp_path / "names.txt",
                 expect=tool.USAGE)
