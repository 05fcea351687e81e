# SPDX-License-Identifier: Apache-2.0
"""`ballast migrate`: a folder of old models, at once, and what it says of each. Keras 3 judges what came out."""

import html.parser
import json
import shutil

import numpy as np
import pytest
import tool
from architectures import REGISTRY
from compare import assert_predictions, assert_weights
from frameworks import fresh, keras, tf, tf_keras

WHOLE = ("nested_functional", "bidirectional", "trained")


@pytest.fixture
def old(workshop, tmp_path):
    """Whole models as .h5, .keras and SavedModel in subfolders, and files that are none."""
    folder = tmp_path / "old"
    (folder / "a" / "b").mkdir(parents=True)
    shutil.copy(workshop.source(REGISTRY[WHOLE[0]], "tf_keras").whole, folder / "first.h5")
    shutil.copy(workshop.source(REGISTRY[WHOLE[1]], "tf_keras").keras_zip, folder / "a" / "second.keras")
    workshop.source(REGISTRY[WHOLE[2]], "tf_keras").model.save(str(folder / "a" / "b" / "third"), save_format="tf", save_traces=False)
    shutil.copy(workshop.source(REGISTRY[WHOLE[0]], "keras").keras_zip, folder / "today.keras")
    lambdas = tf_keras.Sequential([tf_keras.layers.InputLayer((3,)), tf_keras.layers.Dense(2), tf_keras.layers.Lambda(lambda x: x)])
    lambdas.save(str(folder / "lambda.h5"))
    shutil.copy(workshop.source(REGISTRY[WHOLE[0]], "tf_keras").weights_only, folder / "weights.h5")
    (folder / "damaged.h5").write_bytes((folder / "first.h5").read_bytes()[:3000])
    (folder / "notes.txt").write_text("no model")
    (folder / ".hidden.h5").write_bytes(b"")
    return folder


def statuses(report, folder):
    return {row["source"].removeprefix(f"{folder}/"): row["status"] for row in report["models"]}


EXPECTED = {"first.h5": "migrated", "a/second.keras": "migrated", "a/b/third": "migrated", "today.keras": "current",
            "lambda.h5": "weights only", "weights.h5": "refused", "damaged.h5": "refused"}


def migrate(old, new, *options, expect):
    report = new.parent / "report.json"
    tool.run("migrate", old, "--out-dir", new, "--no-fsync", "--report", report, *options, expect=expect)
    return json.loads(report.read_text())


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder(old, workshop, tmp_path):
    report = migrate(old, tmp_path / "new", "--keep-going", expect=tool.DAMAGED)
    assert statuses(report, old) == EXPECTED
    assert files(tmp_path / "new") == ["a/b/third.keras", "a/second.keras", "first.keras", "lambda.weights.h5"]
    for name, path in zip(WHOLE, ("first.keras", "a/second.keras", "a/b/third.keras")):
        source = workshop.source(REGISTRY[name], "tf_keras")
        fresh(keras)
        model = keras.saving.load_model(str(tmp_path / "new" / path), compile=False)
        assert_weights(model, source.values)
        assert_predictions(model, source.predictions, False, source.architecture.tolerance)
    by_source = {row["source"].rsplit("/", 1)[-1]: row for row in report["models"]}
    assert by_source["weights.h5"]["error"]["code"] == "needs_config" and by_source["weights.h5"]["target"] is None
    assert "Lambda" in by_source["lambda.h5"]["error"]["message"]
    tensors = by_source["first.h5"]["tensors"]
    assert all(row["stats"]["histogram"] and row["layer"] for row in tensors) and tensors
    # Again: everything exists, nothing is replaced.
    before = {path: (tmp_path / "new" / path).read_bytes() for path in files(tmp_path / "new")}
    again = migrate(old, tmp_path / "new", "--keep-going", expect=tool.DAMAGED)
    assert all(row["status"] in ("refused", "current") for row in again["models"])
    # With a word, what is there counts as done.
    again = migrate(old, tmp_path / "new", "--keep-going", "--skip-existing", expect=tool.DAMAGED)
    assert statuses(again, old) == {name: "already there" if status in ("migrated", "weights only") else status
                                    for name, status in EXPECTED.items()}
    assert before == {path: (tmp_path / "new" / path).read_bytes() for path in files(tmp_path / "new")}
    (old / "first.h5").touch()
    again = migrate(old / "first.h5", tmp_path / "new", "--skip-existing", expect=tool.REFUSED)
    assert "older than its source" in again["models"][0]["error"]["message"]


def test_dry_run_says_the_same(old, tmp_path):
    report = migrate(old, tmp_path / "new", "--keep-going", "--dry-run", expect=tool.DAMAGED)
    assert statuses(report, old) == EXPECTED and report["dry_run"]
    assert not (tmp_path / "new").exists()


def test_stops_at_a_refusal(old, tmp_path):
    report = migrate(old, tmp_path / "new", "-j1", expect=tool.DAMAGED)
    found = list(statuses(report, old).values())
    assert found.count("refused") == 1 and "not tried" in found


