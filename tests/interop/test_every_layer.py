# SPDX-License-Identifier: Apache-2.0
"""Every built-in layer that owns variables, in every arrangement of them, there and back, judged by its framework.

The models come from the recipes of tools/layouts (every_layer.py), so a class or an option that joins the recipes
joins these tests; a class that has variables and no recipe fails here and in test_layouts.py.
"""

import every_layer
import h5py
import numpy as np
import pytest
import tool
from every_layer import TABLE, Family, build, randomise, same_value, stored_variables
from frameworks import BY_NAME
from safetensors import safe_open

FAMILIES = [family for name in BY_NAME for family in every_layer.families(name)]
CROSSING = [name for name in {family.name: None for family in FAMILIES} if name.endswith(" common")]
BUILT = {}


class Sample:
    """A family's model with random weights, the file its framework saves, and what is in it."""

    def __init__(self, family: Family, folder):
        self.family = family
        self.folder = folder
        self.model = build(family)
        randomise(family, self.model, 1)
        self.v3 = folder / "source.weights.h5"
        self.stored = stored_variables(family, self.model, self.v3)
        self.config = folder / "config.json"
        self.config.write_text(self.model.to_json(), encoding="utf-8")
        self.flavor = ("--flavor", every_layer.IDS[family.framework_name])
        self.seed = 1

    def whole(self):
        path = self.folder / "whole.h5"
        self.model.save(str(path))
        return path

    def load(self, path):
        """The framework loads `path` over other weights; the variables that differ from the source's."""
        self.seed += 1
        randomise(self.family, self.model, self.seed)
        self.model.load_weights(str(path))
        return [item.path + " " + item.role for item in self.stored if not same_value(array(item), opaque(item))]


def array(item):
    return opaque_of(np.asarray(every_layer.to_array(item.variable)))


def opaque(item):
    return opaque_of(np.asarray(item.value))


def opaque_of(value):
    """bfloat16 as its bytes: h5py knows it as opaque data only."""
    return value.view("V2") if value.dtype.name == "bfloat16" else value


@pytest.fixture
def sample(request, tmp_path_factory):
    family = request.param
    if str(family) not in BUILT:
        BUILT[str(family)] = Sample(family, tmp_path_factory.mktemp(str(family)))
    return BUILT[str(family)]


def each(chosen):
    return pytest.mark.parametrize("sample", chosen, ids=str, indirect=True)


def datasets(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, node: found.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None)
    return found


def tensors(path):
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def different(found, expected):
    return sorted(set(found) ^ set(expected)) + [name for name in found if name in expected
                                                 and not same_value(found[name], expected[name])]


def loadable(family):
    """Keras 3.15.1 forgets kernel_zero of gptq and awq when it saves, and cannot load what it saved."""
    return "calibrated" not in family.traits


# ---- the tests -------------------------------------------------------------------------------------------------------


@each(FAMILIES)
def test_safetensors_and_back(sample, tmp_path):
    middle, back = tmp_path / "middle.safetensors", tmp_path / "back.weights.h5"
    tool.convert(sample.v3, middle)
    tool.convert(middle, back)
    assert different(datasets(back), datasets(sample.v3)) == []
    if loadable(sample.family):
        assert sample.load(back) == []


@each([family for family in FAMILIES if family.policy != "bfloat16"])
def test_layers_and_roles(sample, tmp_path):
    """With the config every tensor is called by its layer and by what the framework calls the variable."""
    out = tmp_path / "out.safetensors"
    tool.convert(sample.v3, out, "--config", sample.config)
    found = {}
    for name, value in tensors(out).items():
        parts = name.split("/")
        found.setdefault((value.tobytes(), value.shape), set()).add((parts[0], parts[-1]))
    wrong = [f"{item.path} {item.layer} {item.role}" for item in sample.stored
             if (item.layer, item.role) not in found.get((item.value.tobytes(), item.value.shape), set())]
    assert wrong == []


