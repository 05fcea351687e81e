# SPDX-License-Identifier: Apache-2.0
"""Walks the weights of a live model, layer by layer, and says where the frameworks store each of them.

Nothing here reads a file of ours: the paths come from the frameworks' own saving code, the roles from
their variables, so that these names may judge what the tool says.
"""

import os
import re
import tempfile
from dataclasses import dataclass

import numpy as np
from frameworks import keras, tf_keras

# Attributes by which built-in layers hold other layers, under the names Keras 3 saves them.
CHILDREN = ("forward_layer", "backward_layer", "layer", "cell", "query_dense", "key_dense", "value_dense",
            "output_dense")
# Roles that tf_keras spells otherwise than Keras 3.
RENAMED_ROLES = {
    ("DepthwiseConv1D", "depthwise_kernel"): "kernel",
    ("DepthwiseConv2D", "depthwise_kernel"): "kernel",
    ("SpectralNormalization", "sn_u"): "vector_u",
}


@dataclass
class Slot:
    """One variable: the layers that lead to it (root left out), the owner, its role, the variable itself."""

    path: tuple
    owner: object
    role: str
    variable: object

    @property
    def key(self):
        return self.path + (self.role,)

    @property
    def value(self):
        return to_array(self.variable)


def to_array(variable):
    # TensorFlow's numpy() keeps bfloat16 (ml_dtypes); np.asarray of a Keras 3 bfloat16 variable does too.
    value = variable.value
    value = value() if callable(value) else value
    return value.numpy()


def own_variables(layer):
    """A layer's own variables in creation order, the order in which `.weights.h5` numbers them."""
    if hasattr(layer, "_trainable_variables"):
        return list(layer._trainable_variables) + list(layer._non_trainable_variables)
    return list(layer._trainable_weights) + list(layer._non_trainable_weights)


def raw_role(variable):
    return variable.name.split("/")[-1].removesuffix(":0")


def role_of(layer, variable):
    name = raw_role(variable)
    return RENAMED_ROLES.get((type(layer).__name__, name), name)


def is_container(layer):
    for framework in (keras, tf_keras):
        if isinstance(layer, (framework.Sequential, framework.Model)):
            return True
    return False


def children(layer):
    """(path step, child) pairs of a layer, in the order Keras saves them."""
    if is_container(layer):
        return [((child.name,), child) for child in layer.layers]
    found = []
    for attribute in CHILDREN:
        child = getattr(layer, attribute, None) or getattr(layer, "_" + attribute, None)
        if child is not None and hasattr(child, "trainable"):
            found.append(((attribute,), child))
    if hasattr(layer, "cells"):
        found += [(("cells", cell.name), cell) for cell in layer.cells]
    return sorted(found, key=lambda pair: pair[0][0])


def layer_paths(model):
    """id -> (path, layer) of every layer, at the first path that reaches it; parents come before children."""
    found = {}

    def visit(layer, path):
        if id(layer) in found:
            return
        found[id(layer)] = (path, layer)
        for step, child in children(layer):
            visit(child, path + step)

    visit(model, ())
    return found


def slots(model):
    """Every weight once, at the first path that reaches it."""
    result, seen_variables = [], set()
    for path, layer in layer_paths(model).values():
        below = children(layer)
        # A wrapper may list its child's variables among its own; they belong to the child.
        inner = {id(v) for _, child in below for v in all_variables(child)}
        for variable in own_variables(layer):
            if id(variable) in inner or id(variable) in seen_variables or is_seed(variable):
                continue
            seen_variables.add(id(variable))
            result.append(Slot(path, layer, role_of(layer, variable), variable))
    return result


def all_variables(layer):
    found = list(own_variables(layer))
    for _, child in children(layer):
        found += all_variables(child)
    return found


def is_seed(variable):
    return raw_role(variable) in ("seed_generator_state", "seed")


def escape(name):
    return name.replace("%", "%25").replace("/", "%2F")


def canonical(path, role):
    """The name a weight has by its place in the model, when its classes are known."""
    return "/".join([escape(step) for step in path] + [role])


# ---- where `.weights.h5` stores it, told by the framework itself -----------------------------------------------------


@dataclass
class Stored:
    """One dataset of a v3 file: its path, the group's object and the variable behind it."""

    path: str
    owner: object
    variable: object


def record_v3(model, path):
    """Saves `model` to `path` as `.weights.h5` and returns what was stored where, in saving order."""
    saving_lib = (keras.src if is_keras3_model(model) else tf_keras.src).saving.saving_lib
    original = saving_lib._save_state
    seen, stored = set(), []

    def recording(saveable, weights_store, assets_store, inner_path, *args, **kwargs):
        if id(saveable) not in seen:
            seen.add(id(saveable))
            for variable, key in stored_variables(saveable):
                stored.append(Stored("/".join(p for p in (inner_path, "vars", key) if p), saveable, variable))
        return original(saveable, weights_store, assets_store, inner_path, *args, **kwargs)

    saving_lib._save_state = recording
    try:
        model.save_weights(path)
    finally:
        saving_lib._save_state = original
    return stored


def stored_variables(saveable):
    """(variable, dataset key) pairs that the object's own save_own_variables writes."""
    if not hasattr(saveable, "save_own_variables"):
        return []
    store = {}
    saveable.save_own_variables(store)
    if hasattr(saveable, "_trainable_variables") and hasattr(saveable, "_non_trainable_variables"):
        variables = own_variables(saveable)
    elif hasattr(saveable, "_trainable_weights"):
        variables = own_variables(saveable)
    elif callable(getattr(saveable, "variables", None)):  # tf_keras' legacy optimizers
        variables = list(saveable.variables())
    else:
        variables = list(getattr(saveable, "variables", None) or getattr(saveable, "weights", []))
    assert len(store) == len(variables), f"{saveable} stores {list(store)}, has {len(variables)} variables"
    return list(zip(variables, store))


def is_keras3_model(model):
    return isinstance(model, keras.Layer)


# ---- where a legacy `.h5` stores it ----------------------------------------------------------------------------------


def legacy_order(model):
    """(layer name, variables) per top-level layer, in the order legacy HDF5 stores them."""
    return [(layer.name, list(layer.trainable_weights) + list(layer.non_trainable_weights)) for layer in model.layers]


def legacy_entries(group):
    """(layer name, weight name, dataset) of a legacy group, in layer_names x weight_names order."""
    for layer in string_attribute(group, "layer_names"):
        for weight in string_attribute(group[layer], "weight_names"):
            yield layer, weight, group[layer][weight]


def string_attribute(group, name):
    if name in group.attrs:
        return [text(item) for item in group.attrs[name]]
    parts, index = [], 0
    while f"{name}{index}" in group.attrs:
        parts += [text(item) for item in group.attrs[f"{name}{index}"]]
        index += 1
    return parts


def text(item):
    return item.decode("utf-8") if isinstance(item, bytes) else str(item)


def snake(class_name):
    """Keras' container key of a class name."""
    name = re.sub(r"\W+", "", class_name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def scratch():
    return tempfile.TemporaryDirectory(prefix="ballast-interop-", dir=os.environ.get("TMPDIR"))


def same_bytes(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
