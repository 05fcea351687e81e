# SPDX-License-Identifier: Apache-2.0
"""`pack` and `unpack`: the file and the folder of one .keras model. Keras loads both as it loads its own."""

import os
import zipfile

import pytest
import tool
from architectures import REGISTRY
from compare import assert_weights
from frameworks import fresh, keras

NAME = "nested_functional"


@pytest.fixture
def model(workshop, tmp_path):
    source = workshop.source(REGISTRY[NAME], "keras")
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(source.keras_zip) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("assets/words/vocabulary.txt", "one\ntwo\n")
        new.writestr("assets/empty.txt", "")
    return path, source


def members(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_there_and_back(model, tmp_path):
    path, source = model
    tool.run("unpack", path, tmp_path / "folder", "--no-fsync")
    assert files(tmp_path / "folder") == members(path)
    tool.run("diff", path, tmp_path / "folder")
    tool.run("pack", tmp_path / "folder", tmp_path / "again.keras", "--no-fsync")
    assert members(tmp_path / "again.keras") == members(path)
    fresh(keras)
    assert_weights(keras.saving.load_model(str(tmp_path / "again.keras"), compile=False), source.values)


def test_existing_destinations(model, tmp_path):
    path, _ = model
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "mine.txt").write_text("keep")
    tool.run("unpack", path, folder, expect=tool.REFUSED)
    assert files(folder) == {"mine.txt": b"keep"}
    tool.run("unpack", path, folder, "--overwrite", "--no-fsync")
    assert files(folder) == members(path)
    before = path.read_bytes()
    tool.run("pack", folder, path, expect=tool.REFUSED)
    assert path.read_bytes() == before
    tool.run("unpack", path, tmp_path / "dry", "--dry-run")
    assert not (tmp_path / "dry").exists()
    assert sorted(os.listdir(tmp_path)) == ["folder", "model.keras"]


def test_refusals(model, workshop, tmp_path):
    path, source = model
    tool.run("unpack", workshop.source(REGISTRY[NAME], "tf_keras").whole, tmp_path / "no", expect=tool.REFUSED)
    tool.run("pack", path, tmp_path / "no.keras", expect=tool.REFUSED)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../out", "x")
    tool.run("unpack", path, tmp_path / "no", expect=tool.REFUSED)
    folder = tmp_path / "folder"
    folder.mkdir()
    with zipfile.ZipFile(source.keras_zip) as archive:
        archive.extractall(folder)
    (folder / "train.py").write_text("x")
    done = tool.run("pack", folder, tmp_path / "no.keras", expect=tool.REFUSED)
    assert "train.py" in done.stderr
    os.remove(folder / "train.py")
    os.makedirs(folder / "assets")
    os.symlink("/etc/passwd", folder / "assets" / "link")
    assert tool.start("pack", folder, tmp_path / "no.keras").code != 0
    assert not (tmp_path / "no").exists() and not (tmp_path / "no.keras").exists() and not (tmp_path / "out").exists()