def test_globs_prefixes_and_collisions(old, workshop, tmp_path):
    shutil.copy(old / "first.h5", tmp_path / "first.hdf5")
    done = tool.run("migrate", f"{old}/fir*.h5", tmp_path / "first.hdf5", "--out-dir", tmp_path / "new", "--keep-going", expect=tool.REFUSED)
    assert "1 migrated, 1 refused" in done.stdout and "would both become" in done.stdout
    twice = [old / "first.h5", f"{old}/./first.h5", f"{old}/a/../first.h5"]
    assert tool.run("migrate", *twice, "--out-dir", tmp_path / "once").stdout.endswith("\n1 migrated\n")
    # What stays where it is takes no name from another.
    shutil.copy(old / "first.h5", old / "today.h5")
    tool.run("migrate", old / "today.keras", old / "today.h5", "--out-dir", tmp_path / "once")
    assert files(tmp_path / "once") == ["first.keras", "today.keras"]
    tool.run("migrate", f"{old}/none*.h5", "--out-dir", tmp_path / "new", expect=tool.UNREADABLE)
    workshop.source(REGISTRY[WHOLE[0]], "tf_keras").model.save_weights(str(tmp_path / "ckpt" / "w"), save_format="tf")
    tool.run("migrate", tmp_path / "ckpt", "--out-dir", tmp_path / "new", "--to", "safetensors")
    assert (tmp_path / "new" / "w.safetensors").exists() and not (tmp_path / "new" / "checkpoint").exists()


def test_a_report_replaces_nothing(old, tmp_path):
    whole = (old / "first.h5").read_bytes()
    for report in (old / "first.h5", old / "a" / "b" / "third" / "r.json", tmp_path / "new" / "first.keras"):
        tool.run("migrate", old, "--out-dir", tmp_path / "new", "--dry-run", "--report", report, expect=tool.USAGE)
    assert (old / "first.h5").read_bytes() == whole and not (tmp_path / "new").exists()
    tool.run("migrate", old / "first.h5", "--out-dir", tmp_path / "new", "--report", tmp_path / "new" / "r.html")
    assert files(tmp_path / "new") == ["first.keras", "r.html"]


def test_links_to_models(old, tmp_path):
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "model.h5").symlink_to(old / "first.h5")
    (tmp_path / "snapshot" / "again").symlink_to(tmp_path / "snapshot")
    tool.run("migrate", tmp_path / "snapshot", "--out-dir", tmp_path / "new")
    assert files(tmp_path / "new") == ["model.keras"]


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links, self.names, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.links += [values["href"]] if "href" in values else []
        self.names += [values["id"]] if "id" in values else []
        assert "src" not in values and not any(key.startswith("on") for key in values)

    def handle_data(self, data):
        self.text.append(data)


def test_page(old, tmp_path):
    shutil.copy(old / "first.h5", old / "<script>alert(1)</script>.h5".replace("/", "_"))
    tool.run("migrate", old, "--out-dir", tmp_path / "new", "--keep-going", "--report", tmp_path / "r.html", expect=tool.DAMAGED)
    page = Page()
    page.feed((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags and "link" not in page.tags
    assert sorted(page.links) == sorted("#" + name for name in page.names) and len(page.names) == len(EXPECTED) + 1
    text = " ".join(page.text)
    assert all(word in text for word in ("first.h5", "weights only", "needs_config", "kernel")) and page.tags.count("svg") > 10


def test_a_vocabulary_in_a_file(tmp_path):
    """A SavedModel brings the file along; a .keras may not name one, and an .h5 names one that is elsewhere."""
    (tmp_path / "old").mkdir()
    (tmp_path / "words.txt").write_text("cat\ndog\n")
    fresh(tf_keras)
    entry = tf_keras.Input((1,), dtype="string")
    model = tf_keras.Model(entry, tf_keras.layers.StringLookup(vocabulary=str(tmp_path / "words.txt"))(entry))
    model.save(str(tmp_path / "old" / "saved"), save_format="tf")
    model.save(str(tmp_path / "old" / "plain.h5"))
    given = tf.constant([["dog"], ["cow"], ["cat"]])
    expected = model(given).numpy()
    (tmp_path / "words.txt").unlink()
    report = migrate(tmp_path / "old", tmp_path / "new", "--keep-going", expect=tool.OK)
    rows = {row["source"].rsplit("/", 1)[-1]: row for row in report["models"]}
    assert rows["saved"]["status"] == "migrated" and "words.txt" in rows["plain.h5"]["error"]["message"]
    fresh(keras)
    new = keras.models.load_model(str(tmp_path / "new" / "saved.keras"))
    assert (new(given).numpy() == expected).all()


def test_a_checkpoint_without_a_name(tmp_path):
    """Saved as "folder/": its files are .index and .data-…, and its folder's name is the only one it has."""
    values = {"dense/kernel": np.arange(6, dtype="float32").reshape(2, 3)}
    (tmp_path / "old" / "net").mkdir(parents=True)
    tf.raw_ops.SaveV2(prefix=f"{tmp_path}/old/net/", tensor_names=list(values), shape_and_slices=[""], tensors=list(values.values()))
    assert files(tmp_path / "old") == ["net/.data-00000-of-00001", "net/.index"]
    assert "1 tensor" in tool.run("verify", tmp_path / "old").stdout
    assert tool.run("latest", tmp_path / "old" / "net").stdout == f"{tmp_path}/old/net/.index\n"
    tool.run("migrate", tmp_path / "old", "--out-dir", tmp_path / "new", "--to", "npz")
    with np.load(tmp_path / "new" / "net.npz") as found:
        np.testing.assert_array_equal(found["dense/kernel"], values["dense/kernel"])


def test_no_model_no_folder(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "notes.txt").write_text("no model")
    tool.run("migrate", tmp_path / "old", "--out-dir", tmp_path / "new", expect=tool.UNREADABLE)
    assert not (tmp_path / "new").exists()


def test_suffixes_in_capitals(workshop, tmp_path):
    (tmp_path / "old").mkdir()
    shutil.copy(workshop.source(REGISTRY[WHOLE[0]], "tf_keras").whole, tmp_path / "old" / "MODEL.H5")
    tool.run("migrate", tmp_path / "old", "--out-dir", tmp_path / "new")
    assert files(tmp_path / "new") == ["MODEL.keras"]
