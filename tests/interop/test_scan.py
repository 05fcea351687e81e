# SPDX-License-Identifier: Apache-2.0
"""`ballast scan`: what is dangerous in files that the real frameworks write is found, and nothing in benign ones."""

import json
import pickle
import zipfile

import h5py
import pytest
import tensorflow as tf
import tool
from architectures import REGISTRY
from cases import CROSSING
from frameworks import keras, tf_keras

BENIGN = [name for name in ("nested_functional", "bidirectional", "shared_layer", "trained", "mha", "convlstm") if name in REGISTRY]


def scan(*paths, expect):
    found = json.loads(tool.run("scan", "--json", *paths, expect=expect).stdout)
    assert found["schema"] == 1
    return [(hazard["level"], hazard["rule"]) for file in found["files"] for hazard in file["hazards"]], found


def small(framework, *middle):
    return framework.Sequential([framework.layers.Input((3,)), framework.layers.Dense(4), *middle])


def keras_zip(path, config, weights=None):
    """A .keras with this config and the weights of a real one."""
    small(keras).save(path.with_suffix(".base.keras"))
    with zipfile.ZipFile(path.with_suffix(".base.keras")) as base, zipfile.ZipFile(path, "w") as made:
        for name in base.namelist():
            made.writestr(name, json.dumps(config) if name == "config.json" else base.read(name))
        for name, content in (weights or {}).items():
            made.writestr(name, content)
    return path


def layer(**members):
    return {"module": "keras", "class_name": "Sequential", "registered_name": None,
            "config": {"name": "s", "layers": [members]}}


