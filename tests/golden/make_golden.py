# SPDX-License-Identifier: Apache-2.0
"""Writes the golden files of this folder with the real frameworks, and manifest.json with what is in them.

    python tests/golden/make_golden.py          (in the Python environment of the interop tests)

Files are named producer-version-property.suffix. The manifest lists every tensor in the order the frameworks
define (legacy: layer_names x weight_names; v3: saving order), with the sha256 of its little-endian bytes,
so that tests without Python can check a reader. Running this again rewrites everything.
"""

import hashlib
import json
import re
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))

import h5py  # noqa: E402
import hdf5plugin  # noqa: E402, F401  (teaches h5py zstd and blosc)
import numpy as np  # noqa: E402
import plain_files  # noqa: E402
import safetensors.numpy  # noqa: E402
from frameworks import fresh, is_keras3, keras, tf, tf_keras  # noqa: E402
from model_walk import (  # noqa: E402
    canonical,
    layer_paths,
    legacy_entries,
    legacy_order,
    record_v3,
    role_of,
    to_array,
)
from randomise import randomise  # noqa: E402
from tensorflow.core.protobuf import trackable_object_graph_pb2  # noqa: E402

LIMIT = 20 * 1024
V3 = {keras: f"keras-{keras.__version__}", tf_keras: f"tf_keras-{tf_keras.__version__}"}


# ---- the models ------------------------------------------------------------------------------------------------------


def dense(k):
    L = k.layers
    return k.Sequential([k.Input((3,)), L.Dense(4, activation="relu", name="hidden"), L.Dense(2, name="head")], name="mlp")


def single(k):
    return k.Sequential([k.Input((3,)), k.layers.Dense(2, name="head")], name="one")


def convnet(k):
    L = k.layers
    return k.Sequential(
        [k.Input((6, 6, 2)), L.Conv2D(3, 3, use_bias=False, name="conv1"), L.BatchNormalization(name="bn"),
         L.SeparableConv2D(2, 2, name="separable")], name="convnet")


def bidirectional(k):
    L = k.layers
    return k.Sequential([k.Input((4, 2)), L.Bidirectional(L.LSTM(2, use_bias=False, name="lstm"), name="bi")], name="both_ways")


def recurrent(k):
    L = k.layers
    return k.Sequential([k.Input((4, 2)), L.GRU(2, reset_after=False, return_sequences=True, name="gate"),
                         L.TimeDistributed(L.Dense(2, name="inner"), name="steps")], name="recurrent")


def stacked_cells(k):
    L = k.layers
    cells = [L.LSTMCell(2, name="first"), L.GRUCell(3, name="second")]
    return k.Sequential([k.Input((4, 2)), L.RNN(cells, name="stack")], name="cells")


def nested(k, frozen=False):
    L = k.layers
    inner = k.Sequential([k.Input((2,)), L.Dense(2, name="a"), L.BatchNormalization(name="ibn")], name="block")
    if frozen:
        inner.get_layer("a").trainable = False
    return k.Sequential([k.Input((2,)), inner, L.Dense(2, use_bias=False, name="after")], name="outer")


def shared(k):
    L = k.layers
    left, right = k.Input((2,), name="left"), k.Input((2,), name="right")
    tower = L.Dense(2, name="tower")
    x = L.Concatenate(name="join")([tower(left), tower(right)])
    return k.Model([left, right], L.Dense(1, name="head")(x), name="siamese")


def numbering_trap(k):
    """A first layer called dense_1: its v3 key is `dense` all the same."""
    L = k.layers
    return k.Sequential([k.Input((2,)), L.Dense(2, name="dense_1"), L.Dense(2, name="dense"), L.Dense(2, name="zeta")],
                        name="trap")


def integer_count(k):
    L = k.layers
    normal = L.Normalization(name="normal")
    normal.adapt(np.arange(12, dtype="float32").reshape(4, 3))
    return k.Sequential([k.Input((3,)), normal, L.Dense(1, name="head")], name="adapted")


def empty(k):
    return k.Sequential([k.Input((2,)), k.layers.Activation("relu", name="act")], name="nothing")


