# SPDX-License-Identifier: Apache-2.0
"""Models with every built-in layer in every arrangement of its variables, made from the recipes of tools/layouts.

A family is one kind of layers in one framework, one layer a recipe and choice of options, side by side in one model.
Families named `… common` have the same layers under the same names in both frameworks.
"""

import itertools
import json
from dataclasses import dataclass, field

import h5py
import numpy as np
from conftest import ROOT
from frameworks import BY_NAME, fresh
from model_walk import to_array

TOOLS = ROOT / "tools" / "layouts"
TABLE = json.loads((ROOT / "src" / "model" / "layouts.json").read_text(encoding="utf-8"))
IDS = {"keras": "keras3", "tf_keras": "tf_keras"}  # what the layouts call the frameworks

# Classes that cannot stand in a model, or only inside of another class.
NEVER_ALONE = {
    "ConvLSTMCell": "cell of the ConvLSTM layers; RNN cannot run it",
    "Wrapper": "base class without a call",
}


# Rows of both frameworks that are not the same layer in both.
APART = {("Discretization", "bin_boundaries", "null"): "fitted boundaries are config in Keras 3, a variable in tf_keras"}


def layout_tools():
    """The modules of tools/layouts, which are scripts and no package."""
    import sys

    if str(TOOLS) not in sys.path:
        sys.path.insert(0, str(TOOLS))
    import framework
    import generate
    import probe
    import recipes
    import weightless

    return framework, generate, probe, recipes, weightless


@dataclass
class Row:
    """One layer to be: a recipe, its options, and what they are called."""

    recipe: object
    chosen: list
    name: str
    common: bool
    trait: str = ""  # "low_rank": merged when saved; "calibrated": Keras 3 cannot load its own


@dataclass
class Family:
    framework_name: str
    name: str
    rows: list
    policy: str = ""  # dtype policy of every layer
    traits: set = field(default_factory=set)

    def __str__(self):
        return f"{self.framework_name}-{self.name.replace(' ', '_')}"


def known_frameworks():
    framework, *_ = layout_tools()
    if not hasattr(known_frameworks, "found"):
        known_frameworks.found = {name: framework.Framework(IDS[name]) for name in BY_NAME}
    return known_frameworks.found


def rows_of(framework_name):
    """[(kind, Row)] for every recipe and every combination of options the framework has."""
    _, generate, probe, recipes, _ = layout_tools()
    frameworks = known_frameworks()
    found, used = [], {}
    for group in (recipes.convolutions, recipes.recurrent, recipes.wrappers, recipes.normalizations, recipes.attention,
                  recipes.lookups, recipes.others):
        listed = group()
        recipes.quantized_twins(listed)
        for number, recipe in enumerate(listed):
            both = all(has(frameworks[name], recipe) for name in frameworks)
            if not has(frameworks[framework_name], recipe) or recipe.name in NEVER_ALONE:
                continue
            axes = {name: dict(probe.usable_axes(frameworks[name], recipe)) for name in frameworks
                    if has(frameworks[name], recipe)}
            for choices in itertools.product(*axes[framework_name].values()):
                when = {key: choice.test for key, choice in zip(axes[framework_name], choices)}
                if any(combination.items() <= when.items() for combination in recipe.impossible):
                    continue
                foreign = [key for key in when if both and any(key not in axes[name] for name in axes)]
                apart = any((recipe.name, key, test) in APART for key, test in when.items() if isinstance(test, str))
                common = both and not apart and all(is_default(generate, frameworks[framework_name], recipe, key, when[key])
                                      for key in foreign)
                shared = {key: test for key, test in when.items() if not common or key not in foreign}
                name = "_".join([snake(recipe.name), str(number)] + [word(key, test) for key, test in shared.items()])
                assert used.setdefault(name, when) == when, name
                found.append((group.__name__, Row(recipe, list(zip(axes[framework_name], choices)), name, common,
                                                  trait_of(when))))
    return found


def has(framework, recipe):
    return framework.id in recipe.frameworks and recipe.name in framework.classes


def is_default(generate, framework, recipe, key, test):
    default = framework.default_of(framework.classes[recipe.name], key)[1]
    return generate.holds({key: test}, {key: default})


def trait_of(when):
    if when.get("lora_rank") == "truthy":
        return "low_rank"
    mode = when.get("dtype", "")
    return "calibrated" if isinstance(mode, list) and mode[1] in ("gptq/*", "awq/*") else ""


def snake(name):
    return "".join("_" + c.lower() if c.isupper() else c for c in name).strip("_")


