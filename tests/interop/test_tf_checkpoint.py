# SPDX-License-Identifier: Apache-2.0
"""TensorFlow checkpoints: every tensor as TensorFlow's own reader has it, and weights that Keras 3 and tf_keras load."""

import numpy as np
import pytest
import tool
from cases import CROSSING, SHARP, by_position, each
from compare import assert_predictions, assert_weights
from frameworks import keras, tf, tf_keras
from model_walk import canonical
from safetensors.numpy import load_file
from workshop import load

SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
SHARP_CROSSING = [a for a in SHARP if a in CROSSING]


def reader_values(prefix):
    """What TensorFlow reads, under the names we list."""
    reader = tf.train.load_checkpoint(str(prefix))
    return {key.removesuffix(SUFFIX): reader.get_tensor(key) for key in reader.get_variable_to_shape_map()
            if key not in (GRAPH, "save_counter" + SUFFIX)}


def assert_same(found, expected):
    assert sorted(found) == sorted(expected)
    for name, value in expected.items():
        value = np.asarray(value)
        ours = found[name]
        assert ours.shape == value.shape, name
        assert ours.tobytes() == value.tobytes(), f"{name}: {ours} is not {value}"


def read_ours(prefix, folder, *options):
    out = folder / "read.safetensors"
    tool.convert(prefix, out, "-f", "--names", "stored", *options)
    return load_file(out)


def saved(source, folder, name="ck"):
    prefix = folder / name
    source.model.save_weights(str(prefix), save_format="tf")
    return prefix


@each(SHARP, without=["bfloat16"])
def test_every_tensor_as_tensorflow_reads_it(arch, workshop, tmp_path):
    source = workshop.source(arch, "tf_keras")
    prefix = saved(source, tmp_path)
    assert_same(read_ours(prefix, tmp_path), reader_values(prefix))


@each(SHARP_CROSSING)
def test_to_keras3_along_the_config(arch, workshop, tmp_path):
    source = workshop.source(arch, "tf_keras")
    out = tmp_path / "out.weights.h5"
    tool.convert(saved(source, tmp_path), out, "--config", source.config)
    model = workshop.target(source, "keras")
    load(model, out)
    assert_weights(model, source.values, by_position=by_position(arch))
    assert_predictions(model, source.predictions, False, arch.tolerance)


@each(SHARP_CROSSING[:4])
def test_canonical_names_along_the_config(arch, workshop, tmp_path):
    source = workshop.source(arch, "tf_keras")
    listing = tool.run("convert", saved(source, tmp_path), tmp_path / "c.safetensors", "--no-fsync", "--config", source.config)
    found = load_file(tmp_path / "c.safetensors")
    expected = {canonical(key[:-1], key[-1]): value for key, value in source.values.items()}
    assert set(expected) <= set(found), listing
    for name, value in expected.items():
        assert found[name].tobytes() == np.asarray(value).tobytes(), name


# ---- optimizers, wrappers of models, TensorFlow 1 --------------------------------------------------------------------


def trained(framework, optimizer):
    framework.backend.clear_session()
    layers = framework.layers
    model = framework.Sequential([framework.Input((4,)), layers.Dense(3, name="a"), layers.BatchNormalization(name="bn"),
                                  layers.Dense(2, name="b")])
    model.compile(optimizer, "mse")
    rng = np.random.default_rng(3)
    model.fit(rng.normal(size=(8, 4)).astype("f4"), rng.normal(size=(8, 2)).astype("f4"), verbose=0, epochs=2)
    return model


OPTIMIZERS = {
    "adam": lambda: "adam",
    "momentum": lambda: tf_keras.optimizers.SGD(0.01, momentum=0.9),
    "rmsprop": lambda: "rmsprop",
    "legacy-adam": lambda: tf_keras.optimizers.legacy.Adam(),
    "legacy-momentum": lambda: tf_keras.optimizers.legacy.SGD(0.01, momentum=0.9),
}


@pytest.mark.parametrize("framework, how", [(keras, "model"), (tf_keras, "below"), (keras, "with_optimizer"), (tf_keras, "manager")],
                         ids=["keras-model", "tf_keras-below", "keras-with_optimizer", "tf_keras-manager"])
