# SPDX-License-Identifier: Apache-2.0
"""Optimizer state: kept bit for bit where the flavours agree, else dropped and reported, never an error."""

import h5py
import numpy as np
import pytest
import tool
from architectures import REGISTRY
from compare import assert_same_tree, assert_weights
from frameworks import fresh, keras, tf_keras
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


# Class, arguments and whether tf_keras has it among its legacy optimizers. Where Keras 3 computes otherwise (docs say how),
# only the state is compared and not what training makes of it.
CROSSING = [
    ("SGD", {}, True), ("SGD", {"momentum": 0.9}, True), ("SGD", {"momentum": 0.9, "nesterov": True}, True),
    ("Adafactor", {}, False), ("Adam", {}, True), ("Adam", {"amsgrad": True}, True),
    ("Adam", {"use_ema": True}, False), ("AdamW", {}, False), ("Adamax", {}, True), ("Nadam", {}, True),
    ("RMSprop", {}, True), ("RMSprop", {"momentum": 0.5, "centered": True}, True), ("Adagrad", {}, True),
    ("Adadelta", {}, True), ("Ftrl", {}, True), ("Lion", {}, False),
]
STYLES = [(style, name, arguments) for name, arguments, legacy in CROSSING for style in ["new", "legacy"][:1 + legacy]]
GOES_ON_OTHERWISE = {"Nadam"}
BATCHES = [(np.random.default_rng(i).normal(size=(4, 3)).astype("float32"),
            np.random.default_rng(100 + i).normal(size=(4, 2)).astype("float32")) for i in range(6)]


def network(framework, optimizer):
    fresh(framework)
    framework.utils.set_random_seed(7)  # what differs by chance must not decide
    L = framework.layers
    first = framework.Input((3,)) if framework is keras else L.InputLayer((3,))
    model = framework.Sequential([first, L.Dense(4, name="hidden", activation="tanh"), L.BatchNormalization(name="norm"),
                                  L.Dense(2, name="head")], name="net")
    model.compile(optimizer, "mse", jit_compile=False)
    return model


def train(model, batches):
    for x, y in batches:
        model.train_on_batch(x, y)


def built(model):
    model.optimizer.build(model.trainable_variables)
    return model


def tf_keras_source(style, name, arguments):
    module = tf_keras.optimizers if style == "new" else tf_keras.optimizers.legacy
    source = network(tf_keras, getattr(module, name)(learning_rate=0.03, **arguments))
    train(source, BATCHES[:3])
    return source


def keras_target(name, arguments):
    return built(network(keras, getattr(keras.optimizers, name)(learning_rate=0.5, **arguments)))


@pytest.mark.parametrize("style, name, arguments", STYLES, ids=str)
def test_tf_keras_state_goes_on_in_keras3(style, name, arguments, tmp_path):
    source, target = tf_keras_source(style, name, arguments), keras_target(name, arguments)
    source.save(str(tmp_path / "source.h5"))
    done = tool.convert(tmp_path / "source.h5", tmp_path / "out.weights.h5")
    load(target, tmp_path / "out.weights.h5")
    assert int(target.optimizer.iterations.numpy()) == 3
    assert target.optimizer.learning_rate.numpy() == np.float32(0.03)
    if name in GOES_ON_OTHERWISE:
        assert name in done.stderr
        return
    train(source, BATCHES[3:])
    train(target, BATCHES[3:])
    # The legacy RMSprop adds epsilon to the root, Keras 3 below it: where a gradient is small the steps differ a little.
    tolerance = 2e-4 if (style, name) == ("legacy", "RMSprop") else 1e-5
    for ours, theirs in zip(target.get_weights(), source.get_weights()):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


# Of a checkpoint, whose slots hang at the weights, and to it.
SLOTS = [("new", "Adam", {}), ("legacy", "Adam", {"amsgrad": True}), ("legacy", "RMSprop", {"momentum": 0.5, "centered": True}),
         ("legacy", "Adadelta", {}), ("legacy", "Ftrl", {}), ("legacy", "SGD", {"momentum": 0.9})]


def go_on_alike(source, target, tolerance=1e-5):
    for model in (source, target):
        model.run_eagerly = True
    for x, y in BATCHES[3:]:
        np.testing.assert_allclose(target.train_on_batch(x, y), source.train_on_batch(x, y), rtol=1e-5)
    for ours, theirs in zip(target.get_weights(), source.get_weights()):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("style, name, arguments", SLOTS, ids=str)