def word(key, test):
    text = key + "_" + (test if isinstance(test, str) else "_".join(test))
    return "".join(c if c.isalnum() else "_" for c in text)


def families(framework_name):
    grouped = {}
    for kind, row in rows_of(framework_name):
        name = f"{kind} {row.trait or ('common' if row.common else 'alone')}"
        grouped.setdefault(name, []).append(row)
    found = [Family(framework_name, name, rows, traits={row.trait for row in rows if row.trait})
             for name, rows in grouped.items()]
    return found + policy_families(framework_name, [row for name, rows in grouped.items() for row in rows])


# tf_keras keeps some variables of mixed_bfloat16 layers in bfloat16, which it cannot load, be they its own.
POLICIES = {"keras": ("float16", "float64", "bfloat16", "mixed_bfloat16"), "tf_keras": ("float16", "mixed_float16")}


def policy_families(framework_name, rows):
    """Every class once, under dtype policies."""
    first = {}
    for row in rows:
        plain = "dtype" not in dict(row.chosen) or dict(row.chosen)["dtype"].value == "float32"
        if row.recipe.kind != "cell" and plain and not row.trait and takes_floats(row):
            first.setdefault(row.recipe.name, row)
    return [Family(framework_name, policy, list(first.values()), policy) for policy in POLICIES[framework_name]]


def takes_floats(row):
    """Lookups compute with strings and integers; wrappers keep the types of what they run; some kernels are float32's."""
    plain = row.recipe.how != "none" and row.recipe.kind != "wrapper"
    return plain and row.recipe.name not in ("CuDNNLSTM", "CuDNNGRU", "Discretization", "RandomFourierFeatures")


# ---- building --------------------------------------------------------------------------------------------------------


def build(family):
    keras = BY_NAME[family.framework_name]
    fresh(keras)
    inputs, outputs = [], []
    for row in family.rows:
        ins, out = branch(keras, family, row)
        inputs += ins
        outputs.append(out)
    model = keras.Model(inputs, outputs, name="family")
    for row in family.rows:
        for _, choice in row.chosen:
            if choice.after:
                choice.after(model.get_layer(row.name))
    return model


def branch(keras, family, row):
    """(inputs, output) of one layer."""
    *_, probe, _, _ = layout_tools()
    recipe = row.recipe
    forced = {"name": row.name} | ({"dtype": policy_of(keras, family)} if family.policy else {})
    if recipe.kind == "cell":
        layer = probe.make(known_frameworks()[family.framework_name], recipe, row.chosen)
        x = keras.Input((4, 5))
        return [x], keras.layers.RNN(layer, name=row.name)(x)
    framework = known_frameworks()[family.framework_name]
    if family.policy == "bfloat16" and probe.known_key(framework, framework.classes[recipe.name], "recurrent_initializer"):
        forced["recurrent_initializer"] = "zeros"  # TensorFlow has no orthogonal matrices of bfloat16
    layer = probe.make(framework, recipe, row.chosen, forced)
    shapes, dtype = (recipe.inputs[0], recipe.dtype) if recipe.how != "none" else ([lookup_shape(recipe)], lookup_dtype(recipe))
    if family.policy and dtype == "float32":
        dtype = family.policy.removeprefix("mixed_") if not family.policy.startswith("mixed_") else "float32"
    ready(layer, recipe, shapes[0])
    inputs = [keras.Input(batch_shape=shape, dtype=dtype) for shape in shapes]
    return inputs, layer(*inputs) if recipe.how == "call" or len(inputs) == 1 else layer(inputs)


def policy_of(keras, family):
    if family.framework_name == "tf_keras" and family.policy.startswith("mixed_"):
        return keras.mixed_precision.Policy(family.policy)
    return family.policy


def ready(layer, recipe, shape):
    """What some layers need before they can be called."""
    if recipe.name == "Discretization" and not getattr(layer, "bin_boundaries", None):
        layer.adapt(np.linspace(0.0, 1.0, 12, dtype="float32").reshape(4, 3))
    if "gptq" in str(getattr(layer, "quantization_mode", "")) or "awq" in str(getattr(layer, "quantization_mode", "")):
        layer.build(shape)
        layer.is_gptq_calibrated = layer.is_awq_calibrated = True


def lookup_shape(recipe):
    return (2, 1) if recipe.name == "TextVectorization" else (2, 3)


def lookup_dtype(recipe):
    return "int64" if recipe.name == "IntegerLookup" else "string"


# ---- what a model holds, told by the framework itself ----------------------------------------------------------------


