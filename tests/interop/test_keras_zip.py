# SPDX-License-Identifier: Apache-2.0
"""`.keras`: real ones read in every form, ours opened by keras.saving.load_model with bit-equal weights."""

import io
import json
import shutil
import zipfile

import h5py
import numpy as np
import pytest
import tool
from architectures import REGISTRY
from cases import CROSSING, KERAS3, by_position, each
from compare import assert_like_keras_own, assert_predictions, assert_weights, datasets
from frameworks import fresh, keras, tf_keras
from model_walk import same_bytes, slots, to_array
from safetensors import safe_open
from workshop import load

PARTS = ["metadata.json", "config.json", "model.weights.h5"]
SOME = ["nested_twice", "shared_model", "order_trap", "bidirectional", "odd_names"]


def members(path):
    """The members of one of our archives, which must be as Keras writes them."""
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None
        for item in z.infolist():
            assert (item.compress_type, item.flag_bits, item.date_time) == (zipfile.ZIP_STORED, 0, (1980, 1, 1, 0, 0, 0))
        return {name: z.read(name) for name in z.namelist()}


def judge(source, path):
    """The real Keras opens the file; its weights are the source's, layer by layer and role by role."""
    own = {type(layer).__name__: type(layer) for layer in source.model.layers} if source.framework_name == "keras" else {}
    model = keras.saving.load_model(str(path), custom_objects=own)
    same = source.framework_name == "keras"
    assert_weights(model, source.values, by_position=by_position(source.architecture) and not same)
    assert_predictions(model, source.predictions, same, source.architecture.tolerance)
    return model


def zipped(path, parts, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as z:
        for name, data in parts.items():
            z.writestr(name, data)
    return path


def read(path):
    with zipfile.ZipFile(path) as z:
        return {name: z.read(name) for name in z.namelist()}


def as_safetensors(path, out, *options):
    tool.convert(path, out, "-f", *options)
    with safe_open(out, "np") as f:
        return {name: (a.dtype, a.shape, a.tobytes()) for name in f.keys() for a in [f.get_tensor(name)]}


# ---- what Keras writes, and what we write of it ----------------------------------------------------------------------


@each(KERAS3, without=["chunked"])
def test_there_and_back(arch, workshop, tmp_path):
    source = workshop.source(arch, "keras")
    out, again = tmp_path / "out.keras", tmp_path / "again.keras"
    tool.convert(source.keras_zip, out)
    judge(source, out)
    theirs, ours = read(source.keras_zip), members(out)
    assert list(ours) == list(theirs)[: len(ours)] and list(ours)[:3] == PARTS
    assert ours["config.json"] == theirs["config.json"]
    assert json.loads(ours["metadata.json"])["keras_version"] == keras.__version__
    a, b = (io.BytesIO(found["model.weights.h5"]) for found in (ours, theirs))
    assert datasets(a) == datasets(b)
    assert_like_keras_own(a, b)
    tool.convert(out, again)
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize("name", SOME)
def test_to_weights(name, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], "keras")
    out = tmp_path / "out.weights.h5"
    tool.convert(source.keras_zip, out)
    assert datasets(out) == datasets(source.v3)
    model = workshop.target(source, "keras")
    load(model, out)
    assert_weights(model, source.values)


@pytest.mark.parametrize("name", SOME)
def test_to_legacy_weights(name, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], "keras")
    out = tmp_path / "out.h5"
    tool.convert(source.keras_zip, out, "--weights-only", "--flavor", "keras3")
    model = workshop.target(source, "keras")
    load(model, out)
    assert_weights(model, source.values)


@pytest.mark.parametrize("name", SOME)
def test_names_come_from_the_config(name, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], "keras")
    ours = as_safetensors(source.keras_zip, tmp_path / "a.safetensors")
    assert ours == as_safetensors(source.v3, tmp_path / "b.safetensors", "--config", source.config)
    tool.convert(tmp_path / "a.safetensors", tmp_path / "back.keras")
    judge(source, tmp_path / "back.keras")
    listing = tool.inspect(source.keras_zip)
    assert (listing["format"], listing["kind"]) == ("keras", "model")
    assert {item["name"] for item in listing["tensors"] if item["part"] == "weight"} <= set(ours)


@pytest.mark.parametrize("name", SOME)
def test_weights_and_a_config(name, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], "keras")
    out, same = tmp_path / "out.keras", tmp_path / "same.keras"
    tool.convert(source.v3, out, "--config", source.config)
    tool.convert(source.v3, same, "--config", source.keras_zip)
    assert members(same)["model.weights.h5"] == members(out)["model.weights.h5"]
    model = judge(source, out)
    model.save_weights(str(tmp_path / "own.weights.h5"))
    (tmp_path / "inside.weights.h5").write_bytes(members(out)["model.weights.h5"])
    assert_like_keras_own(tmp_path / "inside.weights.h5", tmp_path / "own.weights.h5")


