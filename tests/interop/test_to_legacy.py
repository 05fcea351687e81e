# SPDX-License-Identifier: Apache-2.0
"""Keras 3 `.weights.h5` to legacy `.h5`, judged by tf_keras' and Keras 3's own loaders."""

import h5py
import numpy as np
import pytest
import tool
from architectures import REGISTRY
from cases import BYTES_ONLY_LEGACY, CROSSING, by_position, each
from compare import assert_predictions, assert_weights
from model_walk import legacy_entries, string_attribute
from workshop import load


def convert(source, out):
    tool.convert(source.v3, out, "--config", source.config)
    check_layout(source, out)


def check_layout(source, path):
    """The weights, layer by layer in Keras' legacy order, as h5py sees them."""
    expected = [(layer, variable.numpy()) for layer, variables in source.legacy for variable in variables]
    with h5py.File(path, "r") as f:
        found = [(layer, np.asarray(dataset[()])) for layer, _, dataset in legacy_entries(f)]
        assert f.attrs["backend"] == "tensorflow"
        assert isinstance(f.attrs["keras_version"], str) and f.attrs["keras_version"] != "1"
        assert string_attribute(f, "layer_names") == [layer for layer, _ in source.legacy]
        assert "model_config" not in f.attrs
    assert [layer for layer, _ in found] == [layer for layer, _ in expected]
    for (layer, ours), (_, theirs) in zip(found, expected):
        assert ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes(), layer


@each(CROSSING)
def test_tf_keras_loads_by_position(arch, workshop, tmp_path):
    source = workshop.source(arch, "keras")
    convert(source, tmp_path / "out.h5")
    if arch.name in BYTES_ONLY_LEGACY:
        return
    model = workshop.target(source, "tf_keras")
    load(model, tmp_path / "out.h5")
    assert_weights(model, source.values, by_position(arch))
    assert_predictions(model, source.predictions, False, arch.tolerance)


@each(CROSSING, without=["odd_names", "chunked", "bfloat16"])
def test_loaders_by_name(arch, workshop, tmp_path):
    source = workshop.source(arch, "keras")
    convert(source, tmp_path / "out.h5")
    for framework in ("tf_keras", "keras"):
        model = workshop.target(source, framework)
        load(model, tmp_path / "out.h5", by_name=True)
        assert_weights(model, source.values)


@each(CROSSING, without=["bfloat16", "chunked"])
def test_keras3_loads_its_legacy_layout(arch, workshop, tmp_path):
    source = workshop.source(arch, "keras")
    convert(source, tmp_path / "out.h5")
    model = workshop.target(source, "keras")
    load(model, tmp_path / "out.h5")
    assert_weights(model, source.values)
    assert_predictions(model, source.predictions, True, 0)


@pytest.mark.parametrize("name", ["nested_twice", "frozen_norms_deep", "order_trap", "cells"])
def test_there_and_back_through_legacy(name, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], "keras")
    out, back = tmp_path / "out.h5", tmp_path / "back.weights.h5"
    convert(source, out)
    tool.convert(out, back, "--config", source.config)
    model = workshop.target(source, "keras")
    load(model, back)
    assert_weights(model, source.values)


@pytest.mark.parametrize("name", ["nested_twice", "frozen_first", "gates", "odd_names"])
def test_whole_model_to_weights_only(name, workshop, tmp_path):
    """From a legacy file to a legacy file: the weights part alone, in the same order under the same names."""
    source = workshop.source(REGISTRY[name], "tf_keras")
    out = tmp_path / "out.h5"
    tool.convert(source.whole, out, "--weights-only")
    with h5py.File(out, "r") as ours, h5py.File(source.weights_only, "r") as theirs:
        found, expected = list(legacy_entries(ours)), list(legacy_entries(theirs))
        assert [entry[:2] for entry in found] == [entry[:2] for entry in expected]
        for (_, _, a), (_, _, b) in zip(found, expected):
            np.testing.assert_array_equal(a[()], b[()])
    model = workshop.target(source, "tf_keras")
    load(model, out)
    assert_weights(model, source.values)


def test_order_is_needed(workshop, tmp_path):
    """A v3 file does not say in which order its layers stand; without a config this is refused, not guessed."""
    source = workshop.source(REGISTRY["order_trap"], "keras")
    done = tool.convert(source.v3, tmp_path / "out.h5", expect=tool.REFUSED)
    assert "--config" in done.stderr and "ballast convert" in done.stderr
    assert not (tmp_path / "out.h5").exists()
