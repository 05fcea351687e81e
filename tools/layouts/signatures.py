# SPDX-License-Identifier: Apache-2.0
"""Writes src/model/migrate/signatures.json: which config keys Keras 3's classes accept and what Keras 2's had besides.

Usage: signatures.py [OUTPUT]      (run it with the Python that has keras, tf_keras and tensorflow)
"""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

from extract import text_of

HERE = Path(__file__).resolve().parent
TABLE = HERE.parent.parent / "src" / "model" / "migrate" / "signatures.json"
KINDS = {"layer": ("layers", "Layer"), "initializer": ("initializers", "Initializer"),
         "regularizer": ("regularizers", "Regularizer"), "constraint": ("constraints", "Constraint"),
         "optimizer": ("optimizers", "Optimizer"), "schedule": ("optimizers.schedules", "LearningRateSchedule"),
         "loss": ("losses", "Loss"), "metric": ("metrics", "Metric")}
REQUIRED = "<required>"
ENVIRONMENT = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow",
               "CUDA_VISIBLE_DEVICES": "", "TF_USE_LEGACY_KERAS": "1"}


def plain(value):
    """A default as JSON; what has no JSON form counts as required, so that no rule relies on it."""
    if isinstance(value, type) or callable(value):
        return REQUIRED
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return REQUIRED


def arguments(cls, stop):
    """{argument: default} of the chain of constructors that hand **kwargs on, up to the base class."""
    found = {}
    for base in cls.__mro__:
        init = base.__dict__.get("__init__")
        if init is None:
            continue
        parameters = list(inspect.signature(init).parameters.values())[1:]
        for one in parameters:
            if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
                found.setdefault(one.name, REQUIRED if one.default is one.empty else plain(one.default))
        if base is stop or not any(one.kind is one.VAR_KEYWORD for one in parameters):
            break
    return found


def public_module(keras, path):
    for part in path.split("."):
        keras = getattr(keras, part)
    return keras


def classes_of(keras, module, base):
    """{public name: class}"""
    found = public_module(keras, module)
    return {name: value for name, value in sorted(vars(found).items())
            if inspect.isclass(value) and issubclass(value, getattr(found, base))}


def operations():
    """{class: module below keras.src.ops} of what stands among a Functional's layers and is none."""
    from keras.src import layers, ops
    from keras.src.ops.operation import Operation
    found = {}
    for name in ("core", "image", "linalg", "math", "nn", "numpy"):
        for key, value in vars(getattr(ops, name)).items():
            own = inspect.isclass(value) and issubclass(value, Operation) and not issubclass(value, layers.Layer)
            if own and value.__module__ == f"keras.src.ops.{name}":
                assert found.setdefault(key, name) == name, key
    return found


def probe(framework):
    """What one framework shows: {kind: {public name: {class, module, arguments}}}."""
    if framework == "keras3":
        import keras
    else:
        import tf_keras as keras
    seen = {}
    for kind, (module, base) in KINDS.items():
        stop = getattr(public_module(keras, module), base)
        seen[kind] = {name: {"class": cls.__name__, "arguments": arguments(cls, stop)}
                      for name, cls in classes_of(keras, module, base).items() if cls is not stop}
    return {"version": keras.__version__, "kinds": seen, "operations": operations() if framework == "keras3" else {}}


def merged(new, old):
    """One row a class that Keras 3 has: what it accepts, and Keras 2's further keys with their defaults."""
    rows, gone, aliases = {}, {}, {}
    for kind in KINDS:
        known = new["kinds"][kind]
        rows[kind] = {}
        for name, entry in known.items():
            if name != entry["class"] and entry["class"] in known:
                aliases[name] = entry["class"]
                continue
            before = old["kinds"][kind].get(name, {}).get("arguments")
            row = {"accepts": sorted(entry["arguments"])}
            if before is not None:
                row["only_before"] = {key: value for key, value in sorted(before.items())
                                      if key not in entry["arguments"] and value != REQUIRED}
                row["only_after"] = {key: value for key, value in sorted(entry["arguments"].items()) if key not in before}
                row["changed"] = {key: value for key, value in sorted(before.items())
                                  if key in entry["arguments"] and value != entry["arguments"][key]
                                  and value != REQUIRED and key != "name"}
                row = {key: value for key, value in row.items() if value or key == "accepts"}
                row["in_keras2"] = True
            rows[kind][name] = row
        # Files of kinds without modules call a class what it calls itself.
        for name, entry in known.items():
            if entry["class"] not in known:
                aliases.setdefault(entry["class"], name)
        gone[kind] = sorted({entry["class"] for name, entry in old["kinds"][kind].items()
                             if name not in known and entry["class"] not in known})
    return {"frameworks": {"keras3": new["version"], "tf_keras": old["version"]}, "classes": rows,
            "aliases": aliases, "gone": gone, "operations": new["operations"]}


def main():
    if sys.argv[1:2] == ["--probe"]:
        print(json.dumps(probe(sys.argv[2])))
        return
    seen = [json.loads(subprocess.run([sys.executable, __file__, "--probe", framework], check=True, text=True,
                                      env=ENVIRONMENT, stdout=subprocess.PIPE).stdout.splitlines()[-1])
            for framework in ("keras3", "tf_keras")]
    Path(sys.argv[1] if len(sys.argv) > 1 else TABLE).write_text(text_of(merged(*seen)))


if __name__ == "__main__":
    main()
