# SPDX-License-Identifier: Apache-2.0
"""Compiled models with several outputs: Keras 2 spreads losses, weights and metrics over them by other rules than Keras 3."""

import numpy as np
import pytest
import tool
from frameworks import fresh, keras, tf_keras

X = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")
Y = [np.eye(2, dtype="float32")[[0, 1, 1, 0, 1, 0]], np.random.default_rng(2).normal(size=(6, 1)).astype("float32")]
METRIC = tf_keras.metrics.MeanSquaredError
COMPILED = {
    "one metric": {"loss": "mse", "metrics": ["mae"]},
    "as many metrics as outputs": {"loss": "mse", "metrics": ["mae", "mse"]},
    "more metrics": {"loss": "mse", "metrics": ["mae", "mse", "mape"]},
    "a name": {"loss": "mse", "metrics": "mae"},
    "an object": {"loss": "mse", "metrics": lambda: [METRIC(name="z")]},
    "weighted": {"loss": ["mse", "mae"], "weighted_metrics": ["mae"]},
    "accuracy": {"loss": ["categorical_crossentropy", "mse"], "metrics": ["accuracy"]},
    "by name": {"loss": {"p": "categorical_crossentropy", "q": "mse"}, "metrics": {"p": "accuracy"}},
    "each": {"loss": "mse", "metrics": [["mae"], ["mse", "mae"]]},
    "loss of one output": {"loss": {"p": "categorical_crossentropy"}},
    "one loss, weights": {"loss": "mse", "loss_weights": [0.2, 0.7]},
    "one loss object, weights": {"loss": lambda: tf_keras.losses.Huber(0.3), "loss_weights": [0.2, 0.7]},
    "one loss, weights by name": {"loss": "mse", "loss_weights": {"q": 0.7, "p": 0.2}},
    "one weight": {"loss": {"p": "mae", "q": "mse"}, "loss_weights": {"q": 0.7}},
    "losses, weights by name": {"loss": ["mae", "mse"], "loss_weights": {"q": 0.7}},
    "loss of one output, its weight": {"loss": {"q": "mse"}, "loss_weights": {"q": 0.5}, "metrics": {"q": ["mae", "mape"]}},
}


def made(value):
    return value() if callable(value) else value


def values(model):
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    return [found["loss"], *sorted(value for name, value in found.items() if name not in ("loss", "p_loss", "q_loss"))]


@pytest.mark.parametrize("file", ["a.keras", "a.h5", "a"])
def test_what_each_output_is_measured_by(file, tmp_path):
    differ = {}
    for name, arguments in COMPILED.items():
        fresh(tf_keras)
        i = tf_keras.Input((3,))
        model = tf_keras.Model(i, [tf_keras.layers.Dense(2, name="p", activation="softmax")(i), tf_keras.layers.Dense(1, name="q")(i)])
        model.compile("sgd", **{key: made(value) for key, value in arguments.items()})
        expected = values(model)
        model.save(str(tmp_path / file), **({"save_format": "tf"} if file == "a" else {}))
        tool.convert(tmp_path / file, tmp_path / "b.keras", "-f")
        try:
            found = values(keras.models.load_model(tmp_path / "b.keras"))
        except Exception as error:
            differ[name] = str(error)[:200]
            continue
        if len(found) != len(expected) or not np.allclose(found, expected, rtol=1e-4):
            differ[name] = f"{found} is not {expected}"
    assert not differ