@each([a for a in CROSSING if a.name in ("nested_twice", "bidirectional", "frozen_nested")])
@pytest.mark.parametrize("kind", ["whole", "v3", "weights_only", "keras_zip"])
def test_old_weights_in_a_new_model(arch, kind, workshop, tmp_path):
    """Until configs are migrated, the user can say what the model is in Keras 3."""
    source = workshop.source(arch, "tf_keras")
    config = workshop.source(arch, "keras").config
    out = tmp_path / "out.keras"
    tool.convert(getattr(source, kind), out, "--config", config)
    judge(source, out)


# ---- the other forms -------------------------------------------------------------------------------------------------


def test_deflated(workshop, tmp_path):
    source = workshop.source(REGISTRY["nested_twice"], "keras")
    packed = zipped(tmp_path / "packed.keras", read(source.keras_zip), zipfile.ZIP_DEFLATED)
    out, plain = tmp_path / "out.keras", tmp_path / "plain.keras"
    tool.convert(packed, out)
    tool.convert(source.keras_zip, plain)
    assert out.read_bytes() == plain.read_bytes()
    judge(source, out)


@pytest.mark.parametrize("at", [512, 2048, 4096])
def test_weights_where_hdf5_is_looked_for(at, workshop, tmp_path):
    """A file whose superblock lies behind a user block of 512, 1024, … bytes is HDF5, too; a zip is not."""
    source = workshop.source(REGISTRY["nested_twice"], "keras")
    parts = read(source.keras_zip)
    headers = 30 + len("fill") + 30 + len("model.weights.h5")
    first = {"fill": b" " * (at - headers), "model.weights.h5": parts.pop("model.weights.h5")}
    moved = zipped(tmp_path / "moved.keras", first | parts)
    assert moved.read_bytes().find(b"\x89HDF") == at
    tool.convert(moved, tmp_path / "out.keras")
    judge(source, tmp_path / "out.keras")


def test_folder(workshop, tmp_path):
    source = workshop.source(REGISTRY["cells"], "keras")
    folder, out, plain = tmp_path / "folder", tmp_path / "out.keras", tmp_path / "plain.keras"
    source.model.save(str(folder), zipped=False)
    tool.convert(folder, out)
    tool.convert(source.keras_zip, plain)
    assert out.read_bytes() == plain.read_bytes()
    judge(source, out)


def test_without_metadata_and_without_suffix(workshop, tmp_path):
    source = workshop.source(REGISTRY["nested_twice"], "keras")
    parts = read(source.keras_zip)
    del parts["metadata.json"]
    bare = zipped(tmp_path / "bare", parts)
    tool.convert(bare, tmp_path / "out.keras")
    judge(source, tmp_path / "out.keras")


def test_hdf5_under_the_name(workshop, tmp_path):
    """tf_keras' save_weights writes a legacy file under any such name."""
    source = workshop.source(REGISTRY["nested_twice"], "tf_keras")
    named, out = tmp_path / "weights.keras", tmp_path / "out.weights.h5"
    shutil.copy(source.weights_only, named)
    done = tool.convert(named, out, "--config", source.config)
    assert "legacy_h5" in done.stderr
    model = workshop.target(source, "keras")
    load(model, out)
    assert_weights(model, source.values)


@each([a for a in CROSSING if a.name in SOME])
def test_tf_keras_files(arch, workshop, tmp_path):
    source = workshop.source(arch, "tf_keras")
    listing = tool.inspect(source.keras_zip)
    assert (listing["format"], listing["producer"]["flavor"]) == ("keras", "tf_keras")
    own = as_safetensors(source.keras_zip, tmp_path / "a.safetensors")
    whole = as_safetensors(source.whole, tmp_path / "b.safetensors")
    assert own == whole
    tool.convert(source.keras_zip, tmp_path / "own.weights.h5", "--flavor", "tf_keras")
    assert datasets(tmp_path / "own.weights.h5") == datasets(source.v3)
    tool.convert(source.keras_zip, tmp_path / "out.weights.h5")
    model = workshop.target(source, "keras")
    load(model, tmp_path / "out.weights.h5")
    assert_weights(model, source.values, by_position=by_position(arch))
    tool.convert(source.keras_zip, tmp_path / "out.keras")  # migrated: judged in test_modernise.py
    assert tool.inspect(tmp_path / "out.keras")["producer"]["flavor"] == "keras3"


# ---- state and assets ------------------------------------------------------------------------------------------------


def trained(k):
    fresh(k)
    L = k.layers
    model = k.Sequential([k.Input((3,)), L.Dense(4, name="hidden"), L.BatchNormalization(name="norm"), L.Dense(2, name="head")])
    model.compile(k.optimizers.Adam(0.01), "mse", metrics=["mae"], jit_compile=False)
    step(model)
    return model


