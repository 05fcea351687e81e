# SPDX-License-Identifier: Apache-2.0
"""Optimizer state of Keras 2.0 to 2.3, whose variables have numbers for names.

Real files of 2.0.5 prove the order by themselves: where a residual branch and a pooled one are added, the gradients of
both branches' last offsets are the same sum, so their moments must be. Files of other versions and classes are made of
tf_keras' legacy optimizers (the same code, years later), rearranged as the sources of those versions say.
"""

import json
import re
import warnings

import h5py
import numpy as np
import pytest
import tool
from frameworks import fresh, keras, tf_keras
from model_walk import same_bytes, string_attribute
from test_real_files import MODELS, real_file  # noqa: F401: a fixture

SAME_SUMS = [(12, 14), (3, 5), (6, 8), (9, 11)]


def opened(path, source, *options):
    """Keras 3's own view of the model we make; a state that does not fit would be a warning."""
    done = tool.convert(source, path, *options)
    fresh(keras)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*optimizer.*")
        model = keras.models.load_model(path)
    return model, done


def state_of(model):
    """Keras 3's own pairs: path of a weight -> its two moments."""
    optimizer = model.optimizer
    return {v.path: (m.numpy(), w.numpy())
            for v, m, w in zip(model.trainable_variables, optimizer._momentums, optimizer._velocities)}


@pytest.mark.parametrize("real_file", MODELS[1:], indirect=True)
def test_real_files_go_on_training(real_file, tmp_path):  # noqa: F811
    model, _ = opened(tmp_path / "out.keras", real_file)
    state = state_of(model)
    for a, b in SAME_SUMS:
        first, second = (state[f"batch_normalization_{n}/beta"][0] for n in (a, b))
        np.testing.assert_allclose(first, second, atol=1e-6)
        assert np.abs(state[f"batch_normalization_{a}/gamma"][0] - first).max() > 1e-3

    with h5py.File(real_file) as f:
        group = f["optimizer_weights"]
        stored = [group[name][()] for name in string_attribute(group, "weight_names")]
        settings = json.loads(f.attrs["training_config"])["optimizer_config"]["config"]
        layers = f["model_weights"]
        names = [name for layer in string_attribute(layers, "layer_names")
                 for name in string_attribute(layers[layer], "weight_names") if "moving" not in name]
    assert int(model.optimizer.iterations.numpy()) == int(stored[0])
    assert model.optimizer.learning_rate.numpy() == np.float32(settings["lr"])
    ordered = sorted(names)
    for i, name in enumerate(ordered):
        path = re.sub(r"^(.*?_\d+)(_1)?/", r"\1/", name.removesuffix(":0"))
        for kind in (0, 1):
            assert same_bytes(state[path][kind], stored[1 + kind * len(names) + i]), path

    fresh(tf_keras)
    reference = tf_keras.models.load_model(real_file, compile=False)
    own = tf_keras.optimizers.legacy.Adam(learning_rate=settings["lr"], epsilon=settings["epsilon"])
    reference.compile(own, "categorical_crossentropy", run_eagerly=True)
    model.run_eagerly = True
    own._create_all_weights(reference.trainable_variables)
    places = [ordered.index(name) for name in names]
    own.set_weights([np.int64(stored[0])] + [stored[1 + kind * len(names) + i] for kind in (0, 1) for i in places])
    rng = np.random.default_rng(5)
    shape, classes = model.input_shape[1:], model.output_shape[-1]
    batch = rng.normal(size=(4, *shape)).astype("float32")
    np.testing.assert_allclose(model.predict(batch, verbose=0), reference.predict(batch, verbose=0), rtol=1e-4, atol=1e-6)
    for _ in range(2):
        x = rng.normal(size=(4, *shape)).astype("float32")
        y = np.eye(classes, dtype="float32")[rng.integers(0, classes, 4)]
        ours = model.train_on_batch(x, y)
        theirs = reference.train_on_batch(x, y)
        np.testing.assert_allclose(ours[0] if isinstance(ours, list) else ours, theirs, rtol=1e-4)
    # Moving variances are not compared: tf_keras' fused kernel corrects them for the size of the batch.
    for a, b in zip(model.trainable_variables, reference.trainable_variables):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)


LAYERS = 11  # so that "dense_10" comes before "dense_2" where names are sorted
BATCHES = [(np.random.default_rng(i).normal(size=(4, 3)).astype("float32"),
            np.random.default_rng(50 + i).normal(size=(4, 3)).astype("float32")) for i in range(6)]


def network(framework, optimizer):
    fresh(framework)
    framework.utils.set_random_seed(3)
    L = framework.layers
    x = first = framework.Input((3,), name="input_1")
    for i in range(1, LAYERS + 1):
        x = L.Dense(3, activation="tanh", name=f"dense_{i}")(x)
    model = framework.Model(first, x, name="model_1")
    model.compile(optimizer, "mse", run_eagerly=True)
    return model


def train(model, batches):
    for x, y in batches:
        model.train_on_batch(x, y)


