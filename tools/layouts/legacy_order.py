# SPDX-License-Identifier: Apache-2.0
"""Checks the rule of docs/layouts.md against real legacy .h5 files: in which order does a layer's group list its
weights? Every model here is saved by the framework; the rule predicts the list from the table and the flags.
"""

import json
import tempfile
from pathlib import Path

import h5py
import numpy as np

from generate import holds

TABLE = Path(__file__).resolve().parent.parent.parent / "src" / "model" / "layouts.json"
MODELS = ("Functional", "Sequential", "Model")


class Rule:
    def __init__(self, framework, table):
        self.framework = framework
        self.classes = table["classes"]

    def children(self, layer):
        """Sub-layers in the table's legacy order; of a model, its layers."""
        name = type(layer).__name__
        if name in MODELS:
            return list(layer.layers)
        entry = self.classes[name]
        fid = self.framework.id
        config = {key: values.get(fid) for key, values in entry.get("defaults", {}).items()} | layer.get_config()
        item = next(v for v in entry["variants"] if fid in v["frameworks"] and holds(v["when"], config))
        listed = {sub["attribute"]: sub.get("path", {}).get(fid, sub["attribute"]) for sub in item.get("children", [])}
        order = item.get("legacy_order", {}).get(fid, list(listed))
        values = [getattr(layer, listed[attribute]) for attribute in order]
        return [sub for value in values for sub in (value if isinstance(value, (list, tuple)) else [value])]

    def own(self, layer):
        return self.framework.parted_variables(layer)

    def predict(self, layer):
        both = self.keras3(layer) if self.framework.is_keras3 else sum(self.tf_keras(layer), [])
        return list({id(variable): variable for variable in both}.values())

    def keras3(self, layer):
        """One flat list, own variables first; then parted by every variable's own flag."""
        everything = self.flat(layer)
        if not layer.trainable:
            return everything
        return [v for v in everything if v.trainable] + [v for v in everything if not v.trainable]

    def flat(self, layer):
        own, other = self.own(layer)
        return own + other + [v for child in self.children(layer) for v in self.flat(child)]

    def tf_keras(self, layer):
        """(trainable, others), asked of every layer separately; a model's own variables come last."""
        own, other = self.own(layer)
        below = [self.tf_keras(child) for child in self.children(layer)]
        trainable = [v for part in below for v in part[0]]
        rest = [v for part in below for v in part[1]]
        if type(layer).__name__ in MODELS:
            return (trainable + own, rest + other) if layer.trainable else ([], trainable + own + rest + other)
        if layer.trainable:
            return own + trainable, other + rest
        return [], own + other + [v for part in below for v in part[0] + part[1]]


def saved_order(framework, model, folder):
    """{top-level layer: its variables in the order of the file}, told apart by their values."""
    by_value = {}
    for variable in model.weights:
        by_value[len(by_value) + 1] = variable
        variable.assign(np.full(framework.array(variable).shape, len(by_value), framework.dtype(variable)))
    path = str(Path(folder) / "model.h5")
    model.save(path)
    with h5py.File(path) as file:
        groups = file["model_weights"]
        return {name: [by_value[int(np.ravel(groups[name][weight][()])[0])]
                       for weight in groups[name].attrs["weight_names"]] for name in groups.attrs["layer_names"]}


def cases(framework):
    keras, layers = framework.keras, framework.layers

    def sequence(*items, name="inner"):
        return keras.Sequential([keras.Input((4,)), *items], name=name)

    def inner():
        return sequence(layers.Dense(4, name="a"), layers.BatchNormalization(name="bn"), layers.Dense(4, name="b"))

    def outer():
        return sequence(inner(), layers.Dense(4, name="c"), name="outer")

    def top(layer, shape=(4,)):
        inputs = keras.Input(shape)
        return keras.Model(inputs, layer(inputs))

    def attention():
        layer, inputs = layers.MultiHeadAttention(2, 3), keras.Input((5, 6))
        return layer, keras.Model(inputs, layer(inputs, inputs))

    def freeze(*parts):
        for part in parts:
            part.trainable = False

    def case(make, change, shape=(4,)):
        layer = make()
        model = top(layer, shape)
        change(layer)
        return model

    steps = (5, 4)
    stacked = lambda: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)])
    both_ways = lambda: layers.Bidirectional(layers.LSTM(3))
    over_time = lambda: layers.TimeDistributed(inner())
    nothing = lambda layer: None

    def thaw_last(layer):
        freeze(layer)
        layer.layers[-1].trainable = True

    yield "nested", case(inner, nothing)
    yield "nested, first frozen", case(inner, lambda m: freeze(m.layers[0]))
    yield "nested, frozen", case(inner, freeze)
    yield "nested, frozen but the last", case(inner, thaw_last)
    yield "nested twice, inner frozen", case(outer, lambda m: freeze(m.layers[0]))
    yield "nested twice, inner thawed", case(outer, lambda m: (freeze(m), setattr(m.layers[0], "trainable", True)))
    yield "bidirectional", case(both_ways, nothing, steps)
    yield "bidirectional, forward frozen", case(both_ways, lambda m: freeze(m.forward_layer), steps)
    yield "bidirectional, frozen", case(both_ways, freeze, steps)
    yield "time distributed model", case(over_time, nothing, steps)
    yield "time distributed model, first frozen", case(over_time, lambda m: freeze(m.layer.layers[0]), steps)
    yield "time distributed model, frozen", case(over_time, freeze, steps)
    yield "stacked cells", case(stacked, nothing, steps)
    yield "stacked cells, first frozen", case(stacked, lambda m: freeze(m.cell.cells[0]), steps)
    yield "convolutional LSTM, frozen", case(lambda: layers.ConvLSTM2D(2, 2), freeze, (4, 8, 8, 3))
    layer, model = attention()
    yield "attention", model
    layer, model = attention()
    freeze(layer._query_dense)
    yield "attention, query frozen", model
    layer, model = attention()
    freeze(layer)
    yield "attention, frozen", model
    yield from spectral(framework, freeze)


def spectral(framework, freeze):
    """tf_keras cannot save it with a frozen inner layer."""
    for name in ("", "frozen") + (("inner frozen",) if framework.is_keras3 else ()):
        layer = framework.layers.SpectralNormalization(framework.layers.Dense(3))
        model = framework.keras.Sequential([layer])
        model(np.ones((1, 4), "float32"))
        if name:
            freeze(layer if name == "frozen" else layer.layer)
        yield f"spectral {name}", model


def mistakes(framework):
    """What the rule predicts wrongly, one line each."""
    rule = Rule(framework, json.loads(TABLE.read_text()))
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for name, model in cases(framework):
            for layer_name, stored in saved_order(framework, model, folder).items():
                expected = rule.predict(model.get_layer(layer_name))
                if [id(v) for v in expected] != [id(v) for v in stored]:
                    wrong.append(f"{framework.id}: {name}: {layer_name}: the rule gives {[v.name for v in expected]}, "
                                 f"the file has {[v.name for v in stored]}")
    return wrong
