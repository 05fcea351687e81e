#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds small models with the real Keras 3 and tf_keras and records what the frameworks do with them.

    python3 tests/golden/make_model_cases.py tests/golden/models [NAME ...]

One JSON file a case and framework. Every variable is filled with a number of its own, so that the same variable can be
recognised in each file whatever its name:

    config   model.to_json() (or the model_config of the .h5); initializers, regularizers, constraints left out
    layers   names of model.layers
    v3       [path, name attribute, [[key, shape, number], ...]] of each vars group of the .weights.h5, as saved
    legacy   [layer, [[weight name, number], ...]] of each layer of the .h5, in layer_names order
    roles    {number: variable name}
    keras3   for tf_keras cases: names of model.layers of the same model built with Keras 3
    reload   names of model.layers after the Keras 3 config was read back with its layers listed backwards
"""
import json
import os
import sys
import tempfile
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ["TF_USE_LEGACY_KERAS"] = "1"  # parts of tf_keras ask tf.keras for classes
warnings.simplefilter("ignore")

import h5py  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tf_keras  # noqa: E402
from keras.src.saving import saving_lib  # noqa: E402
from model_cases import CASES  # noqa: E402
from tf_keras.src.saving import saving_lib as tf_saving_lib  # noqa: E402

DROPPED = ("initializer", "regularizer", "constraint", "build_config", "quantization_config", "activation",
           "sparse", "ragged", "optional", "autocast", "compile_config")


def prune(value):
    if isinstance(value, dict):
        return {key: prune(item) for key, item in value.items()
                if not any(part in key for part in DROPPED) or isinstance(item, dict) and "layers" in item.get("config", {})}
    return [prune(item) for item in value] if isinstance(value, list) else value


def number_variables(model):
    """Fills each variable with its own number; {number: name}."""
    roles = {}
    for number, variable in enumerate(model.weights, start=1):
        variable.assign(np.full(variable.shape, number, dtype="float32").astype(np.dtype(str(np.dtype(
            variable.dtype if isinstance(variable.dtype, str) else variable.dtype.as_numpy_dtype)))))
        roles[number] = variable.name.split("/")[-1].split(":")[0]
    return roles


def number_in(dataset):
    values = np.unique(np.asarray(dataset))
    assert len(values) <= 1, (dataset.name, values)
    return int(values[0]) if len(values) else 0


def v3_groups(model, path, framework):
    """Saves, and lists the groups in the order in which the framework makes them."""
    lib = saving_lib if framework == "keras3" else tf_saving_lib
    made, make = [], lib.H5IOStore.make

    def spy(self, inner_path, *args, **kwargs):
        made.append(inner_path)
        return make(self, inner_path, *args, **kwargs)

    lib.H5IOStore.make = spy
    try:
        model.save_weights(path)
    finally:
        lib.H5IOStore.make = make
    groups = []
    with h5py.File(path) as file:
        for name in made:
            group = file[(name + "/vars").lstrip("/")]
            keys = sorted(group, key=lambda key: (not key.isdigit(), int(key) if key.isdigit() else 0, key))
            groups.append([name, str(group.attrs.get("name", "")),
                           [[key, list(group[key].shape), number_in(group[key])] for key in keys]])
    return groups


def names_attr(group, key):
    if key in group.attrs:
        return [name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs[key]]
    return []


def legacy_layers(path):
    layers = []
    with h5py.File(path) as file:
        root = file["model_weights"] if "model_weights" in file else file
        for layer in names_attr(root, "layer_names"):
            group = root[layer]
            layers.append([layer, [[name, number_in(group[name])] for name in names_attr(group, "weight_names")]])
    return layers


def reload_backwards(config):
    config = json.loads(config)
    config["config"]["layers"].reverse()
    try:
        return [layer.name for layer in keras.models.model_from_json(json.dumps(config)).layers]
    except Exception:  # what Keras itself cannot read says nothing about the order
        return None


def record(name, framework):
    k = {"keras3": keras, "tf_keras": tf_keras}[framework]
    k.backend.clear_session()
    model = CASES[name](k)
    roles = number_variables(model)
    dialect = getattr(model, "dialect", model.to_json)
    text = dialect()
    result = {"case": name, "framework": framework, "config": prune(json.loads(text)),
              "layers": [layer.name for layer in model.layers], "roles": roles}
    with tempfile.TemporaryDirectory() as folder:
        result["v3"] = v3_groups(model, folder + "/m.weights.h5", framework)
        if framework == "keras3":
            model.save(folder + "/m.h5")
        else:
            model.save_weights(folder + "/m.h5")
        result["legacy"] = legacy_layers(folder + "/m.h5")
    if framework == "keras3" and "input_layers" in result["config"]["config"] and not hasattr(model, "dialect"):
        result["reload"] = reload_backwards(model.to_json())
    if framework == "tf_keras" and not hasattr(CASES[name], "only"):
        keras.backend.clear_session()
        result["keras3"] = [layer.name for layer in CASES[name](keras).layers]
    return result


def main():
    folder, wanted = sys.argv[1], sys.argv[2:]
    total = 0
    for name, function in CASES.items():
        if wanted and name not in wanted:
            continue
        for framework in ("keras3", "tf_keras"):
            if getattr(function, "only", framework) != framework:
                continue
            try:
                text = json.dumps(record(name, framework), separators=(",", ":"), ensure_ascii=False)
            except Exception as error:  # a case that one framework cannot build or save has no file
                print("no file:", framework, name, repr(error)[:200])
                continue
            path = os.path.join(folder, f"{framework}-{name}.json")
            with open(path, "w", encoding="utf-8") as out:
                out.write(text + "\n")
            total += len(text)
            if len(text) > 20 * 1024:
                print("over 20 KiB:", path, len(text))
    print("bytes:", total)


if __name__ == "__main__":
    main()
