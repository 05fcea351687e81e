# SPDX-License-Identifier: Apache-2.0
"""What is special about models: their sub-layers are `layers`; their own variables stand elsewhere in legacy files."""

from observe import Surprise
from weightless import MODELS


def observe(framework):
    keras = framework.keras
    inputs = keras.Input((3,))
    nested = {
        "Functional": keras.Model(inputs, keras.layers.Dense(2)(inputs)),
        "Sequential": keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]),
    }
    for name, model in nested.items():
        if type(model).__name__ != name:
            raise Surprise(f"{name} is a {type(model).__name__}")
        paths = [path for path, store in framework.walk(model) if store]
        if paths != ["layers/dense"]:
            raise Surprise(f"{name} stores its layers at {paths}")
    return {"classes": [name for name in MODELS if name in framework.classes], "own": own_place(framework)}


def own_place(framework):
    """Where a nested model's own variables stand in the flattened list: "first" or "last"."""
    keras = framework.keras

    class Owner(keras.Model):
        def __init__(self):
            super().__init__()
            self.owned = self.add_weight(name="owned", shape=(1,))
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            return self.dense(x) * self.owned

    model = Owner()
    model(keras.ops.ones((1, 3)) if framework.is_keras3 else keras.backend.ones((1, 3)))
    names = [framework.variable_name(variable) for variable in framework.legacy_weights(model)]
    if sorted(names) != ["bias", "kernel", "owned"]:
        raise Surprise(f"a model with an own variable has {names}")
    return {"owned": "first", "kernel": "last"}[names[0]]
