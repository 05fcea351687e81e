# SPDX-License-Identifier: Apache-2.0
"""Weights of Keras 1, of Theano and of cuDNN: tf_keras' own conversion of the same files says what is right."""

import json

import h5py
import numpy as np
import pytest
import tool
from frameworks import fresh, keras, tf_keras
from safetensors import safe_open
from tf_keras.src.layers.rnn.cudnn_gru import CuDNNGRU
from tf_keras.src.layers.rnn.cudnn_lstm import CuDNNLSTM

L = tf_keras.layers
LSTM_PARTS = [f"{part}_{gate}" for gate in "icfo" for part in "WUb"]
GRU_PARTS = [f"{part}_{gate}" for gate in "zrh" for part in "WUb"]


def gates(names, inputs, units):
    return [(name, {"W": (inputs, units), "U": (units, units), "b": (units,)}[name[0]]) for name in names]


def conv_gates(channels, filters):
    shapes = {"W": (3, 3, channels, filters), "U": (3, 3, filters, filters), "b": (filters,)}
    return [(name, shapes[name[0]]) for name in LSTM_PARTS]


def old(layer, shapes, input_shape):
    return layer, shapes, input_shape


# name -> (layer for tf_keras, the file's weights, input shape)
KERAS1 = {
    "lstm": (lambda: L.LSTM(4), gates(LSTM_PARTS, 3, 4), (5, 3)),
    "gru": (lambda: L.GRU(4, reset_after=False), gates(GRU_PARTS, 3, 4), (5, 3)),
    "conv_lstm": (lambda: L.ConvLSTM2D(4, 3), conv_gates(2, 4), (3, 6, 6, 2)),
    "bidirectional": (lambda: L.Bidirectional(L.LSTM(4)), gates(LSTM_PARTS, 3, 4) + gates(LSTM_PARTS, 3, 4), (5, 3)),
    "conv1d": (lambda: L.Conv1D(4, 3), [("W", (3, 1, 2, 4)), ("b", (4,))], (7, 2)),
    "conv1d_turned": (lambda: L.Conv1D(4, 3), [("W", (4, 2, 3, 1)), ("b", (4,))], (7, 2)),
    "conv2d": (lambda: L.Conv2D(4, 3), [("W", (3, 3, 2, 4)), ("b", (4,))], (7, 7, 2)),
    "conv2d_first": (lambda: L.Conv2D(4, (3, 2), data_format="channels_first"), [("W", (4, 5, 3, 2)), ("b", (4,))], (5, 7, 7)),
    "conv3d_first": (lambda: L.Conv3D(4, (3, 2, 1), data_format="channels_first"), [("W", (4, 5, 3, 2, 1)), ("b", (4,))],
                     (5, 7, 7, 7)),
    "transposed": (lambda: L.Conv2DTranspose(4, (3, 2)), [("W", (3, 2, 5, 4)), ("b", (4,))], (7, 7, 5)),
    "transposed_first": (lambda: L.Conv2DTranspose(4, (3, 2), data_format="channels_first"),
                         [("W", (4, 5, 3, 2)), ("b", (4,))], (5, 7, 7)),
    "time_distributed": (lambda: L.TimeDistributed(L.Dense(4)), [("W", (3, 4)), ("b", (4,))], (5, 3)),
    "normalization": (lambda: L.BatchNormalization(), [(n, (3,)) for n in ("gamma", "beta", "running_mean", "running_std")], (3,)),
}
CUDNN = {
    "lstm": (lambda: L.LSTM(4), [("kernel", (3, 16)), ("recurrent_kernel", (4, 16)), ("bias", (32,))], (5, 3)),
    "gru": (lambda: L.GRU(4), [("kernel", (3, 12)), ("recurrent_kernel", (4, 12)), ("bias", (24,))], (5, 3)),
    "bidirectional": (lambda: L.Bidirectional(L.GRU(4)),
                      [("kernel", (3, 12)), ("recurrent_kernel", (4, 12)), ("bias", (24,))] * 2, (5, 3)),
}


def write(path, layers, suffix=":0", **attributes):
    """A weights file by hand: layers is [(name, [(weight name, array)])]."""
    with h5py.File(path, "w") as f:
        f.attrs["layer_names"] = [name.encode() for name, _ in layers]
        for key, value in attributes.items():
            f.attrs[key] = value
        for name, weights in layers:
            group = f.create_group(name)
            group.attrs["weight_names"] = [f"{key}{suffix}".encode() for key, _ in weights]
            for key, value in weights:
                group[f"{key}{suffix}"] = value
    return path


