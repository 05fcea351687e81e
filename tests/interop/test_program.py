# SPDX-License-Identifier: Apache-2.0
"""A C++ program's structs (tests/support/program_tool.cpp) and the real Keras: each loads what the other saved."""

import json
import os
import subprocess

import numpy as np
import pytest
from frameworks import is_keras3, keras, tf_keras
from tool import lacking

FLAVORS = {"keras3": keras, "tf_keras": tf_keras}


def program(*arguments):
    path = os.path.join(os.environ["BALLAST_BUILD"], "tests/support/program_tool")
    if not os.access(path, os.X_OK):
        lacking("built without Boost.PFR")
    done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return np.array(done.stdout.split(), dtype=np.float32)


def network(framework):
    """The struct Net of the program."""
    layers = framework.layers
    model = framework.Sequential(
        [
            layers.Input((6, 4)),
            layers.Dense(5, activation="tanh"),
            layers.LSTM(3),
            layers.BatchNormalization(),
            layers.Dense(2),
        ]
    )
    for number, variable in enumerate(model.variables):
        variable.assign(np.random.default_rng(number).uniform(0.1, 1, variable.shape))
    return model


def inputs():
    """As the program makes them."""
    return (np.arange(6 * 4, dtype=np.float32).reshape(1, 6, 4) % 7 - 3) / 4


# tf_keras has no shards; Keras 3's order of weights in a legacy .h5 is test_to_legacy.py's.
@pytest.mark.parametrize("suffix, flavor", [(".weights.h5", "keras3"), (".weights.h5", "tf_keras"), (".h5", "tf_keras"),
                                            (".weights.json", "keras3")])
def test_keras_loads_what_the_program_saved(flavor, suffix, tmp_path):
    path = tmp_path / f"net{suffix}"
    expected = program("save", path, flavor)
    model = network(FLAVORS[flavor])
    model.load_weights(str(path))
    np.testing.assert_allclose(np.ravel(model.predict(inputs(), verbose=0)), expected, rtol=1e-5)


@pytest.mark.parametrize("flavor,suffix", [("keras3", ".keras"), ("tf_keras", ".h5")])
def test_whole_models_with_an_architecture_from_keras(flavor, suffix, tmp_path):
    framework = FLAVORS[flavor]
    (tmp_path / "net.json").write_text(network(framework).to_json())
    expected = program("model", tmp_path / f"net{suffix}", tmp_path / "net.json")
    model = framework.models.load_model(str(tmp_path / f"net{suffix}"))
    np.testing.assert_allclose(np.ravel(model.predict(inputs(), verbose=0)), expected, rtol=1e-5)


@pytest.mark.parametrize("flavor", FLAVORS)
def test_the_program_loads_what_keras_saved(flavor, tmp_path):
    model = network(FLAVORS[flavor])
    expected = np.ravel(model.predict(inputs(), verbose=0))
    suffixes = [".weights.h5", ".keras", ".h5"] + ([] if is_keras3(FLAVORS[flavor]) else ["-w.h5"])
    for suffix in suffixes:
        path = tmp_path / f"net{suffix}"
        save = model.save if suffix in (".keras", ".h5") else model.save_weights
        save(str(path))
        np.testing.assert_allclose(program("run", path), expected, rtol=1e-5, err_msg=suffix)


def trained(optimizer):
    """The network after three steps, and the data of a fourth."""
    model = network(keras)
    model.compile(optimizer=optimizer, loss="mse")
    random = np.random.default_rng(3)
    data = random.normal(size=(8, 6, 4)).astype(np.float32), random.normal(size=(8, 2)).astype(np.float32)
    for _ in range(3):
        model.train_on_batch(*data)
    return model, data