def step(model):
    rng = np.random.default_rng(2)
    return model.train_on_batch(rng.normal(size=(4, 3)).astype("float32"), rng.normal(size=(4, 2)).astype("float32"))


@pytest.mark.parametrize("way", ["direct", "through_safetensors"])
def test_training_goes_on(way, tmp_path):
    source = trained(keras)
    original, out = tmp_path / "source.keras", tmp_path / "out.keras"
    source.save(original)
    first = original
    if way == "through_safetensors":
        first = tmp_path / "middle.safetensors"
        tool.convert(original, first)
    tool.convert(first, out)
    target = keras.saving.load_model(out)
    for a, b in zip(target.optimizer.variables, source.optimizer.variables, strict=True):
        assert same_bytes(to_array(a), to_array(b)), a.path
    np.testing.assert_array_equal(step(target), step(source))
    for a, b in zip(target.variables, source.variables, strict=True):
        assert same_bytes(to_array(a), to_array(b)), a.path


def test_training_goes_on_in_keras_3(tmp_path):
    source = trained(tf_keras)
    source.save(str(tmp_path / "source.keras"))
    tool.convert(tmp_path / "source.keras", tmp_path / "out.weights.h5")
    target = trained(keras)
    load(target, tmp_path / "out.weights.h5")
    theirs, ours = source.optimizer.variables, target.optimizer.variables
    assert same_bytes(to_array(ours[0]), to_array(theirs[0])) and len(ours) == len(theirs) + 1
    for a, b in zip(ours[2:], theirs[1:], strict=True):
        assert same_bytes(to_array(a), to_array(b)), a.path


def test_optimizer_left_out(tmp_path):
    source = trained(keras)
    source.save(tmp_path / "source.keras")
    tool.convert(tmp_path / "source.keras", tmp_path / "out.keras", "--without-optimizer")
    with h5py.File(io.BytesIO(members(tmp_path / "out.keras")["model.weights.h5"])) as f:
        assert "optimizer" not in f
    target = keras.saving.load_model(tmp_path / "out.keras", compile=False)
    for a, b in zip(slots(target), slots(source), strict=True):
        assert same_bytes(a.value, b.value), a.key


def test_vocabularies(tmp_path):
    fresh(keras)
    lookup, text = keras.layers.StringLookup(name="words"), keras.layers.TextVectorization(name="text")
    lookup.adapt(["hund", "katze", "ök"])
    text.adapt(["der hund", "die katze und der hund"])
    i = keras.Input((1,), dtype="string")
    model = keras.Model(i, [keras.layers.Embedding(9, 3)(lookup(i)), keras.layers.Embedding(9, 2)(text(i))])
    source, out, weights = tmp_path / "source.keras", tmp_path / "out.keras", tmp_path / "out.weights.h5"
    model.save(source)
    tool.convert(source, out)
    theirs, ours = read(source), members(out)
    assert len(theirs) == 6 and {n: d for n, d in theirs.items() if "assets" in n} == {
        n: d for n, d in ours.items() if "assets" in n}
    again = keras.saving.load_model(out)
    words = keras.ops.convert_to_tensor(np.array([["hund"], ["katze"], ["maus"]], dtype=object))
    for a, b in zip(again(words), model(words), strict=True):
        np.testing.assert_array_equal(a, b)

    with zipfile.ZipFile(source) as z:
        z.extractall(tmp_path / "folder")
    tool.convert(tmp_path / "folder", tmp_path / "unpacked.keras")
    assert members(tmp_path / "unpacked.keras").keys() == ours.keys()
    report = tool.convert_with_report(source, weights)
    dropped = {entry["from"] for entry in report["entries"] if entry["kind"] == "dropped"}
    assert dropped == {name for name in ours if name.startswith("assets/")}
    refused = tool.start("convert", source, tmp_path / "out.safetensors")
    assert refused.code == tool.REFUSED and "vocabulary.txt" in refused.stderr, refused


@keras.saving.register_keras_serializable("interop")
class Block(keras.layers.Layer):
    """A class of the user's that owns other layers."""

    def __init__(self, units, **more):
        super().__init__(**more)
        self.units = units
        self.inner = keras.layers.Dense(units)
        self.rest = [keras.layers.LayerNormalization(), keras.layers.Dense(units)]

    def build(self, shape):
        self.scale = self.add_weight(shape=(self.units,), name="scale")
        self.inner.build(shape)
        for layer in self.rest:
            layer.build((*shape[:-1], self.units))
        self.built = True

    def call(self, x):
        x = self.inner(x) * self.scale
        for layer in self.rest:
            x = layer(x)
        return x

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_classes_of_the_users_own(tmp_path):
    fresh(keras)
    model = keras.Sequential([keras.Input((3,)), Block(3, name="block"), keras.layers.Dense(2, name="head")])
    rng = np.random.default_rng(1)
    for variable in model.variables:
        variable.assign(rng.normal(size=variable.shape))
    model.save(tmp_path / "source.keras")
    done = tool.convert(tmp_path / "source.keras", tmp_path / "out.keras")
    again = keras.saving.load_model(tmp_path / "out.keras")
    for a, b in zip(again.variables, model.variables, strict=True):
        assert same_bytes(to_array(a), to_array(b)), (a.path, done)