def typed(k, dtype):
    L = k.layers
    return k.Sequential([k.Input((2,), dtype=dtype), L.Dense(3, name="head", dtype=dtype)], name="typed")


def odd_names(k):
    """Each framework's strangest legal names: tf_keras takes slashes, Keras 3 everything else."""
    names = ["my odd name", "100% größe"] if is_keras3(k) else ["my/odd-name", "my/other.name>x", "0\\back"]
    return k.Sequential([k.Input((2,))] + [k.layers.Dense(2, name=name) for name in names], name="odd")


def train(model, steps=2):
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, *model.input_shape[1:])).astype("float32")
    y = rng.normal(size=(4, *model.output_shape[1:])).astype("float32")
    for _ in range(steps):
        model.train_on_batch(x, y)


# ---- writing and describing ------------------------------------------------------------------------------------------

entries = []


def tensor_entry(stored, value, *, part="weight", name=None, layer=None, role=None):
    value = np.asarray(value)
    return {"stored_name": stored, "name": name, "part": part, "layer": layer, "role": role,
            "dtype": value.dtype.name, "shape": list(value.shape),
            "sha256": hashlib.sha256(value.tobytes()).hexdigest()}


def add(path, fmt, kind, tensors, note, **more):
    size = path.stat().st_size
    assert size <= LIMIT, f"{path.name}: {size} bytes"
    entries.append({"file": path.name, "bytes": size, "format": fmt, "kind": kind, "note": note, **more,
                    "tensors": tensors})


def owner_names(model):
    """id(variable) -> the names of every owner that stores it (a wrapper may store its child's kernel again)."""
    return {key: path for key, (path, _) in layer_paths(model).items()}


def save_config(model, stem):
    path = HERE / f"{stem}.json"
    path.write_text(json.dumps(json.loads(model.to_json()), indent=1) + "\n", encoding="utf-8")
    return path.name


def v3(k, build, prop, note, prepare=None, config=False, **options):
    fresh(k)
    model = build(k, **options)
    randomise(model, 7)
    if prepare:
        prepare(model)
    stem = f"{V3[k]}-{prop}"
    path = HERE / f"{stem}.weights.h5"
    tensors = v3_tensors(model, path)
    more = {"config": save_config(model, stem)} if config else {}
    add(path, "weights_h5", "weights", tensors, note, flavour=flavour_of(k), **more)


def flavour_of(k):
    return "keras3" if is_keras3(k) else "tf_keras"


def v3_tensors(model, path):
    """Saves the model's weights as `path` and says what is in it."""
    paths = owner_names(model)
    tensors = []
    for item in record_v3(model, str(path)):
        value = to_array(item.variable) if not isinstance(item.variable, np.ndarray) else item.variable
        where = paths.get(id(item.owner))
        if where is None:
            part = "optimizer" if item.path.startswith("optimizer") else "metric"
            tensors.append(tensor_entry(item.path, value, part=part))
        else:
            role = role_of(item.owner, item.variable)
            tensors.append(tensor_entry(item.path, value, name=canonical(where, role), role=role,
                                        layer=canonical(where, "")[:-1]))
    check_v3(path, tensors)
    return tensors


def check_v3(path, tensors):
    """The manifest must hold exactly the datasets that h5py sees, with their bytes."""
    with h5py.File(path) as f:
        found = {}
        f.visititems(lambda name, node: found.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None)
    assert set(found) == {t["stored_name"] for t in tensors}
    for t in tensors:
        assert hashlib.sha256(np.asarray(found[t["stored_name"]]).tobytes()).hexdigest() == t["sha256"], t


def keras_zip(k, build, prop, note, **options):
    fresh(k)
    model = build(k, **options)
    randomise(model, 7)
    path = HERE / f"{V3[k]}-{prop}.keras"
    with tempfile.TemporaryDirectory() as scratch:
        tensors = v3_tensors(model, Path(scratch) / "x.weights.h5")
        model.save(Path(scratch) / "x.keras")
        timeless(Path(scratch) / "x.keras", path)
    add(path, "keras", "model", tensors, note, flavour=flavour_of(k))