HOSTILE = {  # name: (config of a .keras, rule); the numbers are those of the advisories
    "2024-3660": (layer(module="keras.layers", class_name="Lambda", config={"name": "l", "function": {
        "class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}}), "lambda"),
    "2025-1550-os": (layer(module="os", class_name="function", config="system"), "module"),
    "2025-1550-builtins": (layer(module="builtins", class_name="exec", config={}), "gadget"),
    "2025-1550-subprocess": (layer(module="subprocess", class_name="Popen", config={}), "module"),
    "2025-8747": (layer(module="keras.utils", class_name="function", config="get_file", registered_name="get_file"), "gadget"),
    "2025-9906-switch": (layer(module="keras.config", class_name="function", config="enable_unsafe_deserialization"), "gadget"),
    "2025-9906-load": (layer(module="keras.layers", class_name="Lambda", config={"name": "l", "function": {
        "module": "keras.models", "class_name": "function", "config": "load_model"}, "arguments": {"safe_mode": False}}),
        "unsafe_switch"),
    "2025-12058": (layer(module="keras.layers", class_name="StringLookup", config={"name": "v", "vocabulary": "/etc/passwd"}),
                   "file_reference"),
    "2026-12479": (layer(module="keras.layers", class_name="Dense", config={"name": "../../x", "units": 1}), "path_name"),
    "tfsm": (layer(module="keras.layers", class_name="TFSMLayer", config={"name": "t", "filepath": "/tmp/x"}), "other_model"),
    "torch": (layer(module="keras.layers", class_name="TorchModuleWrapper", config={"name": "t", "module": "UEsDBA=="}), "pickle"),
    "internal": (layer(module="keras.src.utils.file_utils", class_name="function", config="anything"), "gadget"),
    "write_file": (layer(class_name="TFOpLambda", config={"name": "w", "function": "io.write_file"}), "gadget"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_config(name, tmp_path):
    config, rule = HOSTILE[name]
    found, _ = scan(keras_zip(tmp_path / "m.keras", config), expect=tool.DIFFERS)
    assert ("danger", rule) in found
    # The same as a legacy file, which Keras trusted longest, and as JSON alone.
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
    (tmp_path / "m.json").write_text(json.dumps(config))
    for other in ("m.h5", "m.json"):
        assert scan(tmp_path / other, expect=tool.DIFFERS)[0] == found


def test_real_lambdas(tmp_path):
    for framework in (keras, tf_keras):
        model = small(framework, framework.layers.Lambda(lambda x: x * 2))
        for suffix in (".keras", ".h5"):
            path = tmp_path / f"{framework.__name__}{suffix}"
            model.save(str(path))
            assert scan(path, expect=tool.DIFFERS)[0] == [("danger", "lambda")]
    model.save(str(tmp_path / "folder"), save_format="tf")
    assert ("danger", "lambda") in scan(tmp_path / "folder", expect=tool.DIFFERS)[0]


def test_hidden_parts(tmp_path):
    inner = keras_zip(tmp_path / "inner.keras", HOSTILE["2024-3660"][0])
    outer = keras_zip(tmp_path / "outer.keras", layer(class_name="Dense", config={"name": "d"}), {
        "assets/inner.keras": inner.read_bytes(), "../../escape": b"x", "assets/objects.pkl": pickle.dumps([1, 2]),
        "assets/objects.npy": b"\x93NUMPY\x01\x00\x46\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"})
    found, document = scan(outer, expect=tool.DIFFERS)
    assert sorted(found) == [("danger", "lambda"), ("danger", "path_name"), ("danger", "pickle"), ("danger", "pickle")]
    assert any("assets/inner.keras/config.json" in hazard["where"] for hazard in document["files"][0]["hazards"])


def test_polyglots_links_and_hidden_files(tmp_path):
    inner = keras_zip(tmp_path / "inner.keras", HOSTILE["2024-3660"][0]).read_bytes()
    (tmp_path / "p.gif").write_bytes(b"GIF89a" + b"x" * 99 + inner)
    assert scan(tmp_path / "p.gif", expect=tool.DIFFERS)[0] == [("danger", "hidden_archive"), ("danger", "lambda")]
    folder = tmp_path / "snapshot"
    folder.mkdir()
    tool.run("scan", folder, expect=tool.UNREADABLE)
    (folder / "model.keras").symlink_to(tmp_path / "inner.keras")
    (folder / ".hidden.keras").write_bytes(inner)
    (folder / "loop").symlink_to(folder)
    (folder / "m.yaml").write_text("class_name: !!python/object/apply:os.system [id]\n")
    found, _ = scan(folder, expect=tool.DIFFERS)
    assert found.count(("danger", "lambda")) >= 2 and ("danger", "pickle") in found


def test_graphs_of_other_kinds(tmp_path):
    tf.io.write_graph(Reaching().read.get_concrete_function().graph, str(tmp_path), "frozen.pb", as_text=False)
    assert scan(tmp_path / "frozen.pb", expect=tool.DIFFERS)[0] == [("danger", "file_operation")]
    (tmp_path / "saved_model.pbtxt").write_text("saved_model_schema_version: 1\n")
    assert "unread" in tool.run("scan", tmp_path / "saved_model.pbtxt", expect=tool.REFUSED).stdout


def test_external_weights(tmp_path):
    with h5py.File(tmp_path / "x.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "/")
        file.create_dataset("layers/dense/vars/1", (4,), "f4", external=[("secret", 0, 16)])
    assert scan(tmp_path / "x.weights.h5", expect=tool.DIFFERS)[0] == [("danger", "external_link")] * 2


class Reaching(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def read(self, name):
        return tf.io.read_file(name)

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def write(self, name):
        tf.io.write_file(name, "x")
        tf.print(name, output_stream="file:///tmp/never")
        return tf.io.matching_files(name)

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def python(self, x):
        return tf.py_function(lambda v: v, [x], tf.float32)


def test_operations(tmp_path):
    tf.saved_model.save(Reaching(), str(tmp_path / "m"))
    found, document = scan(tmp_path / "m", expect=tool.DIFFERS)
    operations = {hazard["where"].split("(")[-1].rstrip(")") for hazard in document["files"][0]["hazards"]}
    assert {"ReadFile", "WriteFile", "MatchingFiles", "PrintV2", "EagerPyFunc"} <= operations
    assert {level for level, _ in found} == {"danger"}


def test_custom_objects_need_trust(tmp_path):
    @keras.saving.register_keras_serializable("mine")
    class Own(keras.layers.Layer):
        pass

    small(keras, Own()).save(tmp_path / "m.keras")
    found, _ = scan(tmp_path / "m.keras", expect=tool.DIFFERS)
    assert found == [("trust", "custom_object")]


def test_benign_models(workshop, tmp_path):
    paths = []
    for arch in [arch for arch in CROSSING if arch.name != "bfloat16"][:12]:
        source = workshop.source(arch, "tf_keras")
        paths += [source.whole, source.keras_zip]
        paths.append(workshop.source(arch, "keras").keras_zip)
    for name in BENIGN[:2]:
        folder = tmp_path / name
        workshop.source(REGISTRY[name], "tf_keras").model.save(str(folder), save_format="tf")
        paths.append(folder)
    workshop.source(REGISTRY["nested_functional"], "keras").model.export(str(tmp_path / "exported"), verbose=False)
    found, document = scan(*paths, tmp_path / "exported", expect=tool.OK)
    assert not found and len(document["files"]) >= 20
    assert all(file["parts"] and not file["problems"] for file in document["files"])


def test_the_word_is_never_said(tmp_path):
    small(keras).save(tmp_path / "m.keras")
    shown = tool.run("scan", tmp_path / "m.keras").stdout
    assert shown.endswith("m.keras: nothing known found\n") and "safe" not in shown


def test_unreadable_parts_are_said(tmp_path):
    small(keras).save(tmp_path / "m.keras")
    (tmp_path / "cut.keras").write_bytes((tmp_path / "m.keras").read_bytes()[:-30])
    shown = tool.run("scan", tmp_path / "cut.keras", expect=tool.DAMAGED).stdout
    assert "unread" in shown and "nothing known" not in shown
