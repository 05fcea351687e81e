# SPDX-License-Identifier: Apache-2.0
"""`--flatten-order`: Dense kernels behind a Flatten, for a model of the other data format, predict as before."""

import numpy as np
import pytest
import tool
from frameworks import fresh, keras, tf_keras

OTHER = {"channels_last": "channels_first", "channels_first": "channels_last"}


def model(framework, data_format):
    """Convolutions of channels_first do not run on a CPU: the feature maps are turned before they are flattened."""
    fresh(framework)
    layers = framework.layers
    first = framework.Input((5, 4, 2))
    x = layers.Conv2D(4, 3, name="conv")(first)
    if data_format == "channels_first":
        x = layers.Permute((3, 1, 2), name="turned")(x)
    x = layers.Flatten(name="flat")(x)
    return framework.Model(first, layers.Dense(3, name="head")(x))


@pytest.mark.parametrize("framework, suffix", [(tf_keras, ".h5"), (keras, ".weights.h5")])
@pytest.mark.parametrize("source", OTHER)
def test_predictions(source, framework, suffix, tmp_path):
    old, x = model(framework, source), np.random.default_rng(0).normal(size=(4, 5, 4, 2)).astype("float32")
    old.compile("adam", "mse")
    old.train_on_batch(x, np.ones((4, 3)))
    wanted = old.predict(x, verbose=0)
    old.save_weights(str(tmp_path / f"old{suffix}"))
    old.save(str(tmp_path / "old.keras"))
    new = model(framework, OTHER[source])
    (tmp_path / "new.json").write_text(new.to_json())
    shape = tuple(old.get_layer("flat").input.shape[1:])
    order = f"head={source}:{','.join(map(str, shape))}"
    before = old.get_layer("head").get_weights()[0]
    tool.convert(tmp_path / f"old{suffix}", tmp_path / f"new{suffix}", "--config", tmp_path / "new.json", "--flatten-order", order, "--without-optimizer")
    new.load_weights(str(tmp_path / f"new{suffix}"))
    np.testing.assert_allclose(new.predict(x, verbose=0), wanted, rtol=1e-5, atol=1e-6)
    after = new.get_layer("head").get_weights()[0]
    assert after.shape == before.shape and not np.array_equal(after, before)
    axes = (1, 2, 0, 3) if source == "channels_first" else (2, 0, 1, 3)
    np.testing.assert_array_equal(after, before.reshape(*shape, 3).transpose(axes).reshape(before.shape))
    # State that does not say which weight it is of is not guessed about.
    if framework is keras:
        refused = tool.convert(tmp_path / "old.keras", tmp_path / "x.keras", "--flatten-order", order, expect=tool.REFUSED)
        assert "--without-optimizer" in refused.stderr and not (tmp_path / "x.keras").exists()


def test_refusals(tmp_path):
    old = model(keras, "channels_last")
    old.save_weights(str(tmp_path / "old.weights.h5"))
    for order, code in (("head=channels_last:9,9", tool.REFUSED), ("tail=channels_last:3,2,4", None), ("head=3,2,4", tool.USAGE)):
        done = tool.start("convert", tmp_path / "old.weights.h5", tmp_path / "new.weights.h5", "--flatten-order", order)
        assert done.code == code if code else done.code != tool.OK, done
    assert not (tmp_path / "new.weights.h5").exists()
