# SPDX-License-Identifier: Apache-2.0
"""ModelCheckpoint against the real Keras callback: on the same logs the same files with the same weights."""

import math
import os
import random
import subprocess
import warnings

import h5py
import numpy as np
import pytest
import tensorflow as tf
from frameworks import keras, tf_keras
from tool import lacking

NAN = math.nan


def play(lines):
    path = os.path.join(os.environ["BALLAST_BUILD"], "tests/support/checkpoint_tool")
    if not os.access(path, os.X_OK):
        lacking("built without Boost.PFR")
    done = subprocess.run([path], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def losses(*values, name="val_loss"):
    """Epochs with one value each."""
    return [("epoch", epoch, {name: value}) for epoch, value in enumerate(values)]


def batches(epochs, count, **logs):
    """Epochs of so many batches, each ended by its epoch."""
    calls = []
    for epoch in range(epochs):
        calls += [("batch", epoch, batch, {"loss": 5.0 - epoch - batch / 10}) for batch in range(count)]
        calls.append(("epoch", epoch, {"loss": 5.0 - epoch, **logs}))
    return calls


PLAIN, EPOCH = "best.weights.h5", "{epoch:02d}-{val_loss:.2f}.weights.h5"
BATCH = "b{epoch}-{batch:03d}.weights.h5"
# Name, file name, options, calls.
SAME = [
    ("each epoch", EPOCH, {}, losses(1, 0.5, 0.75)),
    ("each epoch, one name", PLAIN, {}, losses(1, 0.5, 0.75)),
    ("best by loss", PLAIN, {"best_only": 1}, losses(1, 0.5, 0.75, 0.4, 0.4)),
    ("best, names by epoch", EPOCH, {"best_only": 1}, losses(1, 0.5, 0.75, 0.4, 0.4)),
    ("equal is no better", EPOCH, {"best_only": 1}, losses(1, 1, 1)),
    ("later NaN", EPOCH, {"best_only": 1}, losses(1, NAN, 0.5, NAN)),
    ("infinities", EPOCH, {"best_only": 1}, losses(math.inf, 2, -math.inf, -5)),
    ("max", EPOCH, {"best_only": 1, "mode": "max"}, losses(1, 0.5, 2)),
    ("min", EPOCH, {"best_only": 1, "mode": "min"}, losses(1, 0.5, 2)),
    ("accuracy is up", "{epoch}.weights.h5", {"best_only": 1, "monitor": "accuracy"},
     losses(0.5, 0.4, 0.6, name="accuracy")),
    ("val_accuracy is up", "{epoch}.weights.h5", {"best_only": 1, "monitor": "val_accuracy"},
     losses(0.5, 0.4, 0.6, name="val_accuracy")),
    ("training loss", "{epoch}.weights.h5", {"best_only": 1, "monitor": "loss"}, losses(3, 4, 2, name="loss")),
    ("threshold", EPOCH, {"best_only": 1, "threshold": 0.6}, losses(1, 0.5, 0.7, 0.3)),
    ("threshold never reached", EPOCH, {"best_only": 1, "threshold": -1}, losses(1, 0.5)),
    ("every third batch", BATCH, {"freq": 3}, batches(3, 4)),
    ("every batch", BATCH, {"freq": 1}, batches(2, 2)),
    ("rarer than an epoch", BATCH, {"freq": 7}, batches(4, 3)),
    ("batches whose number jumps", BATCH, {"freq": 5},
     [("batch", 0, n, {"loss": 1.0}) for n in (1, 3, 5, 7)] + [("batch", 1, n, {"loss": 1.0}) for n in (2, 5, 8)]),
    ("a folder of its own", "deep/{epoch}/w-{val_loss:08.3e}.weights.h5", {}, losses(123.456, 0.001)),
    ("braces and percent", "{{{epoch:>3}}}-{val_loss:.1%}.weights.h5", {}, losses(0.123, 0.5)),
    ("missing, saved as Keras does", "{epoch}.weights.h5", {"best_only": 1, "missing": "save"},
     losses(1, 2, name="loss")),
    ("resumed epochs", EPOCH, {}, [("epoch", 7, {"val_loss": 1.0}), ("epoch", 8, {"val_loss": 2.0})]),
]


def files(folder):
    """Every checkpoint and the weight in it, which counts the calls."""
    found = {}
    for path in sorted(folder.rglob("*.weights.h5")):
        with h5py.File(path) as file:
            found[str(path.relative_to(folder))] = float(file["layers/dense/vars/0"][0, 0])
    return found


@pytest.fixture(scope="module")
def model():
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(loss="mse", metrics=["accuracy"])
    model.fit(np.ones((1, 1)), np.ones((1, 1)), verbose=0)  # for its metrics
    return model


def keras_plays(model, path, options, calls):
    callback = keras.callbacks.ModelCheckpoint(
        str(path),
        monitor=options.get("monitor", "val_loss"),
        mode=options.get("mode", "auto"),
        save_best_only=options.get("best_only") == 1,
        save_weights_only=True,
        save_freq=options.get("freq", "epoch"),
        initial_value_threshold=options.get("threshold"),
    )
    callback.set_model(model)
    seen = None
    for count, call in enumerate(calls, 1):
        model.layers[0].kernel.assign([[count]])
        if call[1] != seen:
            callback.on_epoch_begin(call[1])
            seen = call[1]
        if call[0] == "batch":
            callback.on_train_batch_end(call[2], call[3])
        else:
            callback.on_epoch_end(call[1], call[2])


def script(path, options, calls):
    words = [f"{name}={value}" for name, value in options.items()]
    lines = [" ".join(["open", str(path), *words])]
    for *numbers, logs in calls:
        lines.append(" ".join([*map(str, numbers), *(f"{name}={value!r}" for name, value in logs.items())]))
    return lines


def test_the_same_files_as_keras(model, tmp_path):
    lines = []
    for number, (_, name, options, calls) in enumerate(SAME):
        (tmp_path / f"ours{number}").mkdir()
        lines += script(tmp_path / f"ours{number}" / name, options, calls)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the missing monitor
            keras_plays(model, tmp_path / f"keras{number}" / name, options, calls)
    play(lines)
    for number, (title, *_) in enumerate(SAME):
        expected = files(tmp_path / f"keras{number}")
        assert files(tmp_path / f"ours{number}") == expected, title
        assert expected or "never" in title, title


def test_names_without_a_suffix(tmp_path):
    """TensorFlow checkpoints and SavedModels, as Keras 2 makes of such names; the two newest stay."""
    net = tf_keras.Sequential([tf_keras.layers.Input((1,)), tf_keras.layers.Dense(1, use_bias=False)])
    config = tmp_path / "net.json"
    config.write_text(net.to_json())
    calls = losses(1, 0.5, 0.75)
    name = "{epoch:02d}-{val_loss:.2f}"
    play(script(tmp_path / "ck" / name, {"config": config, "keep": 2}, calls)
         + script(tmp_path / "whole" / name, {"config": config, "keep": 2, "whole": 1}, calls))
    whole = sorted(path.name for path in (tmp_path / "whole").iterdir() if path.is_dir())
    assert whole == ["02-0.50", "03-0.75"]
    assert sorted(path.name for path in (tmp_path / "ck").glob("*.index")) == ["02-0.50.index", "03-0.75.index"]
    assert tf.train.latest_checkpoint(str(tmp_path / "ck")) == str(tmp_path / "ck" / "03-0.75")
    for count, name in enumerate(whole, 2):
        net.load_weights(str(tmp_path / "ck" / name)).assert_consumed()
        assert net.layers[0].kernel.numpy().item() == count
        loaded = tf_keras.models.load_model(str(tmp_path / "whole" / name))
        assert loaded.predict(np.ones((1, 1)), verbose=0).item() == count


def test_what_we_do_better(tmp_path):
    """Documented in checkpoint.h."""
    cases = [
        # Keras saves a NaN that comes first, and never again.
        ("{epoch}.weights.h5", {"best_only": 1}, losses(NAN, 2, 1), {"2.weights.h5": 2, "3.weights.h5": 3}),
        # Keras 3 replaces the best file when the quantity is missing.
        (PLAIN, {"best_only": 1}, losses(1) + [("epoch", 1, {"loss": 1})], {PLAIN: 1}),
        # Keras 3 crashes: it decides on the mode at the end of the first epoch.
        (BATCH, {"best_only": 1, "freq": 1, "monitor": "loss"}, batches(1, 2),
         {"b1-001.weights.h5": 1, "b1-002.weights.h5": 2}),
    ]
    lines = []
    for number, (name, options, calls, _) in enumerate(cases):
        (tmp_path / str(number)).mkdir()
        lines += script(tmp_path / str(number) / name, options, calls)
    play(lines)
    for number, (*_, expected) in enumerate(cases):
        assert files(tmp_path / str(number)) == expected


def random_spec(choose):
    parts = [
        (0.3, lambda: choose.choice(["", "*", "0", "é", " "]) + choose.choice("<>^=")),
        (0.25, lambda: choose.choice("+- ")),
        (0.05, lambda: "z"),
        (0.1, lambda: "#"),
        (0.25, lambda: "0"),
        (0.5, lambda: str(choose.randint(1, 16))),
        (0.12, lambda: choose.choice(",_")),
        (0.5, lambda: "." + str(choose.randint(0, 8))),
        (0.75, lambda: choose.choice("dbxXoneEfFgG%")),
    ]
    return "".join(make() for chance, make in parts if choose.random() < chance)


def random_value(choose):
    if choose.random() < 0.5:
        return choose.choice([0, 1, 7, -3, 1234, choose.randint(-(10**12), 10**12)])
    values = [0.0, -0.0, 1.0, -2.5, 1e-5, 1e16, 1e22, 99.9995, 0.0001, math.inf, -math.inf, NAN]
    return choose.choice([*values, choose.uniform(-1, 1), 10 ** choose.uniform(-12, 20)])


def python_format(value, spec):
    try:
        return format(value, spec)
    except (ValueError, OverflowError):
        return "error"


def test_formats_as_python():
    choose = random.Random(5)
    cases = [(random_value(choose), random_spec(choose)) for _ in range(20000)]
    kinds = {int: "integer", float: "float"}
    printed = play([f"{kinds[type(value)]} {value!r}\t{spec}" for value, spec in cases])
    assert len(printed) == len(cases)
    wrong = [(case, ours) for case, ours in zip(cases, printed) if ours != python_format(*case)]
    assert not wrong, wrong[:5]