def test_edit_renames_a_layer_in_weights_and_config(workshop, tmp_path):
    source = workshop.source(REGISTRY["nested_functional"], "keras")
    out = tmp_path / "out.keras"
    tool.run("edit", source.keras_zip, "rename", "inner/left", "west", "-o", out)
    model = keras.saving.load_model(out)
    assert [layer.name for layer in model.get_layer("inner").layers] == [
        "west" if layer.name == "left" else layer.name for layer in source.model.get_layer("inner").layers]
    for a, b in zip(model.variables, source.model.variables, strict=True):
        assert same_bytes(to_array(a), to_array(b)), a.path
    assert_predictions(model, source.predictions, True, 0)
    tool.run("edit", source.keras_zip, "rename", "layers/dense", "layers/other", "-o", tmp_path / "no.keras", expect=tool.USAGE)


# ---- refusals --------------------------------------------------------------------------------------------------------


def test_weights_alone_are_no_keras_file(workshop, tmp_path):
    source = workshop.source(REGISTRY["nested_twice"], "keras")
    done = tool.run("convert", source.v3, tmp_path / "out.keras", expect=tool.REFUSED)
    assert "--config" in done.stderr and ".weights.h5" in done.stderr
    done = tool.run("convert", source.keras_zip, tmp_path / "out.keras", "--weights-only", expect=tool.USAGE)
    assert ".weights.h5" in done.stderr
    done = tool.run("convert", source.keras_zip, tmp_path / "out.keras", "--compress", "gzip", expect=tool.USAGE)
    assert list(tmp_path.iterdir()) == []


HOSTILE = {
    "slip": (lambda p: {**p, "../evil.txt": b"x"}, tool.REFUSED),
    "absolute": (lambda p: {**p, "/etc/evil": b"x"}, tool.REFUSED),
    "backslash": (lambda p: {**p, "assets\\evil": b"x"}, tool.REFUSED),
    "case": (lambda p: {**p, "CONFIG.json": p["config.json"]}, tool.DAMAGED),
    "no_weights": (lambda p: {n: d for n, d in p.items() if "h5" not in n}, tool.DAMAGED),
    "no_config": (lambda p: {n: d for n, d in p.items() if n != "config.json"}, tool.DAMAGED),
    "npz": (lambda p: {**{n: d for n, d in p.items() if "h5" not in n}, "model.weights.npz": b"PK\5\6" + bytes(18)},
            tool.REFUSED),
    "no_json": (lambda p: {**p, "config.json": b"\x80\x04pickle"}, tool.DAMAGED),
    "no_model": (lambda p: {**p, "config.json": b'{"architectures": ["BertModel"]}'}, tool.DAMAGED),
    "no_hdf5": (lambda p: {**p, "model.weights.h5": b"\0" * 4096}, tool.DAMAGED),
    "cut_hdf5": (lambda p: {**p, "model.weights.h5": p["model.weights.h5"][:-100]}, tool.DAMAGED),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name, workshop, tmp_path):
    change, code = HOSTILE[name]
    source = workshop.source(REGISTRY["nested_twice"], "keras")
    bad = zipped(tmp_path / "bad.keras", change(read(source.keras_zip)))
    done = tool.run("convert", bad, tmp_path / "out.keras", expect=code)
    assert "bad.keras" in done.stderr and not (tmp_path / "out.keras").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"bad.keras"}


@pytest.mark.parametrize("part", PARTS)
def test_flipped_bits(part, workshop, tmp_path):
    """Keras itself notices them by the archive's checksums; so do we, wherever in the member they are."""
    source = workshop.source(REGISTRY["nested_twice"], "keras")
    good = source.keras_zip.read_bytes()
    with zipfile.ZipFile(source.keras_zip) as z:
        item = z.getinfo(part)
    start = good.index(part.encode(), item.header_offset) + len(part)
    rng = np.random.default_rng(3)
    bad = tmp_path / "bad.keras"
    for at in rng.integers(start, start + item.file_size, 12):
        data = bytearray(good)
        data[at] ^= 1 << int(rng.integers(8))
        bad.write_bytes(data)
        tool.run("convert", bad, tmp_path / "out.keras", expect=tool.DAMAGED)
        assert not (tmp_path / "out.keras").exists()
