# SPDX-License-Identifier: Apache-2.0
"""Files of hdf5::Builder, judged by h5py (libhdf5 1.14), the HDF5 tools (1.10) and the real Keras and tf_keras.

h5forge (tests/support) writes what is described to it. The long comparisons run in processes of their own.
"""

import concurrent.futures
import copy
import importlib
import json
import pathlib
import random
import shutil
import subprocess
import sys

import h5py
import hdf5_headers
import hdf5_our_view
import hdf5_trees as trees
import numpy as np
import pytest
from tool import lacking

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
RANDOM_TREES, BATCH = 2000, 250
TWINS = sorted(path for pattern in ("keras-*.h5", "tf_keras-*.h5") for path in GOLDEN.glob(pattern))


# ---- Everything read back, in full ----


@pytest.fixture(scope="module")
def background(tmp_path_factory):
    """Comparisons by name, two processes at a time."""

    def run(*words):
        script = pathlib.Path(__file__).with_name("hdf5_forged.py")
        command = [sys.executable, script, *map(str, words), tmp_path_factory.mktemp("forged")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = {"many_links": pool.submit(run, "many_links"), "keras_like": pool.submit(run, "keras_like")}
        jobs |= {first: pool.submit(run, "random", first, BATCH) for first in range(0, RANDOM_TREES, BATCH)}
        yield jobs


@pytest.mark.parametrize("first", range(0, RANDOM_TREES, BATCH))
def test_random_trees(background, first):
    background[first].result()


def test_one_group_of_100000_tensors(background):
    background["many_links"].result()


def test_100000_keras_layers(background):
    background["keras_like"].result()


# ---- The HDF5 tools of another version, and edits in place ----


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """60 random trees and their files."""
    folder = tmp_path_factory.mktemp("sample")
    forged = {folder / f"{seed}.h5": trees.random_tree(seed) for seed in [*range(1, 60), 100]}
    trees.forge(forged)
    return forged


@pytest.mark.parametrize("command", [["h5dump"], ["h5ls", "-r", "-v"], ["h5stat"]], ids=lambda command: command[0])
def test_hdf5_tools(sample, command):
    if not shutil.which(command[0]):
        lacking("hdf5-tools are not installed")
    for path in sample:
        done = subprocess.run([*command, path], capture_output=True)
        assert done.returncode == 0 and not done.stderr, (path, done.stderr)


def test_h5repack_and_h5diff(sample, tmp_path):
    if not shutil.which("h5repack"):
        lacking("hdf5-tools are not installed")
    for path, tree in list(sample.items())[::6]:
        packed = tmp_path / path.name
        subprocess.run(["h5repack", path, packed], check=True)
        trees.compare(packed, tree, aligned=False)
        subprocess.run(["h5diff", path, packed], check=True, capture_output=True)


def groups_of(file, tree):
    found = [(h5py.h5g.open(file.id, b"/"), tree)]
    for oid, node in found:
        children = [(name, child) for name, child in node.links.items() if isinstance(child, trees.Group)]
        found.extend((h5py.h5g.open(oid, name), child) for name, child in children)
    return found


def add_link(rng, group, node, name):
    if rng.random() < 0.3:
        h5py.h5g.create(group.id, name)
        node.links[name] = trees.Group()
    else:
        value = np.arange(rng.randrange(1, 9), dtype="<i4")
        group.create_dataset(name.decode(), data=value)
        node.links[name] = trees.Dataset("int32", value.shape, value.tobytes())


def change_link(rng, group, node, name):
    old = rng.choice([key for key, child in node.links.items() if isinstance(child, trees.Dataset)] or [None])
    if old is None:
        return add_link(rng, group, node, name)
    child = node.links.pop(old)
    if rng.random() < 0.5:
        group.id.unlink(old)
    else:
        group.id.links.move(old, group.id, name)
        node.links[name] = child


def change_attribute(rng, group, node, name):
    if node.attributes and rng.random() < 0.5:
        gone = rng.choice(list(node.attributes))
        h5py.h5a.delete(group.id, gone)
        del node.attributes[gone]
    else:
        value = rng.choice(["", "a text", "longer " * 500])
        group.attrs[name.decode()] = value
        node.attributes[name] = ("string", "utf8", value.encode())


def edit(file, tree, rng):
    """Random changes by h5py, made in the tree as well."""
    groups = groups_of(file, tree)
    for _ in range(60):
        oid, node = rng.choice(groups)
        name = f"{rng.choice(['new', 'ü'])} {rng.randrange(10**6)}".encode()
        rng.choice([add_link, change_link, change_link, change_attribute])(rng, h5py.Group(oid), node, name)


def test_edits_in_append_mode(sample, tmp_path):
    for number, (path, original) in enumerate(sample.items()):
        rng, tree, edited = random.Random(number), copy.deepcopy(original), tmp_path / path.name
        shutil.copy(path, edited)
        for _ in range(2):
            with h5py.File(edited, "a") as file:
                edit(file, tree, rng)
        trees.compare(edited, tree, aligned=False)
        hdf5_our_view.compare_all({edited: tree}, tmp_path)


# ---- Twins of what Keras, tf_keras and h5py wrote ----


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """{file of a framework: the same tree written by us}."""
    folder = tmp_path_factory.mktemp("twins")
    pairs = {path: folder / path.name for path in TWINS}
    trees.forge({twin: trees.tree_of(path) for path, twin in pairs.items()})
    return pairs


@pytest.mark.parametrize("path", TWINS, ids=lambda path: path.name)
def test_header_messages_are_those_of_the_framework(twins, path):
    expected, got = hdf5_headers.comparable_headers(path), hdf5_headers.comparable_headers(twins[path])
    assert expected.keys() == got.keys()
    for name, messages in expected.items():
        if hdf5_headers.holds_links(messages):  # h5py's form of a group with a non-ASCII name in it
            messages, got[name] = map(hdf5_headers.only_attributes, (messages, got[name]))
        assert messages == got[name], name
    assert trees.tree_of(path) == trees.tree_of(twins[path])


def h5py_file_of_every_type(path):
    """What h5py stores the types as that Keras rarely uses."""
    with h5py.File(path, "w") as file:
        for code in "? i1 u1 <i2 <u2 <i4 <u4 <i8 <u8 <f2 <f4 <f8 <c8 <c16 V2 V1".split():
            for shape in [(), (7,), (3, 4), (1,) * 6, (0,), (3, 0, 2)]:
                value = np.zeros(shape, dtype=code)
                item = file.create_dataset(f"{code} {shape}", data=value)
                item.attrs["same"] = value
        file.attrs["list"] = [b"a", "\u00fc".encode()]
        file.attrs["none"] = []
        file.create_group("empty").attrs["\u00fc"] = "\u00fc"


def test_every_type_as_h5py_stores_it(tmp_path):
    path, twin = tmp_path / "h5py.h5", tmp_path / "twin.h5"
    h5py_file_of_every_type(path)
    trees.forge({twin: trees.tree_of(path)})
    assert hdf5_headers.comparable_headers(path) == hdf5_headers.comparable_headers(twin)


# ---- The frameworks load them ----


@pytest.fixture(scope="module")
def frameworks():
    import frameworks

    return frameworks


def randomised(model):
    random = np.random.default_rng(5)
    model.set_weights([random.normal(size=value.shape).astype(value.dtype) for value in model.get_weights()])
    return model


CONFIGURED = [entry for entry in json.loads((GOLDEN / "manifest.json").read_text())["files"]
              if entry["format"] in ("weights_h5", "legacy_h5") and entry["kind"] == "weights" and entry.get("config")]


@pytest.mark.parametrize("entry", CONFIGURED, ids=lambda entry: entry["file"])
def test_frameworks_load_weights(frameworks, twins, entry):
    framework = frameworks.BY_NAME[entry["file"].split("-")[0]]
    config = (GOLDEN / entry["config"]).read_text()
    path = GOLDEN / entry["file"]
    models = [randomised(framework.models.model_from_json(config)) for _ in range(2)]
    for model, file in zip(models, (path, twins[path])):
        model.load_weights(file)
    assert models[0].get_weights()
    for expected, got in zip(*(model.get_weights() for model in models)):
        assert expected.tobytes() == got.tobytes()


@pytest.mark.parametrize("path", [path for path in TWINS if "-whole-" in path.name], ids=lambda path: path.name)
def test_frameworks_load_whole_models(frameworks, twins, path):
    framework = frameworks.BY_NAME[path.name.split("-")[0]]
    expected, got = (framework.models.load_model(file, compile=False) for file in (path, twins[path]))
    assert expected.get_config() == got.get_config()
    for before, after in zip(expected.get_weights(), got.get_weights()):
        assert before.tobytes() == after.tobytes()


LISTS = [(252, 256), (253, 256), (300, 240), (300, 700), (1000, 64), (1009, 64), (7, 64512)]


@pytest.mark.parametrize("count, longest", LISTS)
def test_name_lists_are_split_as_keras_splits_them(frameworks, tmp_path, count, longest):
    names = [f"{i:04}".encode() * (1 + i % 7) for i in range(count)]
    names[count // 2] = b"n" * longest
    theirs, ours = tmp_path / "theirs.h5", tmp_path / "ours.h5"
    save = importlib.import_module("tf_keras.src.saving.legacy.hdf5_format").save_attributes_to_hdf5_group
    with h5py.File(theirs, "w") as file:
        save(file, "layer_names", names)
    trees.forge({ours: trees.Group(attributes={b"layer_names": ("list", names)})})
    assert hdf5_headers.comparable_headers(theirs) == hdf5_headers.comparable_headers(ours)
    assert trees.tree_of(theirs) == trees.tree_of(ours)


def test_long_layer_names(frameworks, tmp_path):
    """tf_keras splits layer_names, so do we, and it finds every layer again."""
    keras = frameworks.tf_keras
    names = [f"{'n' * 1000}{i:05}" if i % 2 else f"short_{i}" for i in range(70)]
    model = keras.Sequential([keras.Input((1,)), *(keras.layers.Dense(1, name=name) for name in names)])
    theirs, ours = tmp_path / "theirs.h5", tmp_path / "ours.h5"
    randomised(model).save_weights(theirs)
    expected = model.get_weights()
    trees.forge({ours: trees.tree_of(theirs)})
    with h5py.File(ours) as file:
        assert "layer_names1" in file.attrs and "layer_names" not in file.attrs
    assert hdf5_headers.comparable_headers(theirs) == hdf5_headers.comparable_headers(ours)
    for by_name in (False, True):
        model.set_weights([np.zeros_like(value) for value in expected])
        model.load_weights(ours, by_name=by_name)
        assert all(np.array_equal(before, after) for before, after in zip(expected, model.get_weights()))
