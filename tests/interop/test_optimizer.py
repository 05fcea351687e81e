# SPDX-License-Identifier: Apache-2.0
"""Optimizer state: kept bit for bit where the flavours agree, else dropped and reported, never an error."""

import h5py
import numpy as np
import pytest
import tool
from architectures import REGISTRY
from compare import assert_same_tree, assert_weights
from frameworks import fresh, keras
from model_walk import same_bytes, to_array
from workshop import load

OPTIMIZERS = {
    "sgd_momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
    "adamw_ema": lambda: keras.optimizers.AdamW(0.01, use_ema=True),
    "amsgrad": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
    "rmsprop_centered": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "schedule": lambda: keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)),
    "adafactor": lambda: keras.optimizers.Adafactor(0.01),
    "loss_scale": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
}


def compiled(make_optimizer, train):
    fresh(keras)
    L = keras.layers
    model = keras.Sequential([keras.Input((3,)), L.Dense(4, name="hidden"), L.BatchNormalization(name="norm"),
                              L.Dense(2, name="head")], name="net")
    model.compile(make_optimizer(), "mse", jit_compile=False)
    if train:
        rng = np.random.default_rng(2)
        for _ in range(2):
            model.train_on_batch(rng.normal(size=(4, 3)).astype("float32"), rng.normal(size=(4, 2)).astype("float32"))
    return model


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_keras_to_keras_keeps_everything(name, tmp_path):
    source = compiled(OPTIMIZERS[name], train=True)
    original = tmp_path / "source.weights.h5"
    source.save_weights(str(original))
    tool.convert(original, tmp_path / "copy.weights.h5")
    assert_same_tree(tmp_path / "copy.weights.h5", original)
    tool.convert(original, tmp_path / "middle.safetensors")
    tool.convert(tmp_path / "middle.safetensors", tmp_path / "back.weights.h5")
    assert_same_tree(tmp_path / "back.weights.h5", original)

    target = compiled(OPTIMIZERS[name], train=False)
    target.optimizer.build(target.trainable_variables)
    load(target, tmp_path / "copy.weights.h5")
    ours, theirs = target.optimizer.variables, source.optimizer.variables
    assert len(ours) == len(theirs) > 2
    for a, b in zip(ours, theirs):
        assert same_bytes(to_array(a), to_array(b)), a.path


def dropped(report):
    return [entry for entry in report["entries"] if entry["kind"] in ("dropped", "skipped")]


def test_left_out_on_request(workshop, tmp_path):
    source = workshop.source(REGISTRY["trained"], "keras")
    report = tool.convert_with_report(source.v3, tmp_path / "out.weights.h5", "--without-optimizer")
    assert dropped(report)
    with h5py.File(tmp_path / "out.weights.h5") as f:
        assert "optimizer" not in f
    model = workshop.target(source, "keras")
    load(model, tmp_path / "out.weights.h5")
    assert_weights(model, source.values)


@pytest.mark.parametrize("kind", ["whole", "v3"])
def test_tf_keras_state_is_dropped_and_reported(kind, workshop, tmp_path):
    """Keras 3 counts its optimizer's variables otherwise, so the state is not carried; the weights are."""
    source = workshop.source(REGISTRY["trained"], "tf_keras")
    path = getattr(source, kind)
    listing = tool.inspect(path)["tensors"]
    optimizer = {item["stored_name"] for item in listing if item["part"] == "optimizer"}
    metrics = {item["stored_name"] for item in listing if item["part"] == "metric"}
    assert len(optimizer) > 2
    report = tool.convert_with_report(path, tmp_path / "out.weights.h5")
    with h5py.File(tmp_path / "out.weights.h5") as f:
        kept = "optimizer" in f
    if not kept:
        assert "optimizer" in str(dropped(report)).lower()
        listed = {entry["from"] for entry in dropped(report)}
        assert report["counts"]["dropped"] >= 1
        assert listed >= optimizer | metrics or report["counts"]["dropped"] < len(optimizer)
    model = workshop.target(source, "keras")
    load(model, tmp_path / "out.weights.h5")
    assert_weights(model, source.values)
    if kept:  # then it must be right
        for a, b in zip(model.optimizer.variables[2:], source.model.optimizer.variables[1:]):
            assert same_bytes(to_array(a), to_array(b))


def test_closing_line_says_what_was_dropped(workshop, tmp_path):
    source = workshop.source(REGISTRY["trained"], "tf_keras")
    done = tool.convert(source.whole, tmp_path / "out.weights.h5")
    last = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert "optimizer" in done.stdout + done.stderr
    assert "dropped" in last or "optimizer" in last, last
