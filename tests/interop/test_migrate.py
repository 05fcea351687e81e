# SPDX-License-Identifier: Apache-2.0
"""Config migration judged by the real Keras 3: tf_keras models, their configs brought over by migrate_config.

Whole files, by the hundred: test_migrate_scores.py and test_applications.py.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from frameworks import fresh, keras, tf, tf_keras

from migrate_graphs import GRAPHS
import tool as ballast_tool
from tool import lacking


class Tool:
    """One migrate_config process for the whole file: a line in, a line out."""

    def __init__(self):
        program = Path(os.environ.get("BALLAST_BUILD", "build")) / "tests" / "support" / "migrate_config"
        if not program.exists():
            lacking(f"{program} is not built")
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, model, **more):
        config = json.loads(model) if isinstance(model, str) else model
        self.process.stdin.write(json.dumps({"model": config, **more}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer
        return answer


@pytest.fixture(scope="module")
def tool():
    one = Tool()
    yield one
    one.process.stdin.close()
    assert one.process.wait(10) == 0


def refusals(answer):
    return [note for note in answer["notes"] if note[0] == "refused"]


def randomise(model, seed):
    values = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.dtype.is_floating:
            variable.assign(values.uniform(0.2, 0.8, variable.shape).astype(variable.dtype.as_numpy_dtype))


def is_model(layer):
    return hasattr(layer, "layers") and not hasattr(layer, "forward_layer")


def copy_weights(old, new, renamed, path=""):
    """Layer by layer, found by name; trainable ones first, as both frameworks list them."""
    for layer in old.layers:
        name = renamed.get(path + layer.name, path + layer.name).rsplit("/", 1)[-1]
        if not layer.weights:
            continue
        twin = next(one for one in new.layers if one.name == name)
        if is_model(layer):
            copy_weights(layer, twin, renamed, path + layer.name + "/")
            continue
        source = [w.numpy() for w in layer.trainable_weights + layer.non_trainable_weights]
        assert [w.shape for w in source] == [tuple(w.shape) for w in twin.trainable_variables + twin.non_trainable_variables
                                             if "seed_generator" not in w.path], layer.name
        targets = [w for w in twin.trainable_variables + twin.non_trainable_variables if "seed_generator" not in w.path]
        for value, target in zip(source, targets):
            target.assign(value)


def inputs_of(model, seed):
    values = np.random.default_rng(seed)

    def one(tensor):
        shape = [size or 2 for size in tensor.shape]
        if tensor.dtype.is_integer:
            return values.integers(0, 4, shape).astype(tensor.dtype.as_numpy_dtype)
        return values.uniform(0.2, 0.95, shape).astype(tensor.dtype.as_numpy_dtype)

    return tf.nest.map_structure(one, model.input)


def test_lambda_is_refused(tool):
    model = tf_keras.Sequential([tf_keras.Input((3,)), tf_keras.layers.Lambda(lambda x: x + 1)])
    assert [note[2] for note in refusals(tool(model.to_json()))] == ["Lambda"]


def test_custom_class_passes_through(tool):
    class Mine(tf_keras.layers.Layer):
        pass

    class Mine3(keras.layers.Layer):
        pass

    answer = tool(tf_keras.Sequential([tf_keras.Input((3,)), Mine(name="mine"), tf_keras.layers.Dense(2)]).to_json())
    assert answer["custom_objects"] == ["Mine"] and not refusals(answer)
    model = keras.saving.deserialize_keras_object(answer["model"], custom_objects={"Mine": Mine3})
    assert isinstance(model.get_layer("mine"), Mine3)


O = tf_keras.optimizers
OPTIMIZERS = {
    "SGD": lambda: O.SGD(0.1), "SGD-momentum": lambda: O.SGD(0.1, momentum=0.9, nesterov=True), "Adam": lambda: O.Adam(0.01),
    "Adam-amsgrad": lambda: O.Adam(0.01, amsgrad=True), "AdamW": lambda: O.AdamW(0.01), "Adamax": lambda: O.Adamax(0.01),
    "RMSprop": lambda: O.RMSprop(0.01), "RMSprop-centered": lambda: O.RMSprop(0.01, centered=True, momentum=0.5),
    "Adagrad": lambda: O.Adagrad(0.1), "Adadelta": lambda: O.Adadelta(0.5), "Ftrl": lambda: O.Ftrl(0.1), "Lion": lambda: O.Lion(0.01),
    "clipped": lambda: O.Adam(0.01, clipnorm=0.5), "legacy-SGD": lambda: O.legacy.SGD(0.1, decay=0.1),
    "legacy-Adam": lambda: O.legacy.Adam(0.01, decay=0.1), "legacy-Adagrad": lambda: O.legacy.Adagrad(0.1),
    "legacy-Adamax": lambda: O.legacy.Adamax(0.01), "legacy-Adadelta": lambda: O.legacy.Adadelta(0.5),
    "legacy-Ftrl": lambda: O.legacy.Ftrl(0.1), "exponential": lambda: O.SGD(O.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "cosine": lambda: O.SGD(O.schedules.CosineDecay(0.1, 5)), "piecewise": lambda: O.SGD(O.schedules.PiecewiseConstantDecay([2], [0.1, 0.01])),
    "polynomial": lambda: O.SGD(O.schedules.PolynomialDecay(0.1, 5)), "inverse": lambda: O.SGD(O.schedules.InverseTimeDecay(0.1, 2, 0.5)),
    "restarts": lambda: O.SGD(O.schedules.CosineDecayRestarts(0.1, 3))}


def train(model, batches):
    return [np.ravel(model.train_on_batch(*batch))[0] for batch in batches]


def compiled(tool, model, **arguments):
    """The model in Keras 3, compiled by the migrated config."""
    from tf_keras.src.saving.legacy import saving_utils
    from tf_keras.src.saving.legacy.saved_model import json_utils

    model.compile(**arguments)
    randomise(model, 3)
    training = saving_utils.model_metadata(model, include_optimizer=True)["training_config"]
    answer = tool(model.to_json(), training=json.loads(json.dumps(training, default=json_utils.get_json_type)))
    assert not [note for note in answer["compile_notes"] if note[0] == "refused"]
    new = keras.saving.deserialize_keras_object(answer["model"])
    new.compile_from_config(answer["compile"])
    copy_weights(model, new, answer["renamed"])
    return new, answer


def small_model():
    return tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(3, activation="tanh"), tf_keras.layers.Dense(2)])


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_optimizer_steps(tool, case):
    fresh(tf_keras)
    model = small_model()
    new, _ = compiled(tool, model, optimizer=OPTIMIZERS[case](), loss="mse", run_eagerly=True)
    new.run_eagerly = True
    values = np.random.default_rng(1)
    batches = [(values.normal(size=(8, 4)).astype("float32"), values.normal(size=(8, 2)).astype("float32"))] * 3
    np.testing.assert_allclose(train(new, batches), train(model, batches), rtol=1e-4)
    for a, b in zip(model.get_weights(), new.get_weights()):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


def test_metrics_of_several_outputs(tool):
    fresh(tf_keras)
    model = GRAPHS["multi_output"]()
    new, answer = compiled(tool, model, optimizer="adam", loss={"left": "mse", "right": "mae"}, loss_weights={"left": 2.0, "right": 1.0},
                           metrics={"left": ["mae", tf_keras.metrics.MeanSquaredError(name="m2")], "right": []})
    x = {name: np.random.default_rng(1).normal(size=(6, 4)).astype("float32") for name in ("a", "b")}
    y = [np.zeros((6, 2), "float32"), np.ones((6, 1), "float32")]
    mine = model.evaluate([x["a"], x["b"]], y, verbose=0, return_dict=True)
    theirs = new.evaluate([x["a"], x["b"]], y, verbose=0, return_dict=True)
    assert abs(mine["loss"] - theirs["loss"]) < 1e-4
    assert {"left_mae", "left_m2"} <= set(theirs) or {"left_mean_absolute_error", "left_m2"} <= set(theirs), (mine, theirs, answer["compile"])
    np.testing.assert_allclose(theirs["left_m2"], mine["left_m2"], rtol=1e-4)


@pytest.mark.parametrize("name", ["fer2013_mini_XCEPTION.00-0.47.hdf5", "gender_mini_XCEPTION.21-0.95.hdf5"])
def test_real_keras2_file(tool, zoo, name):
    import h5py

    path = zoo / "keras2" / name
    with h5py.File(path) as file:
        text = {key: json.loads(file.attrs[key]) for key in ("model_config", "training_config")}
    answer = tool(text["model_config"], training=text["training_config"], keras_version="2.0.5")
    assert not refusals(answer) and not answer["custom_objects"]
    new = keras.saving.deserialize_keras_object(answer["model"])
    new.compile_from_config(answer["compile"])
    assert new.optimizer.__class__.__name__ == "Adam" and new.count_params() > 50000
    old = tf_keras.models.load_model(path, compile=False)
    copy_weights(old, new, answer["renamed"])
    given = inputs_of(old, 1)
    np.testing.assert_allclose(new(given), old(given), rtol=1e-4, atol=1e-6)


def test_a_window_over_channels_is_refused(tmp_path):
    """Keras pools over places alone; taken for another layout the window would go over the width."""
    inputs = tf_keras.Input((8, 8, 4))
    tf_keras.Model(inputs, tf.nn.max_pool(inputs, [1, 1, 1, 2], [1, 1, 1, 2], "SAME")).save(tmp_path / "a.h5")
    ballast_tool.convert(tmp_path / "a.h5", tmp_path / "b.keras", expect=ballast_tool.REFUSED)
    assert not (tmp_path / "b.keras").exists()
