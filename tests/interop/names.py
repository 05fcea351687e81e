# SPDX-License-Identifier: Apache-2.0
"""What a tensor should be called: by its place in the live model, with and without knowing every class."""

from model_walk import canonical, escape, own_variables, role_of, snake

# Where the number of variables fits two layouts (gamma or beta, a scale or a score weight), nothing is guessed.
ATTENTION = {f"_{part}_dense": f"{part}_dense" for part in ("query", "key", "value", "output")}
AMBIGUOUS = {("BatchNormalization", 3), ("LayerNormalization", 1), ("GroupNormalization", 1), ("Attention", 1)}


def canonical_with_config(source):
    """canonical name -> variable of every weight a v3 file of `source` holds."""
    source.v3  # noqa: B018 - fills source.stored
    found = {}
    for item in source.stored:
        path, owner = source.layers.get(id(item.owner), (None, None))
        if path is not None:
            found[canonical(path, role_of(owner, item.variable))] = item.variable
    return found


def names_without_config(source, item):
    """The acceptable (layer, roles) of a stored v3 dataset when only the file is at hand.

    Keras 3 leaves layer names in the file, tf_keras does not; there the key stands for the name. The role is known
    where the key names a built-in class whose number of variables tells which they are; else it may be the stored key.
    """
    path, owner = source.layers[id(item.owner)]
    parts = item.path.split("/")
    steps, key, ordinal = parts[:-2], parts[-3] if len(parts) > 2 else "", parts[-1]
    if source.framework_name == "keras":
        layer = "/".join(escape(step) for step in path)
    else:
        # Sub-layers go by Keras 3's attribute; tf_keras keeps those of its attention under a private name.
        layer = "/".join(ATTENTION.get(step, step) for step in steps if step != "layers")
    roles = {role_of(owner, item.variable)}
    named_by_key = len(parts) > 3 and parts[-4] in ("layers", "cells") and is_builtin_key(key, owner)
    if not named_by_key or (type(owner).__name__, len(own_variables(owner))) in AMBIGUOUS:
        roles.add(ordinal)
    return layer, roles


def is_builtin_key(key, owner):
    base = snake(type(owner).__name__)
    module = type(owner).__module__
    return (key == base or key.startswith(base + "_")) and module.startswith(("keras.", "tf_keras."))


