# SPDX-License-Identifier: Apache-2.0
"""The programs of tests/examples, run as a user would, and Keras as the judge of what they make."""

import os
import signal
import subprocess

import h5py
import numpy as np
from frameworks import keras
from safetensors.numpy import load_file
from tool import lacking


def example(name, *arguments):
    path = os.path.join(os.environ["BALLAST_BUILD"], "tests/examples", name)
    if not os.access(path, os.X_OK):
        lacking("built without Boost.PFR")
    return [path, *map(str, arguments)]


def run(name, *arguments):
    done = subprocess.run(example(name, *arguments), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def train_killed_in(folder, line):
    """Kill -9 as soon as the program has printed that."""
    with subprocess.Popen(example("train", folder, 40), stdout=subprocess.PIPE, text=True) as killed:
        for printed in killed.stdout:
            if printed.startswith(line):
                killed.kill()
                break
    assert killed.returncode == -signal.SIGKILL


def test_a_training_is_killed_and_goes_on(tmp_path):
    """docs/cpp_api.md: the same weights as without the interruption, and Keras predicts what the program does."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    straight = run("train", tmp_path / "a", 40)
    train_killed_in(tmp_path / "b", "epoch 9:")
    train_killed_in(tmp_path / "b", "epoch 17:")
    resumed = run("train", tmp_path / "b", 40)
    assert 17 <= int(resumed.split(":")[0].split()[1]) <= 19
    assert straight.endswith(resumed)
    assert (tmp_path / "a/final.weights.h5").read_bytes() == (tmp_path / "b/final.weights.h5").read_bytes()

    dense = keras.layers.Dense
    model = keras.Sequential([keras.Input((2,)), dense(8, activation="tanh"), dense(1, activation="sigmoid")])
    model.load_weights(str(tmp_path / "b/final.weights.h5"))
    lines = [line.replace(" and", "").replace(":", "").split() for line in resumed.splitlines() if " and " in line]
    assert len(lines) == 3
    points = np.array(lines, dtype=np.float32)
    np.testing.assert_allclose(model.predict(points[:, :2], verbose=0)[:, 0], points[:, 2], atol=6e-4)  # three digits
    assert points[0, 2] < 0.3 and points[2, 2] > 0.7  # it has learnt something


def test_the_first_layers_of_an_efficientnet(tmp_path):
    """In C++ from the weights that Keras saved, in its formats of today and of before."""
    model = keras.applications.EfficientNetB0(weights=None, input_shape=(64, 64, 3), classes=2)
    random = np.random.default_rng(4)
    for variable in model.weights:
        if np.issubdtype(variable.dtype, np.floating):
            variable.assign(random.uniform(0.1, 0.6, variable.shape) - (0.35 if "kernel" in variable.name else 0))
    first = keras.Model(model.get_layer("stem_conv_pad").output, model.get_layer("block1a_activation").output)
    image = random.uniform(-1, 1, (64, 64, 3)).astype(np.float32)
    np.savez(tmp_path / "image.npz", image=image)
    padded = model.get_layer("stem_conv_pad")(image[None])
    expected = np.array(first(padded, training=False))[0]
    for name in ("net.weights.h5", "net.keras"):
        (model.save_weights if name.endswith("h5") else model.save)(str(tmp_path / name))
        printed = run("convolve", tmp_path / name, tmp_path / "image.npz", tmp_path / "result.npz")
        assert printed.startswith("10 tensors loaded, ")
        result = np.load(tmp_path / "result.npz")["image"]
        assert result.shape == (32, 32, 32)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4, err_msg=name)


def test_a_folder_is_converted_stopped_and_finished(tmp_path):
    source, target = tmp_path / "from", tmp_path / "to"
    source.mkdir()
    target.mkdir()
    values = np.arange(50_000_000, dtype=np.float32)  # 200 MB: long enough to be stopped half way
    for name, count in (("a", 10), ("b", len(values)), ("c", 20)):
        with h5py.File(source / f"{name}.weights.h5", "w") as file:
            file["layers/dense/vars/0"] = values[:count].reshape(-1, 10)
    (source / "bad.h5").write_bytes(b"no model at all")
    (source / "notes.txt").write_text("not converted")
    with subprocess.Popen(example("convert_all", source, target), stdout=subprocess.PIPE) as stopped:
        printed = b""
        while b"b.weights.h5: 10%" not in printed:
            more = os.read(stopped.stdout.fileno(), 4096)
            assert more, printed
            printed += more
        stopped.send_signal(signal.SIGINT)
        printed += stopped.stdout.read()
    assert stopped.returncode == 130 and printed.endswith(b" stopped\n"), printed
    assert sorted(os.listdir(target)) == ["a.weights.safetensors"]

    done = subprocess.run(example("convert_all", source, target), capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "bad.h5: " in done.stdout and "[unknown_format]" in done.stdout and "a.weights.h5" not in done.stdout
    assert "c.weights.h5: 10% 20% 30% 40% 50% 60% 70% 80% 90% 100% done\n" in done.stdout, done.stdout
    assert sorted(os.listdir(target)) == [f"{name}.weights.safetensors" for name in "abc"]
    (found,) = load_file(target / "b.weights.safetensors").values()
    assert np.array_equal(found.ravel(), values)
