# SPDX-License-Identifier: Apache-2.0
"""Scores of whole-model migration: every layer class and argument, tf function, graph, loss, metric and schedule.

Each case is a file that Keras 2 wrote; one `ballast migrate` brings them all over; Keras 3 opens each in safe mode without
custom objects and must hold the same weights and compute the same. What it refuses must say why: the lists name every case.
"""


import migrate_cases
import migrate_graphs
import migrate_more
import numpy as np
import pytest
import tool
from frameworks import fresh, keras, tf_keras
from migrate_judge import randomise, run
from migrate_training import SCHEDULES, losses, metrics

# Not layers that stand in a model: bases, and what takes feature columns.
NO_LAYERS = {"InputSpec", "Layer", "Wrapper", "AbstractRNNCell", "DenseFeatures"}


def wrong(cases, rows, refused, changed):
    """What did not become what it should have."""
    found = {}
    for name, case in cases.items():
        if name in refused:
            good = case.outcome.startswith("refused") and refused[name] in case.outcome
        elif name in changed:
            said = " ".join(entry["text"] for entry in rows[name]["report"]["entries"])
            good = case.outcome == "other values" and changed[name] in said
        else:
            good = case.outcome == "equal"
        if not good:
            found[name] = case.outcome
    return found


def equal(cases):
    return [case for case in cases.values() if case.outcome == "equal"]


def test_layers(tmp_path):
    cases, rows = run(migrate_cases.layers() | migrate_more.layers(), tmp_path, migrate_more.form_of)
    assert wrong(cases, rows, migrate_more.REFUSED, migrate_more.CHANGED) == {}
    public = {one.__name__ for one in vars(tf_keras.layers).values() if isinstance(one, type)} - NO_LAYERS
    seen = public & set().union(*(case.classes for case in equal(cases)))
    print(f"layer cases {len(equal(cases))} of {len(cases)}, layer classes {len(seen)} of {len(public)}")
    assert public - seen == set(migrate_more.REFUSED) & public | set(migrate_more.CHANGED), public - seen
    assert len(equal(cases)) >= 310 and len(seen) >= 102


def test_functions(tmp_path):
    every = migrate_cases.functions() | migrate_more.functions() | migrate_cases.REFUSED_FUNCTIONS
    cases, rows = run({name: lambda apply=apply: migrate_cases.function_model(apply) for name, apply in every.items()}, tmp_path)
    assert wrong(cases, rows, dict.fromkeys(migrate_cases.REFUSED_FUNCTIONS, "no operation of Keras 3"), {}) == {}
    print(f"tf functions and slices {len(equal(cases))} of {len(cases)}")
    assert len(equal(cases)) >= 190


def test_graphs(tmp_path):
    cases, rows = run(migrate_graphs.GRAPHS | migrate_more.GRAPHS, tmp_path)
    assert wrong(cases, rows, {}, {}) == {}
    print(f"graphs {len(equal(cases))} of {len(cases)}")
    assert len(equal(cases)) >= 31


# ---- compiled models -------------------------------------------------------------------------------------------------

X = np.random.default_rng(1).normal(size=(12, 4)).astype("f4")
CLASSES = np.random.default_rng(2).integers(0, 3, 12)
TARGETS = {"one_hot": np.eye(3, dtype="f4")[CLASSES], "sparse": CLASSES.astype("f4")}


def values_of(model, kind, steps):
    """What evaluate says, by name, or the losses of a few steps."""
    model.run_eagerly = True
    if steps:
        return {f"step {n}": np.ravel(model.train_on_batch(X, TARGETS[kind]))[0] for n in range(steps)}
    return model.evaluate(X, TARGETS[kind], batch_size=12, verbose=0, return_dict=True)


def written(arguments, kind, path, steps):
    fresh(tf_keras)
    model = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(3, activation="softmax")])
    made = arguments["optimizer"]() if "optimizer" in arguments else "sgd"
    model.compile(**(arguments | {"optimizer": made}), run_eagerly=True)
    randomise(model, 3)
    model.save(str(path))
    return values_of(model, kind, steps)


def difference(expected, path, kind, steps):
    """Empty when Keras 3 computes the same."""
    fresh(keras)
    model = keras.models.load_model(str(path))
    if model.optimizer is None:
        return "not compiled"
    found = values_of(model, kind, steps)
    # Keras 2 calls a metric of one output by its own name; so does Keras 3, but for "acc".
    ours, theirs = [found.pop("loss", 0.0), *found.values()], [expected.pop("loss", 0.0), *expected.values()]
    if len(ours) != len(theirs):
        return f"{found} is not {expected}"
    same = all(np.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(ours, theirs))
    return "" if same else f"{ours} is not {theirs}"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """{name: "", or how it differs} of every compiled model."""
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "old").mkdir()
    classes, strings = losses()
    cases = classes | strings | metrics() | SCHEDULES
    steps = {name: 4 if name in SCHEDULES else 0 for name in cases}
    expected, found = {}, {}
    for number, (name, (arguments, kind)) in enumerate(cases.items()):
        expected[name] = written(arguments, kind, folder / "old" / f"case{number}.h5", steps[name])
    tool.run("migrate", folder / "old", "--out-dir", folder / "new", "--no-fsync", "-q")
    for number, (name, (_, kind)) in enumerate(cases.items()):
        try:
            found[name] = difference(expected[name], folder / "new" / f"case{number}.keras", kind, steps[name])
        except Exception as error:
            found[name] = f"{type(error).__name__} {str(error)[:200]}"
    return found


def score(compiled, kind, without=()):
    chosen = {name: text for name, text in compiled.items() if name.startswith(kind)}
    good = [name for name, text in chosen.items() if not text]
    print(f"{kind.strip()}: {len(good)} of {len(chosen)}")
    assert {name: text for name, text in chosen.items() if text and name not in without} == {}
    return len(good)


def test_loss_classes_and_strings(compiled):
    assert score(compiled, "loss ") >= 17 + 24


def test_metrics_and_their_values(compiled):
    assert score(compiled, "metric ", ["metric MeanRelativeError"]) >= 43
    assert compiled["metric MeanRelativeError"]  # left behind: Keras 3 has no such class


def test_schedules(compiled):
    assert score(compiled, "schedule ") >= 7
