# SPDX-License-Identifier: Apache-2.0
"""The demo does what it promises: the trained Keras 2 checkpoint, converted, works in Keras 3 as it did in tf_keras."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from frameworks import keras, tf_keras

DEMO = pathlib.Path(__file__).resolve().parent.parent / "data" / "demo"
sys.path.append(str(DEMO))
import keras3_model  # noqa: E402
import train  # noqa: E402


@pytest.fixture(scope="module")
def old_model():
    return tf_keras.models.load_model(DEMO / "digits.h5")


@pytest.fixture(scope="module")
def new_model(tmp_path_factory):
    """The Keras 3 network with every weight randomised, then loaded from our file."""
    converted = tmp_path_factory.mktemp("demo") / "digits.weights.h5"
    subprocess.run([os.environ["BALLAST_TOOL"], "convert", DEMO / "digits.h5", converted], check=True)
    model = keras3_model.build()
    random = np.random.default_rng(3)
    for variable in model.weights:
        variable.assign(random.normal(size=variable.shape))
    model.load_weights(converted)
    return model


def weights_by_role(layer):
    return {variable.name.split("/")[-1].split(":")[0]: np.asarray(variable) for variable in layer.weights}


def layers_with_weights(model):
    return [layer for layer in model.layers if layer.weights]


def test_every_weight_is_bit_equal(old_model, new_model):
    old_layers, new_layers = layers_with_weights(old_model), layers_with_weights(new_model)
    assert len(old_layers) == len(new_layers) == 6
    for old, new in zip(old_layers, new_layers):
        expected, got = weights_by_role(old), weights_by_role(new)
        assert expected.keys() == got.keys()
        for role, value in expected.items():
            assert value.tobytes() == got[role].tobytes(), f"{old.name}/{role}"


def test_predictions_and_accuracy_agree(old_model, new_model):
    _, images, _, labels = train.data()
    expected = old_model.predict(images, verbose=0)
    got = new_model.predict(images, verbose=0)
    np.testing.assert_allclose(np.log(got), np.log(expected), rtol=1e-4, atol=1e-4)
    assert (got.argmax(axis=1) == labels).mean() > 0.9
    assert keras.backend.backend() == "tensorflow"
