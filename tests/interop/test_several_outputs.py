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


def two_outputs(framework):
    fresh(framework)
    i = framework.Input((3,))
    return framework.Model(i, [framework.layers.Dense(2, name="p", activation="softmax")(i), framework.layers.Dense(1, name="q")(i)])


def compare(path, framework, expected, name, differ):
    try:
        found = values(framework.models.load_model(path))
    except Exception as error:
        differ[name] = str(error)[:200]
        return
    if len(found) != len(expected) or not np.allclose(found, expected, rtol=1e-4):
        differ[name] = f"{found} is not {expected}"


@pytest.mark.parametrize("file", ["a.keras", "a.h5", "a"])
def test_what_each_output_is_measured_by(file, tmp_path):
    differ = {}
    for name, arguments in COMPILED.items():
        model = two_outputs(tf_keras)
        model.compile("sgd", **{key: made(value) for key, value in arguments.items()})
        expected = values(model)
        model.save(str(tmp_path / file), **({"save_format": "tf"} if file == "a" else {}))
        tool.convert(tmp_path / file, tmp_path / "b.keras", "-f")
        compare(tmp_path / "b.keras", keras, expected, name, differ)
        # "accuracy" means what the outputs' shapes say, so that its name stays the same for each.
        if file == "a.keras" and name != "accuracy":
            tool.convert(tmp_path / file, tmp_path / "b.h5", "-f")
            compare(str(tmp_path / "b.h5"), tf_keras, expected, f"{name}, .h5", differ)
    assert not differ


OF_KERAS_3 = {
    "a metric each": {"loss": "mse", "metrics": ["mae", "mse"]},
    "lists": {"loss": "mse", "metrics": [["mae"], ["mse", "mae"]]},
    "by name": {"loss": {"p": "mse", "q": "mae"}, "metrics": {"q": ["mae"]}, "loss_weights": {"p": 0.2, "q": 0.7}},
    "objects": {"loss": ["mse", "mae"], "metrics": lambda: [keras.metrics.MeanSquaredError(name="z"), keras.metrics.MeanAbsoluteError()]},
    "weighted": {"loss": ["mse", "mae"], "weighted_metrics": [["mae"], None], "loss_weights": [0.2, 0.7]},
    "some": {"loss": ["categorical_crossentropy", None], "metrics": ["accuracy", None]},
}


@pytest.mark.parametrize("target", ["b.keras", "b.h5", "b"])
def test_and_back(target, tmp_path):
    """To Keras 3 a list is one metric for each output, to Keras 2 it is all of them for every output."""
    differ = {}
    for name, arguments in OF_KERAS_3.items():
        model = two_outputs(keras)
        model.compile("sgd", **{key: made(value) for key, value in arguments.items()})
        expected = values(model)
        model.save(tmp_path / "a.keras")
        path = tmp_path / name / target
        path.parent.mkdir()
        tool.convert(tmp_path / "a.keras", path, *(("--to", "saved_model") if target == "b" else ("--flavor", "tf_keras")))
        compare(str(path), tf_keras, expected, name, differ)
    assert not differ