def test_checkpoint_objects(framework, how, tmp_path):
    model = trained(framework, "adam")
    if how == "manager":
        manager = tf.train.CheckpointManager(tf.train.Checkpoint(model=model), str(tmp_path), max_to_keep=2)
        prefix = [manager.save() for _ in range(3)][-1]
    elif how == "model":
        prefix = tf.train.Checkpoint(model).save(str(tmp_path / "ck"))
    elif how == "below":
        prefix = tf.train.Checkpoint(model=model).write(str(tmp_path / "ck"))
    else:
        prefix = tf.train.Checkpoint(model=model, optimizer=model.optimizer, step=tf.Variable(5)).save(str(tmp_path / "ck"))
    assert_same(read_ours(prefix, tmp_path), reader_values(prefix))
    names = {t["name"] for t in tool.inspect(prefix)["tensors"]}
    assert {"a/kernel", "a/bias", "bn/gamma", "bn/moving_variance", "b/kernel"} <= names
    # Keras 3 cannot read it; through us it can.
    out = tmp_path / "out.weights.h5"
    config = tmp_path / "m.json"
    config.write_text(model.to_json())
    # The step belongs to no layer.
    tool.convert(prefix, out, "--config", config, *(["--allow-loss", "weights"] if how == "with_optimizer" else []))
    other = trained(keras, "adam")
    other.load_weights(str(out))
    for ours, theirs in zip(other.get_weights(), model.get_weights()):
        assert ours.tobytes() == theirs.tobytes()
    if framework is keras:
        assert [v.numpy().tobytes() for v in other.optimizer.variables] == [v.numpy().tobytes() for v in model.optimizer.variables]


def test_slices(tmp_path):
    rng = np.random.default_rng(5)
    values = {"rows": rng.normal(size=(100, 10)).astype("f4"), "scalar": np.float32(3), "empty": np.zeros((0, 3), "f8"),
              "small": rng.integers(0, 9, (3, 2), dtype="i8"), "wide": rng.normal(size=(4, 3, 200)).astype("f2")}
    held = tf.train.Checkpoint(**{name: tf.Variable(value) for name, value in values.items()})
    sharding = tf.train.experimental.MaxShardSizePolicy(1500)
    prefix = held.write(str(tmp_path / "ck"), tf.train.CheckpointOptions(experimental_sharding_callback=sharding))
    assert len(list(tmp_path.glob("ck.data-*"))) > 1
    found = read_ours(prefix, tmp_path)
    del values["empty"]  # TensorFlow's policy writes nothing for it, and cannot restore it
    assert_same(found, values)


DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool",
          "complex64"]


def test_dtypes(tmp_path):
    rng = np.random.default_rng(6)
    values = {name: rng.integers(0, 2 if name == "bool" else 9, (2, 3)).astype(name) for name in DTYPES}
    prefix = tf.train.Checkpoint(**{f"t_{name}": tf.Variable(value) for name, value in values.items()}).write(str(tmp_path / "ck"))
    found = read_ours(prefix, tmp_path)
    assert_same(found, {f"t_{name}": value for name, value in values.items()})
    assert {name: str(array.dtype) for name, array in found.items()} == {f"t_{name}": name for name in values}


def tf1_save(folder, **options):
    v1 = tf.compat.v1
    with tf.Graph().as_default():
        kernel = v1.get_variable("dense/kernel", shape=(4, 2))
        bias = v1.get_variable("dense/bias", shape=(2,))
        step = v1.train.get_or_create_global_step()
        v1.train.AdamOptimizer().minimize(tf.reduce_sum(tf.ones((3, 4)) @ kernel + bias), step)
        v1.get_variable("parts", shape=(10, 3), partitioner=v1.fixed_size_partitioner(3))
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            return v1.train.Saver(**options).save(session, str(folder / "tf1"))


@pytest.mark.parametrize("options", [{}, {"sharded": True}], ids=["plain", "sharded"])
def test_tensorflow_1(options, tmp_path):
    prefix = tf1_save(tmp_path, **options)
    assert_same(read_ours(prefix, tmp_path), reader_values(prefix))
    parts = {t["name"]: t["part"] for t in tool.inspect(prefix)["tensors"]}
    assert parts["dense/kernel"] == "loose" and parts["dense/kernel/Adam_1"] == "optimizer" == parts["beta1_power"]


