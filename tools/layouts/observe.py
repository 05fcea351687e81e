# SPDX-License-Identifier: Apache-2.0
"""Reads the layout of one live, built layer: own variables, sub-layers, stored paths, legacy order."""

import numpy as np

from recipes import U


class Surprise(Exception):
    """The framework did something the table has no words for; the table must grow, not guess."""


def number_variables(framework, layer):
    """Gives every variable its own value, so that stored data can be told apart. Returns them by id."""
    numbered = {}
    for variable in list(layer.weights) + framework.own_variables(layer):
        if id(variable) not in numbered:
            numbered[id(variable)] = variable
            shape = framework.array(variable).shape
            variable.assign(np.full(shape, len(numbered), framework.dtype(variable)))
    return numbered


def observe(framework, recipe, layer):
    """The layout of `layer` as plain JSON data. Sub-layers are described one level deep."""
    number_variables(framework, layer)
    visited = framework.walk(layer)
    own = own_weights(framework, layer, dict(visited)[""])
    children = sub_layers(framework, recipe, layer, visited)
    if not any(weight["key"] for weight in own) and all(weight["legacy"] for weight in own):
        check_flattening(framework, layer, own, children)
    mark_shared(framework, layer, own, children)
    return {
        "weights": own,
        "children": [child for child in children if child["holds_variables"]],
        "empty": sorted(child["attribute"] for child in children if not child["holds_variables"]),
        "legacy_order": legacy_order(framework, layer, children),
        "legacy_weights": legacy_weights(framework, layer, own),
    }


def own_weights(framework, layer, store):
    variables = framework.own_variables(layer)
    edges = framework.graph_edges(layer)
    legacy = {id(variable) for variable in framework.legacy_weights(layer)}
    ordinals = sorted((key for key in store if key.isdigit()), key=int)
    keyed = sorted(key for key in store if not key.isdigit())
    if keyed and ordinals:
        raise Surprise(f"{type(layer).__name__} mixes numbered and named datasets")
    if keyed:
        return [named_weight(framework, layer, key, store[key], legacy) for key in keyed]
    stored = [stored_variable(framework, layer, variables, ordinal, store) for ordinal in ordinals]
    numbered = {id(variable) for variable in stored}
    if len(numbered) != len(ordinals):
        raise Surprise(f"{type(layer).__name__} stores a variable twice")
    found = []
    for variable in stored + [variable for variable in variables if id(variable) not in numbered]:
        shape = framework.array(variable).shape
        found.append({
            "role": framework.variable_name(variable),
            "trainable": framework.is_trainable(layer, variable),
            "v3": id(variable) in numbered,
            "dtype": fixed_dtype(framework, variable),
            "key": "",
            "rank": len(shape),
            "shape": list(shape),
            "tf": edges.get(id(variable), edges.get(id(getattr(variable, "value", None)), "")),
            "legacy": id(variable) in legacy,
            "id": id(variable),
        })
    if len({weight["role"] for weight in found}) != len(found):
        raise Surprise(f"{type(layer).__name__} has two variables of one name")
    return found


def stored_variable(framework, layer, variables, ordinal, store):
    """The variable in dataset `ordinal`: nearly always the one created in that place; quantized layers differ."""
    candidates = variables[int(ordinal):int(ordinal) + 1] + variables
    for variable in candidates:
        if np.array_equal(store[ordinal], framework.array(variable)):
            return variable
    raise Surprise(f"{type(layer).__name__}: dataset {ordinal} is none of its variables")


def named_weight(framework, layer, key, value, legacy):
    inner = getattr(layer, "_lookup_layer", layer)
    variable = getattr(inner, key)
    return {"role": key, "trainable": False, "v3": True, "dtype": fixed_dtype(framework, variable), "key": key,
            "rank": value.ndim, "shape": list(value.shape), "tf": key if inner is layer else "",
            "legacy": id(variable) in legacy, "id": 0}


def fixed_dtype(framework, variable):
    name = framework.dtype(variable)
    return "" if name.startswith("float") else name