def test_slots_of_checkpoints_go_on_in_keras3(style, name, arguments, tmp_path):
    source, target = tf_keras_source(style, name, arguments), keras_target(name, arguments)
    source.save(str(tmp_path / "whole.h5"))
    source.save_weights(str(tmp_path / "source"))  # TensorFlow's format
    tool.convert(tmp_path / "source", tmp_path / "out.weights.h5", "--config", tmp_path / "whole.h5")
    load(target, tmp_path / "out.weights.h5")
    assert int(target.optimizer.iterations.numpy()) == 3
    go_on_alike(source, target)


@pytest.mark.parametrize("style", ["new", "legacy"])
def test_loss_scales_go_on_in_keras3(style, tmp_path):
    module = tf_keras.optimizers if style == "new" else tf_keras.optimizers.legacy
    source = network(tf_keras, tf_keras.mixed_precision.LossScaleOptimizer(module.Adam(0.03), initial_scale=1024.0))
    train(source, BATCHES[:3])
    source.save(str(tmp_path / "source.h5"))
    tool.convert(tmp_path / "source.h5", tmp_path / "out.keras")
    target = keras.models.load_model(tmp_path / "out.keras")
    assert float(target.optimizer.dynamic_scale.numpy()) == 1024
    assert int(target.optimizer.inner_optimizer.iterations.numpy()) == 3
    go_on_alike(source, target)


def test_a_schedule_goes_on_in_keras3(tmp_path):
    schedule = tf_keras.optimizers.schedules.ExponentialDecay(0.03, 2, 0.5)
    source = network(tf_keras, tf_keras.optimizers.Adam(schedule))
    train(source, BATCHES[:3])
    source.save(str(tmp_path / "source.h5"))
    tool.convert(tmp_path / "source.h5", tmp_path / "out.keras")
    target = keras.models.load_model(tmp_path / "out.keras")
    go_on_alike(source, target)


@pytest.mark.parametrize("name, arguments", [(n, a) for n, a, _ in CROSSING if n != "Adafactor" and (n, a) != ("SGD", {})], ids=str)
def test_both_weights_files(name, arguments, tmp_path):
    """tf_keras' .weights.h5 tells neither class nor learning rate: the whole model does, as the config."""
    source, target = tf_keras_source("new", name, arguments), keras_target(name, arguments)
    source.save(str(tmp_path / "whole.h5"))
    source.save_weights(str(tmp_path / "source.weights.h5"))
    tool.convert(tmp_path / "source.weights.h5", tmp_path / "out.weights.h5", "--config", tmp_path / "whole.h5")
    load(target, tmp_path / "out.weights.h5")
    without = (target.optimizer._learning_rate, getattr(target.optimizer, "_u_product", None))
    kept = [v for v in target.optimizer.variables if all(v is not other for other in without)]
    assert len(kept) == len(source.optimizer.variables) > 4
    for ours, theirs in zip(kept, source.optimizer.variables):
        assert same_bytes(to_array(ours), to_array(theirs)), ours.path
    target.save_weights(str(tmp_path / "keras3.weights.h5"))
    tool.convert(tmp_path / "keras3.weights.h5", tmp_path / "back.weights.h5", "--flavor", "tf_keras")
    back = built(network(tf_keras, getattr(tf_keras.optimizers, name)(learning_rate=0.5, **arguments)))
    back.load_weights(str(tmp_path / "back.weights.h5"))
    for ours, theirs in zip(back.optimizer.variables, source.optimizer.variables):
        assert same_bytes(to_array(ours), to_array(theirs)), theirs.name


def test_state_of_unknown_class_is_dropped_and_reported(workshop, tmp_path):
    source = workshop.source(REGISTRY["trained"], "tf_keras")
    listing = tool.inspect(source.v3)["tensors"]
    state = {item["stored_name"] for item in listing if item["part"] in ("optimizer", "metric")}
    report = tool.convert_with_report(source.v3, tmp_path / "out.weights.h5")
    assert {entry["from"] for entry in dropped(report)} >= state and len(state) > 2
    assert "--config" in str(dropped(report))
    model = workshop.target(source, "keras")
    load(model, tmp_path / "out.weights.h5")
    assert_weights(model, source.values)


def test_closing_line_says_what_was_dropped(workshop, tmp_path):
    source = workshop.source(REGISTRY["trained"], "tf_keras")
    done = tool.convert(source.v3, tmp_path / "out.weights.h5")
    last = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert "optimizer" in done.stdout + done.stderr
    assert "dropped" in last or "optimizer" in last, last