def test_other_ways_to_name_it(tmp_path):
    folder = tmp_path / "dir"
    folder.mkdir()
    tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).write(str(folder) + "/")
    assert (folder / ".index").exists()
    for path in (folder, str(folder) + "/", folder / ".index"):
        assert tool.inspect(path)["tensors"][0]["name"] == "v"
        assert_same(read_ours(path, tmp_path), {"v": np.array([1, 2], "f4")})
    # Written by the name of its index; a folder alone is where a file goes.
    other = tmp_path / "other"
    other.mkdir()
    for options in ((), ("-f", "--max-shard-size", "4kB")):
        tool.convert(folder, other / ".index", "--to", "tf", *options)
        variable = tf.Variable([0.0, 0.0])
        tf.train.Checkpoint(v=variable).read(str(other) + "/").assert_consumed()
        assert variable.numpy().tolist() == [1, 2]
    assert sorted(path.name for path in other.iterdir()) == [".data-00000-of-00002", ".index"]


def test_flipped_bits_are_found(tmp_path):
    prefix = tf.train.Checkpoint(v=tf.Variable(np.arange(1000.0))).write(str(tmp_path / "ck"))
    data = tmp_path / "ck.data-00000-of-00001"
    good = data.read_bytes()
    for at in (0, 4001, 7999):
        data.write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1:])
        done = tool.run("convert", prefix, tmp_path / "x.safetensors", expect=tool.DAMAGED)
        assert "checksum" in done.stderr
    assert not (tmp_path / "x.safetensors").exists()


# ---- writing ---------------------------------------------------------------------------------------------------------


def judge(workshop, source, prefix):
    """tf_keras loads `prefix` into a fresh model, finds every object in it and nothing besides."""
    model = workshop.target(source, "tf_keras")
    status = model.load_weights(str(prefix))
    status.assert_consumed()
    status.assert_existing_objects_matched()
    assert_weights(model, source.values, by_position=by_position(source.architecture) and source.framework_name == "keras")


@each(SHARP)
def test_written_from_a_whole_model(arch, workshop, tmp_path):
    source = workshop.source(arch, "tf_keras")
    tool.convert(source.whole, tmp_path / "out", "--to", "tf_checkpoint")
    judge(workshop, source, tmp_path / "out")


@each(SHARP_CROSSING)
def test_written_from_keras3(arch, workshop, tmp_path):
    """Along the config of tf_keras, whose order a checkpoint counts in."""
    source = workshop.source(arch, "keras")
    config = workshop.source(arch, "tf_keras").config
    tool.convert(source.v3, tmp_path / "out.ckpt", "--config", config, "--without-optimizer")
    judge(workshop, source, tmp_path / "out.ckpt")


@each(SHARP[:6])
def test_written_as_it_came(arch, workshop, tmp_path):
    source = workshop.source(arch, "tf_keras")
    prefix = saved(source, tmp_path)
    tool.convert(prefix, tmp_path / "again", "--to", "tf")
    judge(workshop, source, tmp_path / "again")
    assert_same(reader_values(tmp_path / "again"), reader_values(prefix))
    # Through a format that keeps the layout in its metadata.
    tool.convert(prefix, tmp_path / "way.safetensors")
    tool.convert(tmp_path / "way.safetensors", tmp_path / "back.ckpt")
    judge(workshop, source, tmp_path / "back.ckpt")


def test_checkpoint_flavor(tmp_path):
    model = trained(tf_keras, "adam")
    model.save(str(tmp_path / "m.h5"))
    tool.convert(tmp_path / "m.h5", tmp_path / "out.ckpt", "--as", "checkpoint", "--without-optimizer")
    other = tf_keras.Sequential.from_config(model.get_config())
    status = tf.train.Checkpoint(other).restore(str(tmp_path / "out.ckpt"))
    status.assert_consumed()
    status.assert_existing_objects_matched()
    for ours, theirs in zip(other.get_weights(), model.get_weights()):
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("name", ["adam", "legacy-adam"])
@pytest.mark.parametrize("options", [[], ["--max-shard-size", "100B"]], ids=["one file", "files"])
def test_a_model_below_the_root_is_found_there_again(name, options, tmp_path):
    """A tf.train.Checkpoint of several things, rewritten; a model that is its only one also at the root."""
    model = trained(tf_keras, OPTIMIZERS[name]())
    things = {"model": model, "optimizer": model.optimizer, "step": tf.Variable(7, dtype=tf.int64)}
    source = tf.train.Checkpoint(**things).write(str(tmp_path / "ck"))
    tool.convert(source, tmp_path / "out", "--to", "tf", "--as", "checkpoint", *options)
    assert_same(reader_values(tmp_path / "out"), reader_values(source))
    other = trained(tf_keras, OPTIMIZERS[name]())
    step = tf.Variable(0, dtype=tf.int64)
    status = tf.train.Checkpoint(model=other, optimizer=other.optimizer, step=step).restore(str(tmp_path / "out"))
    status.assert_consumed()
    assert state_of(other) == state_of(model) and step.numpy() == 7

    alone = tf.train.Checkpoint(model=model).write(str(tmp_path / "alone"))
    tool.convert(alone, tmp_path / "root", "--to", "tf", "--as", "checkpoint", *options)
    for made in (lambda m: tf.train.Checkpoint(m), lambda m: tf.train.Checkpoint(model=m)):
        other = trained(tf_keras, OPTIMIZERS[name]())
        status = made(other).restore(str(tmp_path / "root"))
        status.assert_consumed()
        status.assert_existing_objects_matched()
        assert state_of(other) == state_of(model)


