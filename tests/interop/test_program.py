# SPDX-License-Identifier: Apache-2.0
"""A C++ program's structs (tests/support/program_tool.cpp) and the real Keras: each loads what the other saved."""

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