@pytest.mark.parametrize("verb, optimizer", [
    ("adam", keras.optimizers.Adam(0.01)),
    ("sgd", keras.optimizers.SGD(0.02, momentum=0.9)),
])
def test_keras_goes_on_with_the_programs_optimizer(verb, optimizer, tmp_path):
    model, data = trained(optimizer)
    model.save(tmp_path / "a.keras")
    (tmp_path / "net.json").write_text(model.to_json())
    printed = program(verb, tmp_path / "a.keras", tmp_path / "net.json", tmp_path / "b.keras")
    slots = [variable for variable in model.optimizer.variables[2:] if variable.path.endswith("bias_momentum")]
    np.testing.assert_array_equal(printed, np.float32([3, optimizer.learning_rate, *np.array(slots[-1])]))
    back = keras.models.load_model(tmp_path / "b.keras")
    for ours, theirs in zip(back.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.array(ours), np.array(theirs), err_msg=theirs.path)
    assert back.train_on_batch(*data) == model.train_on_batch(*data)
    for ours, theirs in zip(back.weights, model.weights, strict=True):
        np.testing.assert_array_equal(np.array(ours), np.array(theirs), err_msg=theirs.path)

    program(verb, tmp_path / "a.keras", tmp_path / "net.json", tmp_path / "bare.keras", "bare")
    bare = keras.models.load_model(tmp_path / "bare.keras")
    assert int(bare.optimizer.iterations) == 0
    for ours, theirs in zip(bare.get_weights(), keras.models.load_model(tmp_path / "a.keras").get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


# Class, options, slots for each weight.
OPTIMIZERS = [("Adam", {}, 2), ("SGD", {}, 0), ("SGD", {"momentum": 0.9}, 1), ("RMSprop", {}, 1), ("Adagrad", {}, 1), ("Adadelta", {}, 2),
              ("Adamax", {}, 2), ("AdamW", {"weight_decay": 0.01}, 2), ("Ftrl", {}, 2), ("Lion", {}, 1), ("Nadam", {}, 2)]
# The flavour and the name of what the program saves.
TARGETS = [("tf_keras", "whole.h5"), ("tf_keras", "whole.keras"), ("", "saved_model/"), ("", "ckpt"), ("keras3", "own.h5")]


def step(model, data, times=1):
    for _ in range(times):
        loss = model.train_on_batch(*data)
    return loss


def small(framework):
    """The network; eagerly, since tracing takes longer than these steps."""
    random = np.random.default_rng(3)
    data = random.normal(size=(8, 6, 4)).astype(np.float32), random.normal(size=(8, 2)).astype(np.float32)
    return network(framework), data


def compiled_config(model):
    """tf_keras' to_json() leaves out what the model is compiled with."""
    optimizer = tf_keras.optimizers.serialize(model.optimizer)
    return json.loads(model.to_json()) | {"compile_config": {"optimizer": optimizer, "loss": "mse"}}


def slots_of(optimizer):
    """The arrays alone, in the frameworks' common order."""
    return [np.array(variable) for variable in optimizer.variables if np.array(variable).ndim]


def opened_by_tf_keras(path, name, optimizer):
    """What the program saved, in tf_keras; a checkpoint goes into a model of the same optimizer."""
    if name != "ckpt":
        back = tf_keras.models.load_model(str(path))
        assert back.optimizer is not None, name
        if name == "saved_model/":  # it restores the state once the optimizer has its variables
            back.optimizer.build(back.trainable_variables)
    else:
        back = network(tf_keras)
        back.compile(optimizer=optimizer, loss="mse")
        back.optimizer.build(back.trainable_variables)
        back.load_weights(str(path)).expect_partial()
    back.compile(optimizer=back.optimizer, loss="mse", run_eagerly=True)
    return back


@pytest.mark.parametrize("name, options, slots", OPTIMIZERS, ids=lambda value: str(value))
def test_every_format_takes_the_optimizer_along(name, options, slots, tmp_path):
    """Keras 3 trains; the program passes it on to the others, which do Keras 3's next step; and back again."""

    def made(framework):
        return getattr(framework.optimizers, name)(learning_rate=0.02, **options)

    model, data = small(keras)
    model.compile(optimizer=made(keras), loss="mse", run_eagerly=True)
    step(model, data, 2)
    model.optimizer.learning_rate.assign(0.03)  # another than the config's
    model.save(tmp_path / "a.keras")
    (tmp_path / "net.json").write_text(model.to_json())
    before, slots_before = [np.array(v) for v in model.optimizer.variables], slots_of(model.optimizer)
    for flavor, file in TARGETS:
        printed = program("pass", slots, tmp_path / "a.keras", f"{tmp_path}/{file}", flavor, tmp_path / "net.json")
        np.testing.assert_array_equal(printed, np.float32([2, 0.03]))
        # The program reads back what it wrote. Nadam's last variable is a product of all its steps.
        program("pass", slots, f"{tmp_path}/{file}".rstrip("/"), tmp_path / "b.keras", "", tmp_path / "net.json")
        back = keras.models.load_model(tmp_path / "b.keras").optimizer.variables
        for number, (ours, theirs) in enumerate(zip(back, before, strict=True)):
            product = name == "Nadam" and number + 1 == len(before)
            np.testing.assert_allclose(np.array(ours), theirs, rtol=1e-6 if product else 0, err_msg=file)
        (tmp_path / "b.keras").unlink()
    loss = step(model, data)
    for flavor, file in TARGETS:
        if flavor == "keras3":  # Keras 3 opens its own .h5, but does not go on training it
            continue
        theirs = opened_by_tf_keras(tmp_path / file, file, made(tf_keras))
        assert int(theirs.optimizer.iterations) == 2, file
        np.testing.assert_allclose(float(theirs.optimizer.learning_rate.numpy()), 0.03, rtol=1e-6, err_msg=file)
        ours = slots_of(theirs.optimizer)  # an SGD without momentum has some in tf_keras
        for one, other in zip(ours if slots else [], slots_before, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=file)
        assert slots or not any(array.any() for array in ours)
        if name == "Nadam":  # has another rule for its product
            continue
        np.testing.assert_allclose(step(theirs, data), loss, rtol=1e-5, err_msg=file)
        for one, other in zip(theirs.weights, model.weights, strict=True):
            np.testing.assert_allclose(np.array(one), np.array(other), rtol=1e-5, atol=1e-6, err_msg=file)


@pytest.mark.parametrize("name, slots", [("Adam", 2), ("SGD", 0)])
def test_the_program_goes_on_with_tf_keras_optimizer(name, slots, tmp_path):
    """tf_keras trains; Keras 3 does its next step with what the program loaded."""
    model, data = small(tf_keras)
    model.compile(optimizer=getattr(tf_keras.optimizers, name)(0.02), loss="mse", run_eagerly=True)
    step(model, data, 2)
    (tmp_path / "net.json").write_text(json.dumps(compiled_config(model)))
    model.save(tmp_path / "whole.h5")
    model.save(tmp_path / "whole.keras")
    model.save(tmp_path / "saved_model", save_format="tf", save_traces=False)
    model.save_weights(tmp_path / "ckpt")
    backs = []
    for file in ("whole.h5", "whole.keras", "saved_model", "ckpt"):
        config = [tmp_path / "net.json"] if file == "ckpt" else []
        np.testing.assert_array_equal(program("pass", slots, tmp_path / file, tmp_path / "b.keras", "", *config), np.float32([2, 0.02]))
        backs.append(keras.models.load_model(tmp_path / "b.keras"))
        for ours, theirs in zip(slots_of(backs[-1].optimizer), slots_of(model.optimizer)):
            np.testing.assert_array_equal(ours, theirs, err_msg=file)
        (tmp_path / "b.keras").unlink()
    loss = step(model, data)
    for back in backs:
        back.compile(optimizer=back.optimizer, loss="mse", run_eagerly=True)
        np.testing.assert_allclose(step(back, data), loss, rtol=1e-5)
        for one, other in zip(back.weights, model.weights, strict=True):
            np.testing.assert_allclose(np.array(one), np.array(other), rtol=1e-5, atol=1e-6)
