# SPDX-License-Identifier: Apache-2.0
"""Old files become `.weights.h5` files that the real Keras 3 loads, with bit-equal weights in the right places."""

import h5py
import numpy as np
import pytest
import tool
from architectures import REGISTRY
from cases import CROSSING, KERAS3, by_position, each
from compare import assert_like_keras_own, assert_predictions, assert_weights
from workshop import load, reordered_config


def judge(workshop, source, path):
    """Keras 3 loads `path` into a fresh model and must end with the source's weights and predictions."""
    model = workshop.target(source, "keras")
    load(model, path)
    same_framework = source.framework_name == "keras"
    assert_weights(model, source.values, by_position=by_position(source.architecture) and not same_framework)
    assert_predictions(model, source.predictions, same_framework, source.architecture.tolerance)
    own = path.parent / "own.weights.h5"
    model.save_weights(str(own))
    if same_framework or not by_position(source.architecture):
        assert_like_keras_own(path, own)


@each(CROSSING)
def test_whole_tf_keras_model(arch, workshop, tmp_path):
    source = workshop.source(arch, "tf_keras")
    tool.convert(source.whole, tmp_path / "out.weights.h5")
    judge(workshop, source, tmp_path / "out.weights.h5")


@each(KERAS3)
def test_whole_keras3_model(arch, workshop, tmp_path):
    source = workshop.source(arch, "keras")
    tool.convert(source.whole, tmp_path / "out.weights.h5")
    judge(workshop, source, tmp_path / "out.weights.h5")


@each(CROSSING)
def test_weights_only_with_config(arch, workshop, tmp_path):
    source = workshop.source(arch, "tf_keras")
    tool.convert(source.weights_only, tmp_path / "out.weights.h5", "--config", source.config)
    judge(workshop, source, tmp_path / "out.weights.h5")


@each(CROSSING, without=["liars", "chunked"])
def test_weights_only_without_config(arch, workshop, tmp_path):
    """Right where the names say it all; else refused with the command that settles it. Never a guess."""
    source = workshop.source(arch, "tf_keras")
    out = tmp_path / "out.weights.h5"
    done = tool.start("convert", source.weights_only, out)
    if done.code == tool.OK:
        judge(workshop, source, out)
        return
    assert "safe_names" not in arch.tags, f"every class is known from the names\n{done}"
    assert done.code == tool.REFUSED, done
    assert "--config" in done.stderr and "ballast convert" in done.stderr, done
    assert not out.exists()


@each(CROSSING, without=["chunked"])
def test_tf_keras_weights_h5(arch, workshop, tmp_path):
    source = workshop.source(arch, "tf_keras")
    tool.convert(source.v3, tmp_path / "out.weights.h5")
    judge(workshop, source, tmp_path / "out.weights.h5")


# ---- configs in other forms ------------------------------------------------------------------------------------------

GRAPHS = ["order_trap", "nested_functional", "two_blocks", "many_ends", "shared_model", "nested_twice"]


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("reorder", [list.reverse, np.random.default_rng(2).shuffle], ids=["reversed", "shuffled"])
def test_config_whose_layers_stand_in_another_order(name, reorder, workshop, tmp_path):
    """Keras numbers the keys by the graph, whatever the order of the config's list.

    No framework writes such a list, so where the order of a nested model's weights hangs on it, asking is as good.
    """
    source = workshop.source(REGISTRY[name], "tf_keras")
    whole = tmp_path / "shuffled.h5"
    whole.write_bytes(source.whole.read_bytes())
    with h5py.File(whole, "r+") as f:
        f.attrs["model_config"] = reordered_config(f.attrs["model_config"], reorder)
    right_or_refused(workshop, source, tmp_path / "out.weights.h5", whole, must=name in ("order_trap", "many_ends"))


def right_or_refused(workshop, source, out, path, *options, must=False):
    """A wrong file is the one thing that may not come out."""
    done = tool.start("convert", path, out, *options)
    if done.code == tool.OK:
        judge(workshop, source, out)
        return
    assert done.code == tool.REFUSED and not must, done
    assert not out.exists()


@pytest.mark.parametrize("name", ["nested_twice", "frozen_nested", "cells", "order_trap", "functional_subclass"])
def test_config_from_the_other_framework(name, workshop, tmp_path):
    """A Keras 3 config describes the tf_keras file of the same architecture just as well."""
    source = workshop.source(REGISTRY[name], "tf_keras")
    config = workshop.source(REGISTRY[name], "keras").config
    tool.convert(source.weights_only, tmp_path / "out.weights.h5", "--config", config)
    judge(workshop, source, tmp_path / "out.weights.h5")


@pytest.mark.parametrize("name", ["nested_twice", "bidirectional"])
def test_config_out_of_a_whole_model(name, workshop, tmp_path):
    source = workshop.source(REGISTRY[name], "tf_keras")
    tool.convert(source.weights_only, tmp_path / "out.weights.h5", "--config", source.whole)
    judge(workshop, source, tmp_path / "out.weights.h5")


@pytest.mark.parametrize("name", ["frozen_first", "frozen_middle", "frozen_nested", "frozen_norms_deep", "frozen_wrappers"])
def test_config_with_other_trainable_flags(name, workshop, tmp_path):
    """The file was saved frozen, the config says nothing is: the order in the file differs from the config's.

    Names in the file can tell; a permutation of equal shapes must not pass.
    """
    source = workshop.source(REGISTRY[name], "tf_keras")
    config = tmp_path / "thawed.json"
    config.write_text(source.config.read_text(encoding="utf-8").replace('"trainable": false', '"trainable": true'),
                      encoding="utf-8")
    right_or_refused(workshop, source, tmp_path / "out.weights.h5", source.weights_only, "--config", config)


def test_config_of_another_model_is_refused(workshop, tmp_path):
    source = workshop.source(REGISTRY["bidirectional"], "tf_keras")
    config = workshop.source(REGISTRY["gates"], "tf_keras").config
    tool.convert(source.weights_only, tmp_path / "out.weights.h5", "--config", config, expect=tool.REFUSED)
    assert not (tmp_path / "out.weights.h5").exists()


# ---- content decides, not the suffix ---------------------------------------------------------------------------------


def test_old_layout_under_a_new_name(workshop, tmp_path):
    """A legacy file called x.weights.h5, which Keras 3 itself cannot load, converts all the same."""
    source = workshop.source(REGISTRY["nested_functional"], "tf_keras")
    liar = tmp_path / "liar.weights.h5"
    liar.write_bytes(source.whole.read_bytes())
    tool.convert(liar, tmp_path / "out.weights.h5")
    judge(workshop, source, tmp_path / "out.weights.h5")


def test_new_layout_under_an_old_name(workshop, tmp_path):
    source = workshop.source(REGISTRY["nested_functional"], "keras")
    liar = tmp_path / "liar.h5"
    liar.write_bytes(source.v3.read_bytes())
    tool.convert(liar, tmp_path / "out.weights.h5")
    judge(workshop, source, tmp_path / "out.weights.h5")


def test_source_as_its_own_destination(workshop, tmp_path):
    source = workshop.source(REGISTRY["nested_functional"], "tf_keras")
    both = tmp_path / "both.weights.h5"
    both.write_bytes(source.whole.read_bytes())
    tool.convert(both, both, "-f")
    judge(workshop, source, both)