# Class, tf_keras' arguments, its slots as tf_keras calls them, whether Keras 2.0 to 2.2 keep the number of steps.
HISTORIC = {
    "adam": ("Adam", {}, ["m", "v"], True),
    "amsgrad": ("Adam", {"amsgrad": True}, ["m", "v", "vhat"], True),
    "decay": ("Adam", {"decay": 0.1}, ["m", "v"], True),
    "adamax": ("Adamax", {}, ["m", "v"], True),
    "sgd": ("SGD", {"momentum": 0.9, "nesterov": True}, ["momentum"], True),
    "plain_sgd": ("SGD", {"momentum": 0.0}, [], True),
    "adagrad": ("Adagrad", {"initial_accumulator_value": 0.0}, ["accumulator"], False),
    "adadelta": ("Adadelta", {}, ["accum_grad", "accum_var"], False),
    "rmsprop": ("RMSprop", {}, ["rms"], False),
}
# Keras 3 adds epsilon to the square and not to its root: where gradients are small it steps otherwise.
EPSILON_BELOW_THE_ROOT = {"RMSprop", "Adagrad"}
VERSIONS = ["2.0.5", "2.0.6", "2.2.5", "2.3.1"]
WORDS = {"momentum": "moment", "accum_grad": "accumulator", "accum_var": "delta_accumulator", "rms": "accumulator"}


def rearranged(path, version, name, rate=0.03):
    """Makes tf_keras' file with a legacy optimizer one that the old version would have written."""
    class_name, arguments, slots, counts_always = HISTORIC[name]
    with h5py.File(path, "r+") as f:
        old = f["optimizer_weights"]
        values = {key: old[key][()] for key in string_attribute(old, "weight_names")}
        layers = f["model_weights"]
        weights = [key for layer in string_attribute(layers, "layer_names")
                   for key in string_attribute(layers[layer], "weight_names")]
        if version == "2.0.5":
            weights.sort()
        scope = "" if version in ("2.0.5", "2.0.6") else f"training/{class_name}/"
        listed = []
        if counts_always or version == "2.3.1":
            count = next(v for k, v in values.items() if k.endswith("/iter:0"))
            listed.append((f"{class_name}/iterations:0" if scope else "iterations:0",
                           np.float32(count) if version in ("2.0.5", "2.0.6") else np.int64(count)))
        slots = slots or ["momentum"]
        shapes = {w: next(layers[l][w].shape for l in layers if w in layers[l]) for w in weights}
        spare = class_name == "Adam" and "vhat" not in slots and version in ("2.2.5", "2.3.1")
        number = 0
        for slot in slots + ["vhat"] * spare:
            for i, weight in enumerate(weights):
                value = values.get(f"{class_name}/{weight[:-2]}/{slot}:0")
                if value is None:
                    value = np.zeros(1 if spare and slot == "vhat" else shapes[weight], "float32")
                label = f"{WORDS.get(slot, slot)}_{i}" if version == "2.3.1" else f"Variable_{number}" if number else "Variable"
                listed.append((f"{scope}{label}:0", value))
                number += 1
        del f["optimizer_weights"]
        group = f.create_group("optimizer_weights")
        group.attrs["weight_names"] = [key.encode() for key, _ in listed]
        for key, value in listed:
            group[key] = value
        config = {"lr": rate, "decay": 0.0, **arguments}
        config.pop("initial_accumulator_value", None)
        if class_name not in ("SGD",):
            config["epsilon"] = 1e-7
        training = json.loads(f.attrs["training_config"])
        training["optimizer_config"] = {"class_name": class_name, "config": config}
        f.attrs["training_config"] = json.dumps(training)
        for holder in (f, f["model_weights"]):
            holder.attrs["keras_version"] = version


def check_slots(model, source, slots):
    """Each weight has the very slots it had, whichever way they are listed."""
    kept = [v.numpy() for v in model.optimizer.variables if v.shape.rank]
    assert len(kept) == len(slots) * len(source.trainable_variables)
    alternating, last = (slots[:2], slots[2:]) if len(slots) > 1 else (slots, [])
    order = [(w, slot) for w in source.trainable_variables for slot in alternating]
    order += [(w, slot) for slot in last for w in source.trainable_variables]
    for value, (weight, slot) in zip(kept, order, strict=True):
        assert same_bytes(value, source.optimizer.get_slot(weight, slot).numpy()), (weight.name, slot)


@pytest.mark.parametrize("name", HISTORIC)
def test_every_class_goes_on(name, tmp_path):
    class_name, arguments, slots, counts = HISTORIC[name]
    own = getattr(tf_keras.optimizers.legacy, class_name)
    source = network(tf_keras, own(learning_rate=0.03, **arguments))
    train(source, BATCHES[:3])
    for version in VERSIONS:
        path = tmp_path / f"{version}.h5"
        source.save(path)
        rearranged(path, version, name)
        model, done = opened(tmp_path / f"{version}.keras", path)
        steps = 3 if counts or version == "2.3.1" else 0
        assert int(model.optimizer.iterations.numpy()) == steps
        assert ("counts from 0" in done.stderr) == (steps == 0)
        check_slots(model, source, slots)
    if class_name in EPSILON_BELOW_THE_ROOT:
        return
    model.run_eagerly = True
    train(source, BATCHES[3:])
    train(model, BATCHES[3:])
    for ours, theirs in zip(model.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_state_that_does_not_fit_stays_behind(tmp_path):
    """One slot too few: what belongs to what cannot be told, and nothing is carried."""
    source = network(tf_keras, tf_keras.optimizers.legacy.Adam(learning_rate=0.03))
    train(source, BATCHES[:1])
    source.save(tmp_path / "source.h5")
    rearranged(tmp_path / "source.h5", "2.0.5", "adam")
    with h5py.File(tmp_path / "source.h5", "r+") as f:
        group = f["optimizer_weights"]
        names = list(group.attrs["weight_names"])
        del group[names[-1]]
        group.attrs["weight_names"] = names[:-1]
    done = tool.convert(tmp_path / "source.h5", tmp_path / "out.keras")
    assert "43 variables" in done.stderr and "22 trainable weights" in done.stderr, done.stderr
    fresh(keras)
    model = keras.models.load_model(tmp_path / "out.keras")
    assert int(model.optimizer.iterations.numpy()) == 0
