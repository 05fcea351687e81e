# SPDX-License-Identifier: Apache-2.0
"""`--flavor tf_keras`: `.weights.h5` files for tf_keras' own `load_weights`, from everything the matrix has."""

import h5py
import pytest
import tool
from architectures import REGISTRY
from cases import BYTES_ONLY_LEGACY, CROSSING, by_position, each
from compare import assert_predictions, assert_weights, datasets
from frameworks import tf_keras
from workshop import load

FLAVOR = ("--flavor", "tf_keras")


def judge(workshop, source, path, positional=None):
    """tf_keras loads `path` into a fresh model; what it saves of that has the very datasets of `path`."""
    if source.architecture.name in BYTES_ONLY_LEGACY:  # tf_keras cannot read its own bfloat16
        assert datasets(path) == datasets(workshop.source(source.architecture, "tf_keras").v3)
        return
    same_framework = source.framework_name == "tf_keras"
    model = uncompiled(workshop.target(source, "tf_keras"))
    load(model, path)
    assert_weights(model, source.values, by_position(source.architecture) and not same_framework)
    assert_predictions(model, source.predictions, same_framework, source.architecture.tolerance)
    own = path.parent / "own.weights.h5"
    model.save_weights(str(own))
    assert weights(path) == weights(own)


def uncompiled(model):
    """tf_keras refuses every file without metric state for a model that has metrics, be it its own."""
    if model.optimizer is None:
        return model
    twin = tf_keras.models.model_from_json(model.to_json())
    twin.set_weights(model.get_weights())
    return twin


def weights(path):
    return {name: value for name, value in datasets(path).items() if not name.startswith(("optimizer/", "metrics/"))}


@each(CROSSING, without=["chunked"])
def test_from_keras_3_with_config(arch, workshop, tmp_path):
    source = workshop.source(arch, "keras")
    out = tmp_path / "out.weights.h5"
    tool.convert(source.v3, out, *FLAVOR, "--config", source.config)
    if arch.name == "bfloat16":
        assert set(datasets(out).values()) == set(datasets(source.v3).values())
        return
    judge(workshop, source, out)
    with h5py.File(out) as f:
        assert "name" not in f["vars"].attrs  # tf_keras writes none


@each(CROSSING, without=["chunked"])
def test_from_whole_legacy_models(arch, workshop, tmp_path):
    source = workshop.source(arch, "tf_keras")
    tool.convert(source.whole, tmp_path / "out.weights.h5", *FLAVOR)
    judge(workshop, source, tmp_path / "out.weights.h5")


@each(CROSSING, without=["chunked"])
def test_there_and_back_through_safetensors(arch, workshop, tmp_path):
    """The metadata say whose file it was: no flavour need be asked for."""
    source = workshop.source(arch, "tf_keras")
    middle, back = tmp_path / "middle.safetensors", tmp_path / "back.weights.h5"
    tool.convert(source.v3, middle)
    tool.convert(middle, back)
    judge(workshop, source, back)
    assert datasets(back) == datasets(source.v3)


@each(CROSSING, without=["chunked"])
def test_from_keras_3_without_config(arch, workshop, tmp_path):
    """Right, or refused: Keras 3's keys say all but where shared layers of custom classes are counted."""
    source = workshop.source(arch, "keras")
    out = tmp_path / "out.weights.h5"
    tool.convert(source.v3, out, *FLAVOR)
    if arch.name != "bfloat16":
        judge(workshop, source, out)


@pytest.mark.parametrize("name", ["nested_twice", "bidirectional", "multi_head_attention", "spectral_normalization"])
def test_keras_3_gets_the_same_back(name, workshop, tmp_path):
    """Keras 3 to tf_keras' flavour and back again."""
    source = workshop.source(REGISTRY[name], "keras")
    middle, back = tmp_path / "middle.weights.h5", tmp_path / "back.weights.h5"
    tool.convert(source.v3, middle, *FLAVOR, "--config", source.config)
    tool.convert(middle, back, "--config", source.config)
    model = workshop.target(source, "keras")
    load(model, back)
    assert_weights(model, source.values)


def test_flavors_are_named(workshop, tmp_path):
    source = workshop.source(REGISTRY["nested_twice"], "keras")
    done = tool.convert(source.v3, tmp_path / "out.weights.h5", "--flavor", "keras4", expect=tool.USAGE)
    assert "keras3" in done.stderr and "tf_keras" in done.stderr