def sub_layers(framework, recipe, layer, visited):
    """Direct sub-layers in the order the v3 writer meets them."""
    edges = framework.graph_edges(layer)
    names = []
    for path, _ in visited:
        name = path.split("/")[0]
        if name and name not in names:
            names.append(name)
    found = []
    for name in names:
        value = getattr(layer, name)
        each = isinstance(value, (list, tuple))
        holds = any(store for path, store in visited if path == name or path.startswith(name + "/"))
        found.append({
            "attribute": name,
            "each": each,
            "class": "" if each else type(value).__name__,
            "from": recipe.nested.get(name, "").split("|") if recipe.nested.get(name) else [],
            "config": {} if each else plain_config(value),
            "tf": edges.get(id(value), ""),
            "layer_name": "" if each else value.name,
            "holds_variables": holds,
            "ids": [id(w) for item in (value if each else [value]) for w in item.weights],
        })
    return found


def plain_config(layer):
    """The sub-layer's config keys with simple values: enough to choose its variant."""
    try:
        config = layer.get_config()
    except Exception:
        return {}
    return {key: value for key, value in sorted(config.items())
            if value is None or isinstance(value, (bool, int, float, str))}


def mark_shared(framework, layer, own, children):
    """An own variable that is also a sub-layer's: `same_as` = "attribute/role"."""
    for weight in own:
        weight["same_as"] = ""
        for child in children:
            value = getattr(layer, child["attribute"])
            if child["each"]:
                continue
            if weight["key"] and hasattr(value, weight["key"]):
                weight["same_as"] = child["attribute"] + "/" + weight["key"]
            for inner in framework.own_variables(value) if not weight["key"] else []:
                if id(inner) == weight["id"]:
                    weight["same_as"] = child["attribute"] + "/" + framework.variable_name(inner)
        del weight["id"]


def legacy_weights(framework, layer, own):
    """Roles of the layer's own variables as a legacy file lists them: trainable ones, then others, as created."""
    if any(weight["key"] for weight in own):
        return [weight["role"] for weight in own]
    trainable, other = framework.parted_variables(layer)
    return [framework.variable_name(variable) for variable in trainable + other]


def legacy_order(framework, layer, children):
    """Sub-layers in the order in which their variables appear in layer.weights."""
    order = []
    owner = {key: child["attribute"] for child in children for key in child["ids"]}
    own = {id(variable) for variable in framework.own_variables(layer)}
    for variable in layer.weights:
        attribute = owner.get(id(variable))
        if attribute and attribute not in order and id(variable) not in own:
            order.append(attribute)
    return order


def check_flattening(framework, layer, own, children):
    """The one rule: own trainable, sub-layers' trainable; own others, sub-layers' others; first mention counts.
    A frozen layer: own trainable, own others, sub-layers."""
    by_name = {child["attribute"]: getattr(layer, child["attribute"]) for child in children}
    order = legacy_order(framework, layer, children)
    inner = [item for name in order
             for item in (by_name[name] if isinstance(by_name[name], (list, tuple)) else [by_name[name]])]
    trainable, other = ([id(variable) for variable in part] for part in framework.parted_variables(layer))
    if layer.trainable:
        expected = trainable + [id(w) for item in inner for w in item.trainable_weights]
        expected += other + [id(w) for item in inner for w in item.non_trainable_weights]
    else:
        expected = trainable + other + [id(w) for item in inner for w in framework.legacy_weights(item)]
    unique = list(dict.fromkeys(expected))
    if unique != [id(variable) for variable in framework.legacy_weights(layer)]:
        raise Surprise(f"{type(layer).__name__}: legacy order breaks the rule: "
                       f"{[v.name for v in framework.legacy_weights(layer)]}")


def gates(own):
    """Widths in units of recurrent cells: {role: last dimension / units}; {} for other layers."""
    recurrent = next((w for w in own if w["role"] == "recurrent_kernel"), None)
    if recurrent is None or recurrent["shape"][-2] != U:
        return {}
    return {w["role"]: w["shape"][-1] // U for w in own}