def random_weights(name, shapes):
    rng = np.random.default_rng(len(shapes))
    return [(f"{name}_{i}_{key}" if len(shapes) > 12 or "cell" in key or shapes.count((key, shape)) > 1 else f"{name}_{key}",
             rng.normal(size=shape).astype("float32")) for i, (key, shape) in enumerate(shapes)]


def sequential(make, input_shape):
    fresh(tf_keras)
    layer = make()
    layer._name = "rec"
    return tf_keras.Sequential([L.InputLayer(input_shape), layer], name="old")


def judge(cases, name, tmp_path, suffix=":0", **attributes):
    make, shapes, input_shape = cases[name]
    model = sequential(make, input_shape)
    source = write(tmp_path / "old.h5", [("rec", random_weights("rec", shapes))], suffix, **attributes)
    config = tmp_path / "model.json"
    config.write_text(model.to_json())
    tool.convert(source, tmp_path / "out.weights.h5", "--config", config)
    tool.convert(source, tmp_path / "out.h5", "--config", config)
    model.load_weights(str(source))
    found = []
    for out in ("out.weights.h5", "out.h5"):
        again = sequential(make, input_shape)
        again.load_weights(str(tmp_path / out))
        found.append(again.get_weights())
    return model.get_weights(), found


@pytest.mark.parametrize("name", KERAS1)
def test_keras1_weights(name, tmp_path):
    expected, found = judge(KERAS1, name, tmp_path)
    for ours in found:
        for a, b in zip(ours, expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", CUDNN)
def test_cudnn_weights(name, tmp_path):
    expected, found = judge(CUDNN, name, tmp_path, keras_version="2.2.4", backend="tensorflow")
    for ours in found:
        for a, b in zip(ours, expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["conv1d", "conv2d", "conv2d_first", "conv3d_first", "transposed"])
def test_theano_kernels(name, tmp_path):
    """Recognised by names without `:0`: what tf_keras, which does not know the rule, makes of the file, mirrored."""
    expected, found = judge(KERAS1, name, tmp_path, suffix="")
    kernel = expected[0]
    expected[0] = np.flip(kernel, tuple(range(kernel.ndim - 2)))
    for ours in found:
        for a, b in zip(ours, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_todays_kernels_without_a_version(tmp_path):
    """Somebody dropped the attribute: what already fits stays."""
    for name, shape in (("conv1d", (3, 2, 4)), ("conv2d_first", (3, 2, 5, 4))):
        make, _, input_shape = KERAS1[name]
        model = sequential(make, input_shape)
        weights = [("W", np.random.default_rng(0).normal(size=shape).astype("float32")), ("b", np.ones(4, "float32"))]
        source = write(tmp_path / "old.h5", [("rec", weights)])
        (tmp_path / "model.json").write_text(model.to_json())
        tool.convert(source, tmp_path / "out.weights.h5", "-f", "--config", tmp_path / "model.json")
        model.load_weights(str(tmp_path / "out.weights.h5"))
        np.testing.assert_array_equal(model.get_weights()[0], weights[0][1])


def test_refusals(tmp_path):
    make = lambda: L.GRU(4, reset_after=False)  # noqa: E731
    model = sequential(make, (5, 3))
    config = tmp_path / "model.json"
    config.write_text(model.to_json())
    cudnn = write(tmp_path / "old.h5", [("rec", random_weights("rec", CUDNN["gru"][1]))], keras_version="2.2.4")
    done = tool.convert(cudnn, tmp_path / "out.weights.h5", "--config", config, expect=tool.REFUSED)
    assert "reset_after" in done.stderr and "rec" in done.stderr
    odd = write(tmp_path / "odd.h5", [("rec", [("W", np.ones((3, 3, 9, 9), "float32")), ("b", np.ones(4, "float32"))])])
    config.write_text(sequential(KERAS1["conv2d"][0], (7, 7, 2)).to_json())
    done = tool.convert(odd, tmp_path / "out.weights.h5", "--config", config, expect=tool.REFUSED)
    assert "kernel" in done.stderr
    ambiguous = write(tmp_path / "same.h5", [("rec", [("rec_W", np.ones((3, 3, 3, 3), "float32"))])])
    done = tool.convert(ambiguous, tmp_path / "out.safetensors", "--from-backend", "theano", expect=tool.REFUSED)
    assert "spatial axes" in done.stderr
    tool.convert(ambiguous, tmp_path / "out.safetensors", "--from-backend", "cntk", expect=tool.USAGE)
    tool.convert(cudnn, tmp_path / "out.safetensors", "--from-backend", "theano", expect=tool.REFUSED)
    assert not list(tmp_path.glob("out*"))


# ---- whole models ----------------------------------------------------------------------------------------------------

OLD_LAYERS = [
    ("Convolution2D", {"name": "conv", "batch_input_shape": [None, 8, 8, 2], "nb_filter": 4, "nb_row": 3, "nb_col": 3,
                       "border_mode": "same", "subsample": [1, 1], "dim_ordering": "tf", "init": "glorot_uniform",
                       "activation": "relu", "bias": True, "W_regularizer": None, "b_regularizer": None,
                       "activity_regularizer": None, "W_constraint": None, "b_constraint": None, "trainable": True,
                       "input_dtype": "float32"}),
    ("BatchNormalization", {"name": "norm", "epsilon": 0.001, "mode": 0, "axis": -1, "momentum": 0.99, "trainable": True,
                            "gamma_regularizer": None, "beta_regularizer": None}),
    ("Reshape", {"name": "rows", "target_shape": [8, 32], "trainable": True}),
    ("LSTM", {"name": "lstm", "output_dim": 5, "init": "glorot_uniform", "inner_init": "orthogonal", "forget_bias_init": "one",
              "activation": "tanh", "inner_activation": "hard_sigmoid", "W_regularizer": None, "U_regularizer": None,
              "b_regularizer": None, "dropout_W": 0.0, "dropout_U": 0.0, "return_sequences": False, "go_backwards": False,
              "stateful": False, "unroll": False, "consume_less": "cpu", "input_dim": 32, "input_length": None,
              "trainable": True}),
    ("Dense", {"name": "head", "output_dim": 3, "init": "glorot_uniform", "activation": "softmax", "bias": True,
               "W_regularizer": None, "b_regularizer": None, "activity_regularizer": None, "W_constraint": None,
               "b_constraint": None, "input_dim": 5, "trainable": True}),
]
OLD_WEIGHTS = {
    "conv": [("W", (3, 3, 2, 4)), ("b", (4,))], "norm": [(n, (4,)) for n in ("gamma", "beta", "running_mean", "running_std")],
    "rows": [], "lstm": gates(LSTM_PARTS, 32, 5), "head": [("W", (5, 3)), ("b", (3,))],
}


def equivalent():
    fresh(tf_keras)
    return tf_keras.Sequential([
        L.InputLayer((8, 8, 2)), L.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
        L.BatchNormalization(name="norm"), L.Reshape((8, 32), name="rows"),
        L.LSTM(5, recurrent_activation="hard_sigmoid", name="lstm"), L.Dense(3, activation="softmax", name="head")])


@pytest.mark.parametrize("suffix", [":0", ""])
def test_whole_model(suffix, tmp_path):
    """The very file Keras 1.2 would have saved becomes a `.keras` that opens and predicts as tf_keras does."""
    weights = [(name, [(key, abs(value)) for key, value in random_weights(name, shapes)]) for name, shapes in OLD_WEIGHTS.items()]
    write(tmp_path / "weights.h5", weights)
    config = {"class_name": "Sequential", "keras_version": "1.2.2",
              "config": [{"class_name": name, "config": entry} for name, entry in OLD_LAYERS]}
    with h5py.File(write(tmp_path / "inner.h5", weights, suffix), "r") as inner, h5py.File(tmp_path / "old.h5", "w") as f:
        f.attrs["keras_version"] = b"1.2.2"
        f.attrs["model_config"] = json.dumps(config).encode()
        inner.copy("/", f, "model_weights")
        for key, value in inner.attrs.items():
            f["model_weights"].attrs[key] = value
    done = tool.convert(tmp_path / "old.h5", tmp_path / "new.keras")
    assert "running_std" in done.stderr and ("Theano" in done.stderr) == (not suffix)
    model, judge_model = keras.saving.load_model(tmp_path / "new.keras"), equivalent()
    judge_model.load_weights(str(tmp_path / "weights.h5"))
    if not suffix:
        conv = judge_model.get_layer("conv")
        conv.kernel.assign(conv.kernel.numpy()[::-1, ::-1])
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 2)).astype("float32")
    np.testing.assert_allclose(model.predict(x, verbose=0), judge_model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    refused = tool.convert(tmp_path / "old.h5", tmp_path / "no.h5", expect=tool.REFUSED)
    assert "--weights-only" in refused.stderr
    tool.convert(tmp_path / "old.h5", tmp_path / "weights-only.h5", "--weights-only")
    again = equivalent()
    again.load_weights(str(tmp_path / "weights-only.h5"))
    for a, b in zip(again.get_weights(), judge_model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_cudnn_classes(tmp_path):
    """A whole model with CuDNNLSTM and CuDNNGRU layers, as Keras 2.2 on a GPU saved it."""
    made = {"CuDNNLSTM": CUDNN["lstm"], "CuDNNGRU": CUDNN["gru"]}
    for name, (make, shapes, input_shape) in made.items():
        weights = [("rec", random_weights("rec", shapes))]
        source = write(tmp_path / "old.h5", weights, keras_version="2.2.4", backend="tensorflow")
        common = {"name": "rec", "trainable": True, "units": 4, "return_sequences": False, "return_state": False,
                  "go_backwards": False, "stateful": False, "batch_input_shape": [None, *input_shape], "dtype": "float32"}
        config = {"class_name": "Sequential", "config": {"name": "old", "layers": [{"class_name": name, "config": common}]}}
        with h5py.File(source, "r") as inner, h5py.File(tmp_path / f"{name}.h5", "w") as f:
            f.attrs["keras_version"] = b"2.2.4"
            f.attrs["model_config"] = json.dumps(config).encode()
            inner.copy("/", f, "model_weights")
            for key, value in inner.attrs.items():
                f["model_weights"].attrs[key] = value
        tool.convert(tmp_path / f"{name}.h5", tmp_path / f"{name}.keras")
        plain = sequential(make, input_shape)
        plain.load_weights(str(source))
        model = keras.saving.load_model(tmp_path / f"{name}.keras")
        for a, b in zip(model.get_weights(), plain.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("cell", [CuDNNGRU, CuDNNLSTM])
@pytest.mark.parametrize("file", ["a.h5", "a.keras"])
@pytest.mark.parametrize("after", [[], [L.Dense(2)]], ids=["last", "first"])
def test_cudnn_optimizers(after, file, cell, tmp_path):
    """Slots are arranged as cuDNN's weights are: beside plain ones they would be wrong."""
    model = tf_keras.Sequential([tf_keras.Input((5, 3)), cell(4), *after])
    model.compile(tf_keras.optimizers.Adam(0.02), "mse")
    model.optimizer.build(model.trainable_variables)  # no training: cuDNN's layers run on GPUs alone
    for variable in model.optimizer.variables:
        if variable.shape.rank:
            variable.assign(np.ones(variable.shape))
    model.save(tmp_path / file)
    done = tool.convert(tmp_path / file, tmp_path / "b.keras")
    assert "arranged as the weights were before" in done.stderr
    new = keras.saving.load_model(tmp_path / "b.keras")
    assert all(not np.any(v) for v in new.optimizer.variables if v.ndim) and float(new.optimizer.learning_rate) == np.float32(0.02)
    new.train_on_batch(np.ones((2, 5, 3)), np.ones((2, *new.output_shape[1:])))


# ---- and to cuDNN's arrangement --------------------------------------------------------------------------------------

TO_CUDNN = {  # plain layer, the layer of cuDNN
    "lstm": (lambda: L.LSTM(4), lambda: CuDNNLSTM(4)),
    "gru": (lambda: L.GRU(4), lambda: CuDNNGRU(4)),
    "bidirectional": (lambda: L.Bidirectional(L.LSTM(4)), lambda: L.Bidirectional(CuDNNLSTM(4))),
}
# How it is asked for, in files of the very model; --like takes a bidirectional one only where the source has classes.
ASKED = {
    "config": ("old.h5", "out.h5", "--config", "cudnn.json"),
    "config_v3": ("old.h5", "out.weights.h5", "--config", "cudnn.json", "--flavor", "tf_keras"),
    "config_whole": ("whole.h5", "out.h5", "--config", "cudnn.json", "--weights-only"),
    "like": ("old.h5", "out.h5", "--like", "fresh.h5"),
    "like_whole": ("whole.h5", "out.h5", "--like", "fresh_whole.h5"),
    "like_checkpoint": ("whole.h5", "out", "--to", "tf_checkpoint", "--like", "fresh"),
}


@pytest.mark.parametrize("name", TO_CUDNN)
def test_plain_to_cudnn(name, tmp_path):
    plain, cudnn = (lambda make=make: sequential(make, (5, 3)) for make in TO_CUDNN[name])
    model, wanted, new = plain(), cudnn(), cudnn()
    rng = np.random.default_rng(4)
    model.set_weights([rng.normal(size=w.shape).astype("float32") for w in model.get_weights()])
    model.save_weights(str(tmp_path / "old.h5"))
    model.save(str(tmp_path / "whole.h5"))
    wanted.load_weights(str(tmp_path / "old.h5"))  # tf_keras' own conversion
    (tmp_path / "cudnn.json").write_text(wanted.to_json())
    new.save_weights(str(tmp_path / "fresh.h5"))
    new.save(str(tmp_path / "fresh_whole.h5"))
    new.save_weights(str(tmp_path / "fresh"))
    for how, (source, out, *options) in ASKED.items():
        if (name, how) == ("bidirectional", "like"):
            continue
        paths = [tmp_path / option if (tmp_path / option).exists() or option == "fresh" else option for option in options]
        tool.convert(tmp_path / source, tmp_path / out, "-f", *paths)
        again = cudnn()
        again.load_weights(str(tmp_path / out))
        for a, b in zip(again.get_weights(), wanted.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b, how)
    back = plain()
    wanted.save(str(tmp_path / "cudnn.h5"))
    tool.convert(tmp_path / "cudnn.h5", tmp_path / "back.h5", "--like", tmp_path / "whole.h5")
    back.load_weights(str(tmp_path / "back.h5"))
    for a, b in zip(back.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_cudnn_resets_before(tmp_path):
    model = sequential(lambda: L.GRU(4, reset_after=False), (5, 3))
    model.save_weights(str(tmp_path / "old.h5"))
    (tmp_path / "cudnn.json").write_text(sequential(lambda: CuDNNGRU(4), (5, 3)).to_json())
    done = tool.convert(tmp_path / "old.h5", tmp_path / "out.h5", "--config", tmp_path / "cudnn.json", expect=tool.REFUSED)
    assert "reset_after=False" in done.stderr and not (tmp_path / "out.h5").exists()


# ---- real files ------------------------------------------------------------------------------------------------------

PAIRS = [("music_tagger_cnn_weights_theano.h5", "music_tagger_cnn_weights_tensorflow.h5"),
         ("weights_theano.hdf5", "weights_tensorflow.hdf5")]


def tensors(path, out, *options):
    tool.convert(path, out, "-f", *options)
    with safe_open(out, "np") as f:
        return {name: f.get_tensor(name) for name in f.keys()}


@pytest.mark.parametrize("theano,tensorflow", PAIRS)
def test_real_pairs(theano, tensorflow, zoo, tmp_path):
    """One net saved under both backends: the Theano member becomes the TensorFlow member bit for bit."""
    ours = tensors(zoo / "keras1" / theano, tmp_path / "a.safetensors", "--from-backend", "theano")
    wanted = tensors(zoo / "keras1" / tensorflow, tmp_path / "b.safetensors")
    shared = [name for name in wanted if name in ours]
    # The layer `melgram` of the second pair is the authors' own and names its variables by number.
    assert len(shared) > 20 and all(name.startswith(("melgram", "dense_1")) for name in set(ours) ^ set(wanted))
    for name in shared:
        assert ours[name].tobytes() == wanted[name].tobytes() and ours[name].shape == wanted[name].shape, name
    assert "--from-backend theano" in tool.start("inspect", zoo / "keras1" / theano).stderr


def test_real_pair_with_a_config(zoo, tmp_path):
    fresh(keras)
    with h5py.File(zoo / "keras1" / PAIRS[0][0], "r") as f:
        found = {name.decode(): [f[name][w].shape for w in f[name].attrs["weight_names"]] for name in f.attrs["layer_names"]}
    entries = []
    for name, shapes in found.items():
        if len(shapes) == 4:
            entries.append(("BatchNormalization", {"name": name, "axis": 1}))
        elif len(shapes) == 2 and len(shapes[0]) == 4:
            entries.append(("Conv2D", {"name": name, "filters": shapes[0][0], "kernel_size": list(shapes[0][2:]),
                                       "data_format": "channels_first"}))
        elif len(shapes) == 2:
            entries.append(("Dense", {"name": name, "units": shapes[0][1]}))
    config = tmp_path / "tagger.json"
    layers = [{"module": "keras.layers", "class_name": c, "config": k, "registered_name": None} for c, k in entries]
    config.write_text(json.dumps({"module": "keras", "class_name": "Sequential", "registered_name": None,
                                  "config": {"name": "tagger", "layers": layers}}))
    for name, out in zip(PAIRS[0], ("a.weights.h5", "b.weights.h5")):
        tool.convert(zoo / "keras1" / name, tmp_path / out, "--config", config)
    assert (tmp_path / "a.weights.h5").read_bytes() == (tmp_path / "b.weights.h5").read_bytes()
    with h5py.File(tmp_path / "a.weights.h5", "r") as f, h5py.File(zoo / "keras1" / PAIRS[0][0], "r") as raw:
        np.testing.assert_array_equal(f["layers/conv2d/vars/0"][()],
                                      raw["conv1/conv1_W"][()].transpose(2, 3, 1, 0)[::-1, ::-1])