@each([family for family in FAMILIES if not family.traits and family.policy != "bfloat16"])
def test_legacy_with_config(sample, tmp_path):
    """The framework loads the legacy file by position; what it holds equals the source."""
    out, back = tmp_path / "out.h5", tmp_path / "back.weights.h5"
    left_out = [item.path + " " + item.role for item in sample.stored if not in_legacy(sample.family, item.role)]
    options = ("--config", sample.config, *sample.flavor, *(("--allow-loss", "weights") if left_out else ()))
    tool.convert(sample.v3, out, *options)
    assert [name for name in sample.load(out) if name not in left_out] == []
    if not left_out:
        tool.convert(out, back, "--config", sample.config, *sample.flavor)
        assert different(datasets(back), datasets(sample.v3)) == []


def in_legacy(family, role):
    """Keras 3 leaves keyed variables out of legacy files."""
    return role != "idf_weights" or family.framework_name == "tf_keras"


@each([family for family in FAMILIES if not family.traits and family.policy != "bfloat16"])
def test_whole_legacy_model(sample, tmp_path):
    out = tmp_path / "out.weights.h5"
    sample.load(sample.v3)
    whole = sample.whole()
    done = tool.start("convert", whole, out, *sample.flavor)
    if done.code == tool.REFUSED and any(not in_legacy(sample.family, item.role) for item in sample.stored):
        return  # the file lacks variables that the other one must have
    assert done.code == tool.OK, done
    assert sample.load(out) == []


@each([family for family in FAMILIES if family.traits])
def test_merged_variables_are_not_made_up(sample, tmp_path):
    """A legacy file would need variables that a v3 file does not hold, and the other way round."""
    done = tool.convert(sample.v3, tmp_path / "out.h5", "--config", sample.config, *sample.flavor, expect=tool.REFUSED)
    assert "the source does not hold" in done.stderr
    sample.load(sample.v3) if loadable(sample.family) else None
    randomise(sample.family, sample.model, 7)
    done = tool.convert(sample.whole(), tmp_path / "out.weights.h5", expect=tool.REFUSED)
    assert "merges" in done.stderr and "--allow-loss" in done.stderr


@pytest.mark.parametrize("name", CROSSING)
@pytest.mark.parametrize("there", ["keras", "tf_keras"])
def test_to_the_other_framework(name, there, request, tmp_path, tmp_path_factory):
    """The other framework loads the file and holds every variable in its layer and role."""
    pair = {}
    for family in FAMILIES:
        if family.name == name:
            if str(family) not in BUILT:
                BUILT[str(family)] = Sample(family, tmp_path_factory.mktemp(str(family)))
            pair[family.framework_name] = BUILT[str(family)]
    target = pair.pop(there)
    source = next(iter(pair.values()))
    out = tmp_path / "out.weights.h5"
    tool.convert(source.v3, out, "--config", source.config, *target.flavor)
    target.load(out)
    target.model.save_weights(str(tmp_path / "own.weights.h5"))
    listed = {}
    for key, path, config in (("found", tmp_path / "own.weights.h5", target.config),
                              ("expected", source.v3, source.config)):
        tool.convert(path, tmp_path / f"{key}.safetensors", "--config", config)
        listed[key] = tensors(tmp_path / f"{key}.safetensors")
    assert different(listed["found"], listed["expected"]) == []


def test_every_class_and_every_arrangement_was_here(tmp_path_factory):
    """No class of keras.layers or tf_keras.layers with variables, and no variant of the table, was left out."""
    _, _, _, _, weightless = every_layer.layout_tools()
    for name in BY_NAME:
        seen = set()
        for family in FAMILIES:
            if family.framework_name == name:
                if str(family) not in BUILT:
                    BUILT[str(family)] = Sample(family, tmp_path_factory.mktemp(str(family)))
                seen |= every_layer.exercised(family, BUILT[str(family)].model)
        framework = every_layer.known_frameworks()[name]
        missing = []
        for class_name, cls in sorted(framework.classes.items()):
            if class_name != cls.__name__ or class_name in weightless.MODELS or class_name in every_layer.NEVER_ALONE:
                continue
            if class_name in TABLE["excluded"][framework.id]:
                continue
            entry = TABLE["classes"][class_name]  # or there is a class nobody knows
            missing += [f"{class_name} {variant['when']}" for number, variant in enumerate(entry["variants"])
                        if framework.id in variant["frameworks"] and (variant["weights"] or variant.get("children"))
                        and "old" not in variant and (class_name, number) not in seen]
        assert missing == []