def assert_state_is_read(name, model, prefix, folder):
    assert_same(read_ours(prefix, folder), reader_values(prefix))
    parts = {t["stored_name"]: t for t in tool.inspect(prefix)["tensors"]}
    state = [t for t in parts.values() if t["part"] == "optimizer"]
    assert len(state) == len(parts) - len(model.weights)
    if name == "adam":
        assert parts["optimizer/_variables/1"]["name"] == "optimizer/m/a/kernel"
    if name == "legacy-adam":
        assert parts["layer_with_weights-2/bias/.OPTIMIZER_SLOT/optimizer/v"]["name"] == "optimizer/v/b/bias"


def state_of(model):
    variables = model.optimizer.variables
    return [v.numpy().tobytes() for v in [*model.weights, *(variables() if callable(variables) else variables)]]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_state(name, tmp_path):
    model = trained(tf_keras, OPTIMIZERS[name]())
    sources = [tmp_path / "ck"]
    model.save_weights(str(sources[0]), save_format="tf")
    assert_state_is_read(name, model, sources[0], tmp_path)
    if not name.startswith("legacy"):
        sources.append(tmp_path / "m.h5")
        model.save(str(sources[1]))
    other = trained(tf_keras, OPTIMIZERS[name]())
    expected = state_of(model)
    for source in sources:
        tool.convert(source, tmp_path / "out.ckpt", "-f")
        for variable in other.weights:
            variable.assign(variable * 0 + 7)
        status = other.load_weights(str(tmp_path / "out.ckpt"))
        status.assert_consumed()
        status.assert_existing_objects_matched()
        assert state_of(other) == expected


def test_shards_and_older_files(tmp_path):
    model = trained(tf_keras, "adam")
    model.save(str(tmp_path / "m.h5"))
    prefix = tmp_path / "run" / "ck"
    prefix.parent.mkdir()
    model.save_weights(str(prefix), save_format="tf")
    other = trained(tf_keras, "adam")
    for size in ("200B", "100B", "10kB", "10kB"):
        tool.convert(tmp_path / "m.h5", prefix, "--to", "tf", "-f", "--max-shard-size", size)
        for variable in other.weights:
            variable.assign(variable * 0 + 7)
        status = other.load_weights(tf.train.latest_checkpoint(str(prefix.parent)))
        status.assert_consumed()
        status.assert_existing_objects_matched()
        for ours, theirs in zip(other.get_weights(), model.get_weights()):
            assert ours.tobytes() == theirs.tobytes()
        counts = {path.name.rpartition("-")[2] for path in prefix.parent.glob("ck.data-*")}
        assert len(counts) == 1, "the older files are gone"
    tool.run("convert", tmp_path / "m.h5", prefix, "--to", "tf", expect=tool.REFUSED)


def test_names_alone(tmp_path):
    prefix = tf1_save(tmp_path)
    tool.convert(prefix, tmp_path / "n.safetensors", "--names", "stored")
    tool.convert(tmp_path / "n.safetensors", tmp_path / "out.ckpt")
    assert_same(reader_values(tmp_path / "out.ckpt"), reader_values(prefix))


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_optimizer_state_of_keras3(optimizer, tmp_path):
    """tf_keras goes on where Keras 3 stopped, its learning rate included."""
    model, other = trained(keras, optimizer), trained(tf_keras, optimizer)
    model.optimizer.learning_rate = 0.25
    model.save(str(tmp_path / "m.keras"))
    tool.convert(tmp_path / "m.keras", tmp_path / "out.ckpt")
    for variable in [*other.weights, *other.optimizer.variables]:
        variable.assign(variable * 0 + 7)
    status = other.load_weights(str(tmp_path / "out.ckpt"))
    status.assert_consumed()
    status.assert_existing_objects_matched()
    theirs = [v for v in model.optimizer.variables if v.name != "learning_rate"]
    assert len(theirs) == len(other.optimizer.variables) and float(other.optimizer.learning_rate.numpy()) == 0.25
    for ours, expected in zip([*other.weights, *other.optimizer.variables], [*model.weights, *theirs]):
        assert np.array_equal(ours.numpy(), expected.numpy()), expected.path


