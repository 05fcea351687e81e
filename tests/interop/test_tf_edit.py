# SPDX-License-Identifier: Apache-2.0
"""Edits of TensorFlow checkpoints, as TensorFlow finds them: names, objects, values, and the state file of a moved folder."""

import shutil

import numpy as np
import tool
from frameworks import tf, tf_keras
from test_tf_checkpoint import assert_same, reader_values, state_of, tf1_save, trained


def test_names_of_tensorflow_1(tmp_path):
    prefix = tf1_save(tmp_path, sharded=True)
    expected = {("first" + key[5:] if key.startswith("dense/") else key): value for key, value in reader_values(prefix).items()}
    files = {p.name for p in tmp_path.iterdir() if ".data-" in p.name}
    tool.run("edit", prefix, "rename", "dense", "first", ";", "rename", "global_step", "step", ";", "delete", "parts")
    expected["step"] = expected.pop("global_step")
    del expected["parts"]
    assert_same(reader_values(prefix), expected)
    now = {p.name for p in tmp_path.iterdir() if ".data-" in p.name}
    assert len(now) == 1 and not now & files, "the old data was never written over"
    taken = tool.run("edit", prefix, "rename", "first/bias", "first/kernel", expect=tool.USAGE)
    assert "taken" in taken.stderr
    tool.run("edit", prefix, "rename", "nothing", "x", expect=tool.USAGE)
    assert_same(reader_values(prefix), expected)


def test_attributes_of_objects(tmp_path):
    def held(**names):
        return tf.train.Checkpoint(**{name: tf.Module() for name in names.values()})

    def fill(checkpoint, name, value):
        getattr(checkpoint, name).kernel = tf.Variable(value)
        getattr(checkpoint, name).inner = tf.Module()
        getattr(checkpoint, name).inner.bias = tf.Variable(value + 1)
        return checkpoint

    prefix = fill(held(a="enc"), "enc", np.arange(4.0)).write(str(tmp_path / "ck"))
    np.save(tmp_path / "new.npy", np.arange(4.0) * 7)
    tool.run("edit", prefix + ".index", "rename", "enc", "encoder", ";", "rename", "encoder/inner", "head", ";", "set",
             "encoder/kernel", tmp_path / "new.npy")
    restored = tf.train.Checkpoint(encoder=tf.Module())
    restored.encoder.kernel = tf.Variable(np.zeros(4))
    restored.encoder.head = tf.Module()
    restored.encoder.head.bias = tf.Variable(np.zeros(4))
    status = restored.read(prefix)
    status.assert_consumed()
    status.assert_existing_objects_matched()
    assert restored.encoder.kernel.numpy().tolist() == [0, 7, 14, 21]
    assert restored.encoder.head.bias.numpy().tolist() == [1, 2, 3, 4]
    assert sorted(reader_values(prefix)) == ["encoder/head/bias", "encoder/kernel"]


def test_variables_of_a_model(tmp_path):
    model = trained(tf_keras, "adam")
    prefix = tmp_path / "ck"
    model.save_weights(str(prefix), save_format="tf")
    state = (tmp_path / "checkpoint").read_bytes()
    tool.run("edit", prefix, "rename", "a", "first")
    names = {t["name"] for t in tool.inspect(prefix)["tensors"]}
    assert {"first/kernel", "first/bias", "optimizer/m/first/kernel", "b/kernel"} <= names and "a/kernel" not in names
    other = trained(tf_keras, "adam")
    status = other.load_weights(str(prefix))
    status.assert_consumed()
    status.assert_existing_objects_matched()
    assert state_of(other) == state_of(model)
    tool.run("edit", prefix, "delete", "optimizer/**", "-o", tmp_path / "bare")
    fresh = tf_keras.Sequential.from_config(model.get_config())
    status = fresh.load_weights(str(tmp_path / "bare"))
    status.assert_consumed()
    for ours, theirs in zip(fresh.get_weights(), model.get_weights()):
        assert ours.tobytes() == theirs.tobytes()
    assert (tmp_path / "checkpoint").read_bytes() == state


def test_a_moved_folder(tmp_path):
    v1 = tf.compat.v1
    with tf.Graph().as_default():
        v1.get_variable("v", shape=(2,))
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            saver = v1.train.Saver(max_to_keep=3)
            for step in range(4):
                saver.save(session, str(tmp_path / "run ö" / "ck"), global_step=step)
    moved = tmp_path / "moved ü"
    shutil.move(tmp_path / "run ö", moved)
    (moved / "ck-2.index").unlink()
    assert tf.train.latest_checkpoint(str(moved)) is None
    assert tool.run("latest", moved).stdout.strip() == str(moved / "ck-3")
    before = (moved / "checkpoint").read_bytes()
    tool.run("edit", moved / "checkpoint", "repair", "--dry-run")
    assert (moved / "checkpoint").read_bytes() == before
    done = tool.run("edit", moved / "checkpoint", "repair")
    assert "left out" in done.stderr
    state = tf.train.get_checkpoint_state(str(moved))
    assert tf.train.latest_checkpoint(str(moved)) == str(moved / "ck-3") == state.model_checkpoint_path
    assert list(state.all_model_checkpoint_paths) == [str(moved / "ck-1"), str(moved / "ck-3")]
    after = (moved / "checkpoint").read_bytes()
    assert "nothing changed" in tool.run("edit", moved, "repair").stderr and (moved / "checkpoint").read_bytes() == after


def test_a_manager_goes_on(tmp_path):
    variable = tf.Variable(1.0)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=variable), str(tmp_path), max_to_keep=2)
    for _ in range(3):
        manager.save()
    text = (tmp_path / "checkpoint").read_text()
    (tmp_path / "checkpoint").write_text(text.replace('"ckpt-', '"/gone/../runs/ckpt-').replace("model_", "# a comment\nmodel_", 1))
    tool.run("edit", tmp_path, "repair")
    assert (tmp_path / "checkpoint").read_text() == text
    again = tf.train.CheckpointManager(tf.train.Checkpoint(v=variable), str(tmp_path), max_to_keep=2)
    assert again.latest_checkpoint == str(tmp_path / "ckpt-3")
    again.save()
    assert len(again.checkpoints) == 2 and len(list(tmp_path.glob("*.index"))) == 2