def timeless(source, path):
    """The same archive without what differs each time: dates, and ids that are addresses of Python objects."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            if item.filename == "metadata.json":
                data = re.sub(rb'("date_saved": )"[^"]*"', rb'\1"2026-01-01@00:00:00"', data)
            if item.filename == "config.json":
                ids = list(dict.fromkeys(re.findall(rb'"shared_object_id": (\d+)', data)))
                for number, found in enumerate(ids):
                    data = data.replace(found, str(number).encode())
            item.date_time = (1980, 1, 1, 0, 0, 0)
            new.writestr(item, data)


def legacy(k, build, prop, note, whole, prepare=None, config=False, **options):
    fresh(k)
    model = build(k, **options)
    randomise(model, 7)
    if prepare:
        prepare(model)
    stem = f"{V3[k]}-{prop}"
    path = HERE / f"{stem}.h5"
    if whole:
        model.save(str(path))
    else:
        model.save_weights(str(path))
    more = {"config": save_config(model, stem)} if config else {}
    add(path, "legacy_h5", "model" if whole else "weights", legacy_tensors(model, path), note, **more)


def legacy_tensors(model, path):
    paths = layer_paths(model)
    owners = {}
    for where, layer in paths.values():
        for variable in layer.variables if is_keras3_layer(layer) else layer.weights:
            owners[id(variable)] = (where, layer)  # the deepest owner comes last
    order = [(layer, variable) for layer, variables in legacy_order(model) for variable in variables]
    tensors = []
    with h5py.File(path) as f:
        root = f["model_weights"] if "model_weights" in f else f
        stored = list(legacy_entries(root))
        assert len(stored) == len(order)
        for (layer_name, weight, dataset), (layer, variable) in zip(stored, order):
            value = to_array(variable)
            assert layer_name == layer and np.asarray(dataset[()]).tobytes() == value.tobytes()
            where, owner = owners[id(variable)]
            role = role_of(owner, variable)
            tensors.append(tensor_entry(dataset.name.lstrip("/"), value, name=canonical(where, role), role=role,
                                        layer=canonical(where, "")[:-1]))
            tensors[-1]["layer_name"], tensors[-1]["weight_name"] = layer_name, weight
        if "optimizer_weights" in f:
            group = f["optimizer_weights"]
            for weight in group.attrs["weight_names"]:
                weight = weight.decode() if isinstance(weight, bytes) else str(weight)
                tensors.append(tensor_entry("optimizer_weights/" + weight, group[weight][()], part="optimizer"))
    return tensors


def is_keras3_layer(layer):
    return isinstance(layer, keras.Layer)


def plain_safetensors(prop, tensors, note, metadata=None):
    path = HERE / f"safetensors-{safetensors.__version__}-{prop}.safetensors"
    safetensors.numpy.save_file(tensors, path, metadata)
    with safetensors.safe_open(path, "np") as f:
        listed = [tensor_entry(name, tensors[name], part="loose", name=name) for name in f.offset_keys()]
    add(path, "safetensors", "weights", listed, note)


def plain_hdf5():
    """Other HDF5 files, and one of which most is refused; what that one holds is told apart from the sound ones."""
    for prop, write in plain_files.SOUND.items():
        path = HERE / f"h5py-{h5py.__version__}-{prop}.h5"
        write(path)
        listed = []
        for name, values in plain_files.datasets(path).items():
            listed.append(tensor_entry(name, values, part="loose", name=name))
            listed[-1]["dtype"] = plain_files.dtype_name(values.dtype)
        add(path, "plain_hdf5", "tensors", listed, write.__doc__.splitlines()[0])
    path = HERE / f"h5py-{h5py.__version__}-refusals.h5"
    problems = plain_files.refusals(path)
    assert path.stat().st_size <= LIMIT
    return {"file": path.name, "format": "plain_hdf5", "problems": problems}


def checkpoint(prop, build, note, prepare=None, config=False, **options):
    """A checkpoint prefix of tf_keras; the manifest names its index."""
    fresh(tf_keras)
    model = build(tf_keras, **options)
    randomise(model, 7)
    if prepare:
        prepare(model)
    stem = f"tensorflow-{tf.__version__}-{prop}"
    model.save_weights(str(HERE / stem), save_format="tf")
    (HERE / "checkpoint").unlink()
    reader = tf.train.load_checkpoint(str(HERE / stem))
    suffix = "/.ATTRIBUTES/VARIABLE_VALUE"
    names = {}
    for path, layer in layer_paths(model).values():
        for variable in layer._trainable_weights + layer._non_trainable_weights:
            names.setdefault(variable.name.removesuffix(":0"), canonical(path, role_of(layer, variable)))
    graph = trackable_object_graph_pb2.TrackableObjectGraph.FromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    full = {a.checkpoint_key: a.full_name for node in graph.nodes for a in node.attributes}
    tensors = []
    for key in sorted(reader.get_variable_to_shape_map()):
        if not key.endswith(suffix):
            continue
        name = names.get(full[key])
        tensors.append(tensor_entry(key.removesuffix(suffix), reader.get_tensor(key), name=name,
                                    layer=name and name.rpartition("/")[0], role=name and name.rpartition("/")[2],
                                    part="weight" if name else "optimizer"))
    more = {"config": save_config(model, stem)} if config else {}
    add(HERE / f"{stem}.index", "tf_checkpoint", "weights", tensors, note, **more)


def saved_model(prop, build):
    """A SavedModel folder of tf_keras without traces: in no manifest, the conformance suite opens it."""
    fresh(tf_keras)
    model = build(tf_keras)
    randomise(model, 7)
    folder = HERE / f"tf_keras-{tf_keras.__version__}-{prop}"
    shutil.rmtree(folder, ignore_errors=True)
    model.save(str(folder), save_format="tf", save_traces=False)
    (folder / "fingerprint.pb").unlink()
    (folder / "assets").rmdir()
    assert all(path.stat().st_size <= LIMIT for path in folder.rglob("*"))


def restored(source, prop, note, rewrite):
    """The same v3 tree stored by h5py with other storage options."""
    path = HERE / f"h5py-{h5py.__version__}-{prop}.weights.h5"
    twin = next(e for e in entries if e["file"] == source)
    with h5py.File(HERE / source) as old, h5py.File(path, "w") as new:

        def copy(name, node):
            if isinstance(node, h5py.Dataset):
                rewrite(new, name, node)
            else:
                group = new.require_group(name)
                for key, value in node.attrs.items():
                    group.attrs[key] = value

        old.visititems(copy)
    add(path, "weights_h5", "weights", twin["tensors"], note, flavour=twin["flavour"])


def gzip_shuffle(group, name, node):
    chunks = tuple(max(1, (n + 1) // 2) for n in node.shape)
    group.create_dataset(name, data=node[()], chunks=chunks, compression="gzip", shuffle=True)


def big_endian(group, name, node):
    group.create_dataset(name, data=node[()].astype(node.dtype.newbyteorder(">")))


def make():
    import ml_dtypes

    v3(keras, dense, "dense", "two Dense layers with given names", config=True)
    v3(keras, convnet, "convnet", "Conv2D without bias, BatchNormalization, SeparableConv2D")
    v3(keras, bidirectional, "bidirectional", "sub-layers by attribute", config=True)
    v3(keras, recurrent, "recurrent", "GRU reset_after=False and TimeDistributed", config=True)
    v3(keras, stacked_cells, "stacked-cells", "RNN over two cells", config=True)
    v3(keras, nested, "nested-frozen", "a frozen Dense inside: v3 order does not care", config=True, frozen=True)
    v3(keras, shared, "shared", "one Dense called twice is stored once", config=True)
    v3(keras, numbering_trap, "numbering-trap", "names look like keys of other layers")
    v3(keras, odd_names, "odd-names", "spaces, percent and non-ASCII in layer names")
    v3(keras, integer_count, "normalization", "int64 scalar count")
    v3(keras, empty, "empty", "no tensors at all")
    v3(keras, dense, "compiled-adam", "optimizer state after two steps", prepare=train)
    for dtype in ("bfloat16", "float16", "float64"):
        v3(keras, typed, dtype, f"{dtype} weights", dtype=dtype)
    v3(tf_keras, dense, "dense", "no name attributes in this flavour", config=True)
    v3(tf_keras, nested, "nested-frozen", "tf_keras flavour of the nested model", config=True, frozen=True)
    v3(tf_keras, dense, "compiled-adam", "metrics and an optimizer without learning_rate", prepare=train)
    legacy(tf_keras, dense, "weights-only", "layer_names at the root", whole=False, config=True)
    legacy(tf_keras, nested, "weights-only-nested-frozen", "frozen weights come last inside `block`", whole=False,
           config=True, frozen=True)
    legacy(tf_keras, odd_names, "weights-only-odd-names", "slashes, > and backslash in layer names",
           whole=False, config=True)
    legacy(tf_keras, empty, "weights-only-empty", "weight_names is an empty float64 array", whole=False)
    legacy(tf_keras, single, "whole-compiled", "config, training config and optimizer weights", whole=True, prepare=train)
    legacy(tf_keras, nested, "whole-nested-frozen", "frozen Dense in a nested Sequential", whole=True, frozen=True)
    legacy(tf_keras, bidirectional, "whole-bidirectional", "wrapper and gates", whole=True)
    legacy(keras, single, "whole-compiled", "Keras 3's own legacy file: names without :0", whole=True, prepare=train)
    legacy(keras, odd_names, "whole-odd-names", "spaces, percent and non-ASCII in layer names", whole=True)
    legacy(keras, nested, "whole-nested-frozen", "Keras 3's own legacy order with a frozen layer", whole=True, frozen=True)
    keras_zip(keras, dense, "zip-dense", "config, weights and metadata in a zip")
    keras_zip(tf_keras, dense, "zip-dense", "the same of tf_keras")
    restored(f"{V3[keras]}-float64.weights.h5", "gzip-shuffle", "chunked, shuffled and deflated", gzip_shuffle)
    restored(f"{V3[keras]}-convnet.weights.h5", "big-endian", "big-endian floats: bytes differ, values do not", big_endian)
    rng = np.random.default_rng(3)
    plain_safetensors("plain", {"encoder.weight": rng.normal(size=(3, 2)).astype("float32"),
                                "encoder.bias": rng.normal(size=3).astype("float32"),
                                "steps": np.array(5, dtype="int64")}, "loose tensors and user metadata", {"made_by": "test"})
    plain_safetensors("dtypes", {"bf16": rng.normal(size=(2, 3)).astype(ml_dtypes.bfloat16),
                                 "f16": rng.normal(size=5).astype("float16"), "f64": rng.normal(size=(1, 2)),
                                 "flag": np.array([True, False, True]), "u8": np.arange(7, dtype="uint8"),
                                 "none": np.zeros((0, 4), dtype="float32")}, "many dtypes, an empty tensor")
    checkpoint("dense", dense, "a checkpoint of two Dense layers", config=True)
    checkpoint("trained-adam", single, "a checkpoint with an optimizer of the new style", prepare=train)
    saved_model("saved-dense", dense)
    return plain_hdf5()


def readable(manifest):
    """JSON with one tensor a line."""
    lines = json.dumps(manifest, indent=1, ensure_ascii=False)
    return re.sub(r"\{\n\s+\"stored_name\"[^{}]*\}", lambda m: re.sub(r"\n\s*", " ", m.group()), lines) + "\n"


def main():
    for old in HERE.iterdir():
        if old.suffix in (".h5", ".json", ".keras", ".safetensors", ".index", ".data-00000-of-00001") and old.name != plain_files.NEWEST:
            old.unlink()
    refused = make()
    versions = {"keras": keras.__version__, "tf_keras": tf_keras.__version__, "tensorflow": tf.__version__, "h5py": h5py.__version__,
                "safetensors": safetensors.__version__}
    manifest = {"schema": 1, "versions": versions, "files": entries, "refused": refused}
    (HERE / "manifest.json").write_text(readable(manifest), encoding="utf-8")
    print(f"{len(entries)} files, {sum(e['bytes'] for e in entries)} bytes")


if __name__ == "__main__":
    main()