# ---- slots left out --------------------------------------------------------------------------------------------------


def slot_keys(prefix):
    """The keys of slot variables, as the object graph names them."""
    from tensorflow.core.protobuf import trackable_object_graph_pb2 as protos
    graph = protos.TrackableObjectGraph()
    graph.ParseFromString(tf.train.load_checkpoint(str(prefix)).get_tensor(GRAPH))
    return {attribute.checkpoint_key for node in graph.nodes for slot in node.slot_variables
            for attribute in graph.nodes[slot.slot_variable_node_id].attributes}


def test_slots_left_out_as_tensorflow_leaves_them(tmp_path):
    """What TensorFlow restores of the whole file with experimental_skip_slot_variables, it restores of ours."""
    options = tf.train.CheckpointOptions(experimental_skip_slot_variables=True)
    model = trained(tf_keras, OPTIMIZERS["legacy-adam"]())
    whole = tf.train.Checkpoint(model).write(str(tmp_path / "whole"), options)
    tool.convert(whole, tmp_path / "ours", "--to", "tf", "--as", "checkpoint", "--skip-slot-variables")
    slots = slot_keys(whole)
    assert len(slots) == 12, "TensorFlow writes them all the same: its option is one of restoring"
    keys = set(tf.train.load_checkpoint(whole).get_variable_to_shape_map())
    found = set(tf.train.load_checkpoint(str(tmp_path / "ours")).get_variable_to_shape_map())
    assert found - {"save_counter" + SUFFIX} == keys - slots - {"save_counter" + SUFFIX}
    assert not slot_keys(tmp_path / "ours")
    states = []
    for prefix in (whole, tmp_path / "ours"):
        other = trained(tf_keras, OPTIMIZERS["legacy-adam"]())
        for variable in [*other.weights, *other.optimizer.variables()]:
            variable.assign(variable * 0 + 7)
        status = tf.train.Checkpoint(other).read(str(prefix), options)
        status.assert_existing_objects_matched()
        if prefix == whole:
            status.assert_consumed()
        states.append(state_of(other))
    assert states[0] == states[1] != state_of(model)
    assert states[0][:len(model.weights) + 1] == state_of(model)[:len(model.weights) + 1], "weights and steps"


@pytest.mark.parametrize("framework", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_slots_of_new_optimizers_left_out(framework, tmp_path):
    """TensorFlow calls them no slots; ours are left out, and steps and learning rate are restored."""
    model = trained(framework, "adam")
    model.optimizer.learning_rate = 0.25
    source = tmp_path / ("m.keras" if framework is keras else "m.h5")
    model.save(str(source))
    tool.convert(source, tmp_path / "out.ckpt", "--skip-slot-variables")
    other = trained(tf_keras, "adam")
    slots = other.optimizer.variables[1:]
    for variable in [*other.weights, *other.optimizer.variables]:
        variable.assign(variable * 0 + 7)
    other.load_weights(str(tmp_path / "out.ckpt")).expect_partial()
    assert all((slot.numpy() == 7).all() for slot in slots)
    assert int(other.optimizer.iterations) == int(model.optimizer.iterations)
    assert float(other.optimizer.learning_rate.numpy()) == 0.25
    assert [v.numpy().tobytes() for v in other.weights] == [v.numpy().tobytes() for v in model.weights]
    done = tool.convert(source, tmp_path / "out.weights.h5", "--skip-slot-variables", expect=tool.REFUSED)
    assert "--without-optimizer" in done.stderr


def test_slots_of_tensorflow_1_left_out(tmp_path):
    prefix = tf1_save(tmp_path)
    tool.convert(prefix, tmp_path / "out.ckpt", "--skip-slot-variables")
    expected = {name: value for name, value in reader_values(prefix).items() if "/Adam" not in name}
    assert {"beta1_power", "dense/kernel"} <= set(expected)
    assert_same(reader_values(tmp_path / "out.ckpt"), expected)
