# SPDX-License-Identifier: Apache-2.0
"""Runs inside one framework: builds every recipe in every combination of its axes, prints what it saw as JSON.

Usage: probe.py keras3|tf_keras [--orders]      --orders: also hold the checked-in table against real legacy files
"""

import inspect
import itertools
import json
import sys

import numpy as np

import legacy_order
import models
import weightless
from framework import Framework
from observe import Surprise, gates, observe
from recipes import all_recipes


def make(framework, recipe, chosen, forced=None):
    cls = framework.classes[recipe.name]
    args = dict(recipe.args)
    for key, choice in chosen:
        args[key] = choice.value
        args.update(choice.extra)
    args.update(forced or {})
    args = {key: value(framework.layers) if inspect.isfunction(value) else value for key, value in args.items()}
    return cls(**args)


def build(framework, recipe, layer, shapes):
    if recipe.how == "build":
        layer.build(shapes[0])
        return
    arrays = [np.ones(shape, recipe.dtype) for shape in shapes]
    if recipe.how == "call":
        layer(*arrays)
    elif recipe.how == "list":
        layer(arrays)


def outcome(framework, recipe, chosen, forced=None):
    """The layout over all input alternatives: ranks that differ become -1."""
    seen = []
    for shapes in recipe.inputs:
        framework.clear_names()
        layer = make(framework, recipe, chosen, forced)
        build(framework, recipe, layer, shapes)
        for _, choice in chosen:
            if choice.after:
                choice.after(layer)
        seen.append(observe(framework, recipe, layer))
    first = seen[0]
    width = gates(first["weights"])
    for i, weight in enumerate(first["weights"]):
        if any(other["weights"][i]["rank"] != weight["rank"] for other in seen):
            weight["rank"] = -1
        weight["gates"] = width.get(weight["role"], 0)
        del weight["shape"]
    for child in first["children"]:
        del child["ids"], child["holds_variables"]
    return first


def usable_axes(framework, recipe):
    cls = framework.classes[recipe.name]
    return [(key, choices) for key, choices in recipe.axes
            if known_key(framework, cls, key) and (framework.is_keras3 or key not in ("dtype", "lora_rank"))]


def known_key(framework, cls, key):
    names = set()
    for base in cls.__mro__:
        if "__init__" in vars(base):
            names |= set(inspect.signature(base.__init__).parameters)
    return key in names


def observe_recipe(framework, recipe):
    axes = usable_axes(framework, recipe)
    rows = []
    for choices in itertools.product(*[choices for _, choices in axes]):
        chosen = list(zip([key for key, _ in axes], choices))
        when = {key: choice.test for key, choice in chosen}
        if not any(combination.items() <= when.items() for combination in recipe.impossible):
            rows.append({"when": when, "layout": outcome(framework, recipe, chosen)})
    check_other_flags(framework, recipe, axes, rows)
    cls = framework.classes[recipe.name]
    defaults = {key: framework.default_of(cls, key)[1] for key, _ in axes}
    return {"name": recipe.name, "class_name": cls.__name__, "kind": recipe.kind, "axes": [key for key, _ in axes],
            "defaults": defaults, "rows": rows}


def check_other_flags(framework, recipe, axes, rows):
    """No boolean argument outside the axes may change the layout."""
    if recipe.how == "none":
        return
    chosen = [(key, choices[0]) for key, choices in axes]
    baseline = json.dumps(rows[0]["layout"], sort_keys=True)
    cls = framework.classes[recipe.name]
    names = {name: parameter.default for base in cls.__mro__ if "__init__" in vars(base)
             for name, parameter in inspect.signature(base.__init__).parameters.items()}
    for name, default in sorted(names.items()):
        if not isinstance(default, bool) or name in dict(axes) or name in recipe.args:
            continue
        try:
            flipped = outcome(framework, recipe, chosen, {name: not default})
        except Surprise:
            raise
        except Exception:
            continue  # not an argument of this class, or it needs company: then it is no plain config flag
        if layout_only(json.dumps(flipped, sort_keys=True)) != layout_only(baseline):
            raise Surprise(f"{framework.id}: {recipe.name}({name}={not default}) changes the layout; make it an axis")


def layout_only(text):
    """Sub-layer configs repeat the parent's flags; they are no part of the layout."""
    layout = json.loads(text)
    for child in layout["children"]:
        child["config"] = {}
    return layout


def main():
    framework = Framework(sys.argv[1])
    recipes = [r for r in all_recipes() if framework.id in r.frameworks and r.name in framework.classes]
    covered = {recipe.name for recipe in recipes}
    result = {
        "framework": framework.id,
        "version": framework.version,
        "recipes": [observe_recipe(framework, recipe) for recipe in recipes],
        "weightless": weightless.observe_all(framework, covered),
        "models": models.observe(framework),
        "keys": {name: framework.snake_case(name) for name in sorted(framework.classes)},
        "aliases": {name: cls.__name__ for name, cls in sorted(framework.classes.items()) if name != cls.__name__},
    }
    if "--orders" in sys.argv[2:]:
        result["order_mistakes"] = legacy_order.mistakes(framework)
    json.dump(result, sys.stdout, sort_keys=True)


if __name__ == "__main__":
    main()
