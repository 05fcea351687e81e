# SPDX-License-Identifier: Apache-2.0
"""Builds many models in tf_keras, migrates them with one call of the tool, and lets Keras 3 judge each."""

import json
import zlib
from dataclasses import dataclass, field

import numpy as np
import tool
from frameworks import fresh, keras, tf, tf_keras

FITTED = {"Discretization", "StringLookup", "TextVectorization"}
WORDS = np.array(["cat", "dog", "the cat sat", "bird"])


@dataclass
class Case:
    """A model of Keras 2 and what became of it: "equal", or the reason why not."""

    name: str
    outcome: str = "not tried"
    classes: set = field(default_factory=set)  # of its layers
    weights: list = field(default_factory=list)
    given: object = None
    expected: list = field(default_factory=list)


def randomise(model, seed):
    values = np.random.default_rng(seed)
    for variable in model.weights:
        if getattr(variable, "dtype", None) is not None and variable.dtype.is_floating and variable.shape.is_fully_defined():
            variable.assign(values.uniform(0.2, 0.8, variable.shape).astype(variable.dtype.as_numpy_dtype))
    for layer in model.layers:
        if isinstance(layer, tf_keras.layers.Normalization):
            layer.finalize_state()


def inputs_of(model, seed):
    values = np.random.default_rng(seed)

    def one(tensor):
        shape = [size or 4 for size in tensor.shape]
        if tensor.dtype == tf.string:
            return tf.constant(values.choice(WORDS, shape))
        if tensor.dtype.is_integer:
            return tf.constant(values.integers(0, 4, shape).astype(tensor.dtype.as_numpy_dtype))
        return tf.constant(values.uniform(0.2, 0.95, shape).astype(tensor.dtype.as_numpy_dtype))

    return tf.nest.map_structure(one, model.input)


def leaves(value):
    dense = [item.to_dense() if hasattr(item, "to_dense") else item for item in tf.nest.flatten(value)]
    return [np.asarray(tf.sparse.to_dense(item) if isinstance(item, tf.SparseTensor) else item) for item in dense]


def classes_of(node):
    if isinstance(node, dict):
        found = {node["class_name"]} if isinstance(node.get("class_name"), str) else set()
        return found.union(*map(classes_of, node.values()))
    return set().union(*map(classes_of, node)) if isinstance(node, list) else set()


def write(case, build, path):
    """Saves the model of Keras 2 and remembers what it holds and predicts."""
    fresh(tf_keras)
    model = build()
    seed = zlib.crc32(case.name.encode())
    randomise(model, seed)
    case.classes = classes_of(json.loads(model.to_json()))
    case.weights = sorted(w.numpy().tobytes() for w in model.weights if hasattr(w, "numpy"))
    case.given = inputs_of(model, seed)
    case.expected = leaves(model(case.given, training=False))
    model.save(str(path))


def judge(case, path):
    fresh(keras)
    model = keras.models.load_model(str(path), compile=False)
    found = leaves(model(case.given, training=False))
    if len(found) != len(case.expected):
        return f"{len(found)} outputs, not {len(case.expected)}"
    for ours, theirs in zip(found, case.expected):
        if theirs.dtype.kind not in "fiub":
            return "equal" if np.array_equal(ours, theirs) else "other words"
        scale = max(np.abs(theirs.astype("f8")).max(initial=0.0), 1e-6)
        if ours.shape != theirs.shape or not np.allclose(ours.astype("f8") / scale, theirs.astype("f8") / scale, rtol=1e-4, atol=1e-5):
            return "other values"
    return "equal"


def same_weights(case, path):
    """Bit for bit, as a set: the predictions say that each is in its place. What text layers were fitted with is no weight in Keras 3."""
    import h5py
    import io
    import zipfile

    found = []
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        file.visititems(lambda name, node: found.append(node[()].tobytes()) if isinstance(node, h5py.Dataset) else None)
    return set(case.weights) <= set(found) or bool(FITTED & case.classes)


def run(builders, folder, form=lambda name: "h5"):
    """{name: Case} of everything in `builders`, and the rows of the tool's report by name."""
    old, new = folder / "old", folder / "new"
    old.mkdir(parents=True)
    cases = {name: Case(name) for name in builders}
    stems = {name: f"case{number}" for number, name in enumerate(builders)}
    for name, build in builders.items():
        try:
            write(cases[name], build, old / f"{stems[name]}.{form(name)}")
        except Exception as error:
            cases[name].outcome = f"Keras 2 cannot write it: {type(error).__name__} {str(error)[:100]}"
            (old / f"{stems[name]}.{form(name)}").unlink(missing_ok=True)
    done = tool.start("migrate", old, "--out-dir", new, "--keep-going", "--no-fsync", "--report", folder / "report.json")
    assert (folder / "report.json").exists(), done
    rows = {row["source"].rsplit("/", 1)[-1].split(".")[0]: row for row in json.loads((folder / "report.json").read_text())["models"]}
    rows = {name: rows.get(stem) for name, stem in stems.items()}
    for name, case in cases.items():
        if case.outcome != "not tried":
            continue
        if rows[name]["status"] != "migrated":
            case.outcome = "refused: " + rows[name]["error"]["message"]
            continue
        try:
            case.outcome = judge(case, rows[name]["target"])
            if case.outcome == "equal" and not same_weights(case, rows[name]["target"]):
                case.outcome = "other weights"
        except Exception as error:
            case.outcome = f"Keras 3 cannot load it: {type(error).__name__} {str(error)[:200]}"
    return cases, rows