@dataclass
class Stored:
    """One dataset of a v3 file: its path, the layer the user named, the role, and the variable behind it."""

    path: str
    layer: str
    role: str
    variable: object
    value: object  # as stored


def stored_variables(family, model, path):
    """Saves the model to `path` and tells every dataset's variable, found by the value the framework stores."""
    framework = known_frameworks()[family.framework_name]
    model.save_weights(str(path))
    top = {}
    for layer in model.layers:
        for part in framework.with_sub_layers(layer):
            top.setdefault(id(part), layer.name)
    found = []
    with h5py.File(path) as file:
        for inner, saveable, store in visits(framework, model):
            for key, value in store.items():
                variable = variable_of(framework, saveable, key, framework.array(value))
                name = (inner + "/" if inner else "") + "vars/" + key
                found.append(Stored(name, top.get(id(saveable), ""), role_of(framework, saveable, key, variable), variable,
                                    file[name][()]))
    return found


def visits(framework, model):
    """[(path, object, {key: value})] of the framework's own saving walk, before anything is merged."""
    lib = framework.saving_lib
    original, found, seen = lib._save_state, [], set()

    def recording(saveable, weights_store, assets_store, inner_path, *args, **kwargs):
        if id(saveable) not in seen and hasattr(saveable, "save_own_variables"):
            seen.add(id(saveable))
            store = {}
            saveable.save_own_variables(store)
            found.append((inner_path, saveable, store))
        return original(saveable, weights_store, assets_store, inner_path, *args, **kwargs)

    lib._save_state = recording
    try:
        framework.walk(model)
    finally:
        lib._save_state = original
    return found


def variable_of(framework, saveable, key, value):
    if not key.isdigit():
        return getattr(getattr(saveable, "_lookup_layer", saveable), key)
    own = framework.own_variables(saveable)
    same = [v for v in own[int(key):int(key) + 1] + own if same_value(framework.array(v), value)]
    return same[0]


def same_value(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def role_of(framework, saveable, key, variable):
    """The variable's own name; where Keras 3 calls it otherwise, Keras 3's, as the table says."""
    if not key.isdigit():
        return key
    name = framework.variable_name(variable)
    entry = TABLE["classes"].get(type(saveable).__name__, {"variants": []})
    for variant in entry["variants"]:
        for weight in variant["weights"]:
            if framework.id in variant["frameworks"] and weight.get("name", {}).get(framework.id) == name:
                return weight["role"]
    return name


def randomise(family, model, seed):
    rng = np.random.default_rng(seed)
    framework = known_frameworks()[family.framework_name]
    done = set()
    for _, saveable, store in visits(framework, model):
        keyed = [variable_of(framework, saveable, key, None) for key in store if not key.isdigit()]
        for variable in framework.own_variables(saveable) + keyed:
            if id(variable) not in done:
                done.add(id(variable))
                assign(variable, rng)


def assign(variable, rng):
    value = np.asarray(variable) if isinstance(variable, np.ndarray) else to_array(variable)
    name = variable.name.split("/")[-1]
    if "g_idx" in name:  # indices of groups, used when low-rank factors are merged
        new = rng.integers(0, 2, value.shape)
    elif value.dtype.kind in "iu":
        new = rng.integers(1, np.iinfo(value.dtype).max // 2, value.shape)
    else:
        new = rng.uniform(0.5, 1.5, value.shape)
    variable.assign(np.asarray(new).astype(value.dtype))


# ---- coverage --------------------------------------------------------------------------------------------------------


def exercised(family, model):
    """{(class, number of the variant in the table)} of every layer of the model, sub-layers included."""
    _, generate, *_ = layout_tools()
    framework = known_frameworks()[family.framework_name]
    found = set()
    for part in framework.with_sub_layers(model):
        name = type(part).__name__
        entry = TABLE["classes"].get(name)
        if entry is None:
            continue
        defaults = {key: values.get(framework.id) for key, values in entry.get("defaults", {}).items()}
        config = defaults | plain(part.get_config())
        for number, variant in enumerate(entry["variants"]):
            if framework.id in variant["frameworks"] and generate.holds(variant["when"], config):
                found.add((name, number))
                break
    return found


def plain(config):
    """Keras 3 writes a dtype policy as an object; the tests of the table speak of its name."""
    dtype = config.get("dtype")
    if isinstance(dtype, dict):
        inner = dtype.get("config", {})
        config = config | {"dtype": f"{inner['mode']}_from_float32" if "mode" in inner else inner.get("name")}
    return config
