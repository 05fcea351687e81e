# SPDX-License-Identifier: Apache-2.0
"""Models within the model that were compiled by themselves, as in GANs: their optimizers are no weights of any layer."""

import numpy as np
import pytest
import tool
from frameworks import keras, tf_keras

DATA = np.random.default_rng(3).standard_normal((5, 4)).astype("float32")


def gan(framework):
    layers = framework.layers

    def part(name, inputs, outputs, activation):
        return framework.Sequential([layers.Input((inputs,)), layers.Dense(8), layers.BatchNormalization(),
                                     layers.Dense(outputs, activation=activation)], name=name)

    generator, judge = part("generator", 4, 6, "tanh"), part("judge", 6, 1, None)
    judge.compile("adam", "mse", metrics=["mae"])
    judge.fit(np.ones((4, 6)), np.ones((4, 1)), verbose=0)
    judge.trainable = False
    noise = framework.Input((4,))
    model = framework.Model(noise, judge(generator(noise)))
    model.compile("adam", "mse")
    model.fit(DATA, np.ones((5, 1)), verbose=0)
    random = np.random.default_rng(4)
    model.set_weights([random.uniform(0.1, 1, w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """{framework: (folder, predictions)}; each framework's own formats."""
    found = {}
    for name, framework in (("tf_keras", tf_keras), ("keras", keras)):
        folder = tmp_path_factory.mktemp(name)
        model = gan(framework)
        for file in ("a.keras", "b.h5"):
            model.save(folder / file)
        model.save_weights(folder / "c.weights.h5")
        if framework is tf_keras:
            model.save_weights(folder / "d")
            model.save(folder / "e", save_format="tf")
        found[name] = folder, model.predict(DATA, verbose=0)
    return found


SOURCES = [("tf_keras", name) for name in ("a.keras", "b.h5", "c.weights.h5", "d", "e")]
SOURCES += [("keras", name) for name in ("a.keras", "b.h5", "c.weights.h5")]


@pytest.mark.parametrize("framework, name", SOURCES)
def test_the_model_goes_to_keras_3(sources, framework, name, tmp_path):
    folder, expected = sources[framework]
    config = ("--config", folder / "a.keras") if name in ("c.weights.h5", "d") else ()
    done = tool.convert(folder / name, tmp_path / "x.keras", *config)
    assert "lost" not in done.stderr
    loaded = keras.models.load_model(tmp_path / "x.keras")
    np.testing.assert_allclose(loaded.predict(DATA, verbose=0), expected, rtol=1e-4, atol=1e-5)


def test_formats_of_one_model_are_the_same(sources):
    folder, _ = sources["tf_keras"]
    for name in ("b.h5", "d", "e"):
        tool.run("diff", "--weights-only", folder / "a.keras", folder / name)


@pytest.mark.parametrize("framework", ["tf_keras", "keras"])
def test_inner_state_stays_in_its_own_kind_of_file(sources, framework, tmp_path):
    """Converted into the same kind of file it is kept; with --without-optimizer, and in others, it is left behind."""
    folder, _ = sources[framework]
    def inner(path):
        return {line.split()[0] for line in tool.run("inspect", path).stdout.splitlines() if "/optimizer/" in line}

    assert inner(folder / "c.weights.h5")
    flavor = ("--flavor", framework) if framework == "tf_keras" else ()
    tool.convert(folder / "c.weights.h5", tmp_path / "x.weights.h5", *flavor)
    assert inner(tmp_path / "x.weights.h5") == inner(folder / "c.weights.h5")
    tool.convert(folder / "c.weights.h5", tmp_path / "y.weights.h5", "--without-optimizer", *flavor)
    assert not inner(tmp_path / "y.weights.h5")
