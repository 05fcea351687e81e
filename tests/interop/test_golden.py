# SPDX-License-Identifier: Apache-2.0
"""The golden files: the manifest against the tool, so that it cannot rot."""

import hashlib
import json
from pathlib import Path

import pytest
import tool
from safetensors import safe_open

FOLDER = Path(__file__).resolve().parents[1] / "golden"
FILES = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["files"]
everything = pytest.mark.parametrize("entry", FILES, ids=[entry["file"] for entry in FILES])


@everything
def test_inspect(entry):
    listing = tool.inspect(FOLDER / entry["file"])
    assert listing["format"] == entry["format"]
    found = {item["stored_name"]: item for item in listing["tensors"]}
    assert set(found) == {tensor["stored_name"] for tensor in entry["tensors"]}
    for tensor in entry["tensors"]:
        item = found[tensor["stored_name"]]
        assert (item["dtype"], item["shape"]) == (tensor["dtype"], tensor["shape"])
        assert item["part"] == tensor["part"]


@everything
def test_every_tensor_by_its_digest(entry, tmp_path):
    tool.convert(FOLDER / entry["file"], tmp_path / "out.safetensors", "--names", "stored")
    with safe_open(tmp_path / "out.safetensors", "np") as f:
        found = {name: hashlib.sha256(f.get_tensor(name).tobytes()).hexdigest() for name in f.keys()}
    assert found == {tensor["stored_name"]: tensor["sha256"] for tensor in entry["tensors"]}


@pytest.mark.parametrize("entry", [entry for entry in FILES if "config" in entry],
                         ids=[entry["file"] for entry in FILES if "config" in entry])
def test_names_with_config(entry, tmp_path):
    tool.convert(FOLDER / entry["file"], tmp_path / "out.safetensors", "--config", FOLDER / entry["config"])
    with safe_open(tmp_path / "out.safetensors", "np") as f:
        found = {name: hashlib.sha256(f.get_tensor(name).tobytes()).hexdigest() for name in f.keys()}
    assert found == {tensor["name"]: tensor["sha256"] for tensor in entry["tensors"]}
