# SPDX-License-Identifier: Apache-2.0
"""Graphs for test_migrate.py: shared, nested, several ports, states, odd names. {name: builder}."""

from frameworks import tf_keras as k

L = k.layers


def inner(name="inner", width=4):
    entry = k.Input((4,), name=name + "_in")
    return k.Model(entry, L.Dense(width, name="deep")(L.BatchNormalization(name="norm")(entry)), name=name)


def mlp():
    return k.Sequential([L.Dense(5, activation="relu", input_shape=(4,)), L.Dropout(0.5), L.Dense(3)])


def convnet():
    return k.Sequential([k.Input((8, 8, 3)), L.Conv2D(4, 3, activation="relu"), L.BatchNormalization(), L.MaxPooling2D(),
                         L.DepthwiseConv2D(3, padding="same"), L.Flatten(), L.Dense(2)])


def lstm():
    return k.Sequential([L.LSTM(5, return_sequences=True, input_shape=(6, 4)), L.Bidirectional(L.GRU(3)), L.Dense(2)])


def shared():
    a, b, dense = k.Input((4,)), k.Input((4,)), L.Dense(4, name="both")
    return k.Model([a, b], L.Add()([dense(dense(a)), dense(b)]))


def nested_twice():
    a, b, model = k.Input((4,)), k.Input((4,)), inner()
    return k.Model([a, b], [model(a), L.Subtract()([model(b), model(a)])])


def nested_output():
    a, model = k.Input((4,)), inner()
    return k.Model(a, model(model(a)))


def nested_in_nested():
    a, b, middle = k.Input((4,)), k.Input((4,)), inner("middle")
    outer = k.Model(a, L.Dense(4)(middle(a)), name="outer")
    return k.Model(b, outer(outer(b)))


def nested_sequential(entry):
    a = k.Input((4,))
    layers = ([k.Input((4,))] if entry else []) + [L.Dense(4), L.Dense(4)]
    model = k.Sequential(layers, name="stack")
    return k.Model(a, [model(model(a)), L.Dense(2)(model(a))])


def slash_names():
    a = k.Input((4,), name="in/a")
    x = L.Dense(4, name="a/b")(a)
    y = L.Dense(4, name="a_b")(x)
    return k.Model(a, L.Add(name="sum/all")([x, y]), name="top/model")


def states():
    a, h, c = k.Input((5, 4)), k.Input((3,)), k.Input((3,))
    x, h1, c1 = L.LSTM(3, return_state=True, return_sequences=True)(a, initial_state=[h, c])
    return k.Model([a, h, c], [L.GRU(3)(x, initial_state=h1), c1])


def dict_ports():
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    return k.Model({"a": a, "b": b}, {"sum": L.Add(name="sum")([a, b]), "dense": L.Dense(2, name="dense")(a)})


def masks():
    a = k.Input((5,), dtype="int32")
    x = L.Bidirectional(L.LSTM(3, return_sequences=True))(L.Embedding(9, 4, mask_zero=True)(a))
    return k.Model(a, L.GlobalAveragePooling1D()(L.TimeDistributed(L.Dense(3))(x)))


def frozen():
    a, model = k.Input((4,)), inner()
    model.trainable = False
    dense = L.Dense(4)
    dense.trainable = False
    return k.Model(a, L.Dense(3)(dense(model(a))))


def mixed():
    policy = k.mixed_precision.Policy("mixed_float16")
    a = k.Input((4,))
    return k.Model(a, L.Dense(3, dtype="float32")(L.Dense(4, dtype=policy)(a)))


def float64():
    a = k.Input((4,), dtype="float64")
    return k.Model(a, L.Dense(3, dtype="float64")(a))


def function_shared_names():
    a = k.Input((4,), name="a")
    x = a * 2.0
    return k.Model(a, [L.Dense(3, name="d/1")(x + 1.0), x[:, 1:3] * x[:, :2]])


class Sub(k.Model):
    """A user's class, built functionally."""


def subclass():
    a = k.Input((4,))
    return Sub(a, L.Dense(3)(a))


def multi_output():
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    x = L.Concatenate()([L.Dense(3)(a), b])
    return k.Model([a, b], [L.Dense(2, name="left")(x), L.Dense(1, name="right")(x)])


GRAPHS = {"mlp": mlp, "convnet": convnet, "lstm": lstm, "shared": shared, "nested_twice": nested_twice,
          "nested_output": nested_output, "nested_in_nested": nested_in_nested,
          "nested_sequential": lambda: nested_sequential(False), "nested_sequential_input": lambda: nested_sequential(True),
          "slash_names": slash_names, "states": states, "dict_ports": dict_ports, "masks": masks, "frozen": frozen, "mixed": mixed,
          "float64": float64, "function_shared_names": function_shared_names, "subclass": subclass, "multi_output": multi_output}
