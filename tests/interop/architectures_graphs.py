# SPDX-License-Identifier: Apache-2.0
"""Architectures that differ by their graph, their names or their history: one builder for both frameworks each."""

import numpy as np
from frameworks import is_keras3
from registry import architecture, chain

# ---- graphs ----------------------------------------------------------------------------------------------------------


def block(k, name, units=3):
    L = k.layers
    return k.Sequential([k.Input((units,)), L.Dense(units, name="a"), L.BatchNormalization(name="bn"),
                         L.Dense(units, activation="tanh", name="b")], name=name)


@architecture()
def nested_functional(k):
    L = k.layers
    i = k.Input((3,), name="inner_in")
    left, right = L.Dense(3, name="left")(i), L.Dense(3, name="right")(i)
    inner = k.Model(i, L.BatchNormalization(name="norm")(L.Add(name="sum")([left, right])), name="inner")
    o = k.Input((3,), name="outer_in")
    return k.Model(o, chain(o, L.Dense(3, name="before"), inner, L.Dense(2, name="after")), name="outer")


@architecture()
def nested_twice(k):
    """Sequential in Functional in Sequential, with equal shapes everywhere and equal names in different models."""
    L = k.layers
    i = k.Input((3,), name="middle_in")
    middle = k.Model(i, chain(i, block(k, "deep"), L.Dense(3, name="c")), name="middle")
    return k.Sequential([k.Input((3,)), block(k, "shallow"), middle, L.Dense(3, name="a")], name="matryoshka")


@architecture()
def two_blocks(k):
    """Two nested models of one class, called in the other order than they were made."""
    L = k.layers
    first, second = block(k, "first"), block(k, "second")
    i = k.Input((3,), name="x")
    return k.Model(i, chain(i, second, first, L.Dense(2, name="head")), name="crossed")


@architecture()
def shared_layer(k):
    L = k.layers
    left, right = k.Input((3,), name="left"), k.Input((3,), name="right")
    tower = L.Dense(3, name="tower")
    x = L.Concatenate(name="join")([tower(left), tower(tower(right))])
    return k.Model([left, right], L.Dense(2, name="head")(x), name="siamese")


@architecture()
def shared_model(k):
    L = k.layers
    left, right = k.Input((3,), name="left"), k.Input((3,), name="right")
    tower = block(k, "tower")
    x = L.Concatenate(name="join")([tower(left), L.Dense(3, name="own")(tower(right))])
    return k.Model([left, right], L.Dense(2, name="head")(x), name="twins")


@architecture()
def many_ends(k):
    L = k.layers
    a, b = k.Input((3,), name="a"), k.Input((4,), name="b")
    x = L.Concatenate(name="join")([L.Dense(3, name="from_a")(a), L.Dense(3, name="from_b")(b)])
    return k.Model([a, b], [L.Dense(2, name="first")(x), L.Dense(2, name="second")(L.Dense(3, name="extra")(x))],
                   name="many_ends")


@architecture()
def order_trap(k):
    """Branches of unequal depth, built backwards: creation, call, config and saving order all differ."""
    L = k.layers
    a, b = k.Input((3,), name="first"), k.Input((3,), name="second")
    late = L.Dense(3, name="late")
    short = L.Dense(3, name="short")(b)
    long = chain(a, L.Dense(3, name="step1"), L.Dense(3, name="step2"), L.Dense(3, name="step3"))
    x = L.Add(name="sum")([short, long, late(b)])
    side = L.Dense(3, name="side")(late(a))
    return k.Model([b, a], [side, L.Dense(3, name="out")(x)], name="tangled")


@architecture()
def arithmetic(k):
    """Operators between tensors: layers of their own in tf_keras, no layers in Keras 3."""
    L = k.layers
    i = k.Input((3,), name="x")
    a = L.Dense(3, name="first")(i) * 2.0
    b = L.Dense(3, name="second")(a + i)
    return k.Model(i, L.Dense(3, name="third")(a - b), name="operators")


# ---- frozen parts: the legacy order follows `trainable`, the v3 order does not ---------------------------------------


@architecture("frozen")
def frozen_middle(k):
    inner = block(k, "block")
    inner.get_layer("b").trainable = False
    return k.Sequential([k.Input((3,)), inner, k.layers.Dense(3, name="head")], name="frozen_b")


@architecture("frozen")
def frozen_first(k):
    inner = block(k, "block")
    inner.get_layer("a").trainable = False
    return k.Sequential([k.Input((3,)), inner, k.layers.Dense(3, name="head")], name="frozen_a")


@architecture("frozen")
def frozen_nested(k):
    inner = block(k, "block")
    inner.trainable = False
    i = k.Input((3,), name="x")
    return k.Model(i, chain(i, k.layers.Dense(3, name="before"), inner, k.layers.Dense(3, name="head")), name="frozen_base")


@architecture("frozen")
def frozen_everything(k):
    model = nested_twice(k)
    model.trainable = False
    return model


@architecture("frozen")
def frozen_norms_deep(k):
    """Only the BatchNormalization layers are frozen, two levels down, as fine-tuning recipes do."""
    model = nested_twice(k)
    model.get_layer("middle").get_layer("deep").get_layer("bn").trainable = False
    model.get_layer("shallow").get_layer("bn").trainable = False
    return model


@architecture("frozen")
def frozen_wrappers(k):
    L = k.layers
    seq = k.Sequential([k.Input((4, 3)), L.Bidirectional(L.LSTM(2, return_sequences=True, name="lstm"), name="both"),
                        L.TimeDistributed(L.Dense(4, name="inner"), name="steps"), L.GRU(4, return_sequences=True, name="gru"),
                        L.BatchNormalization(name="bn"), L.Dense(4, name="dense")], name="recurrent")
    seq.get_layer("both").trainable = False
    seq.get_layer("gru").trainable = False
    return k.Sequential([k.Input((4, 3)), seq, L.Dense(2, name="head")], name="frozen_wrappers")


# ---- names -----------------------------------------------------------------------------------------------------------


@architecture("odd_names")
def odd_names(k):
    """The strangest names each framework takes; Keras 3 refuses '/', tf_keras spaces and non-ASCII."""
    old = ["my/odd-name", "a/b/kernel", "x.y>z", "0\\back", "a_b"]
    new = ["my odd name", "100%", "größe→", "x.y>z", "vars"]
    names = new if is_keras3(k) else old
    return k.Sequential([k.Input((2,))] + [k.layers.Dense(2, name=name) for name in names], name="odd")


@architecture("safe_names")
def numbering_trap(k):
    """Automatic-looking names in an order that contradicts them."""
    L = k.layers
    return k.Sequential([k.Input((3,)), L.Dense(3, name="dense_1"), L.Dense(3, name="dense"), L.Dense(3, name="dense_12"),
                         L.BatchNormalization(name="batch_normalization_3"), L.BatchNormalization(name="batch_normalization"),
                         L.Dense(3, name="dense_7")], name="trap")


@architecture("liars")
def misleading_names(k):
    """Names of other classes: whoever guesses the class from the name is wrong."""
    L = k.layers
    return k.Sequential([k.Input((6, 6, 3)), L.DepthwiseConv2D(3, name="conv2d"), L.Conv2DTranspose(3, 3, name="conv2d_1"),
                         L.LayerNormalization(name="group_normalization"), L.Flatten(name="dense"),
                         L.Dense(3, name="embedding"), L.Dense(3, name="flatten")], name="liars")


@architecture("chunked")
def long_names(k):
    """300 layers with long names: the attribute layer_names does not fit and is written in parts."""
    L = k.layers
    layers = [L.Dense(2, use_bias=index % 7 == 0, name=f"layer_{index:03d}_" + "x" * 220) for index in range(300)]
    return k.Sequential([k.Input((2,))] + layers, name="long")


@architecture("frozen")
def functional_subclass(k):
    """A nested subclass of Model built functionally: its v3 key comes from the user's class name."""

    class MyEncoderV2(k.Model):
        pass

    L = k.layers
    i = k.Input((3,), name="inner_in")
    x = L.Dense(3, name="a")(i)
    inner = MyEncoderV2(inputs=i, outputs=L.BatchNormalization(name="bn")(x), name="encoder")
    inner.get_layer("a").trainable = False
    o = k.Input((3,), name="outer_in")
    return k.Model(o, L.Dense(2, name="head")(inner(o)), name="subclassed")


# ---- training --------------------------------------------------------------------------------------------------------


@architecture("trained")
def trained(k):
    """Compiled with Adam and trained for a few steps, with a learning rate worth keeping."""
    model = nested_functional(k)
    model.compile(k.optimizers.Adam(0.0123), "mse", metrics=["mae"])
    rng = np.random.default_rng(1)
    for _ in range(3):
        model.train_on_batch(rng.normal(size=(4, 3)).astype("float32"), rng.normal(size=(4, 2)).astype("float32"))
    return model


@architecture()
def nothing(k):
    """No weights at all."""
    return k.Sequential([k.Input((2,)), k.layers.Activation("relu", name="act"), k.layers.Reshape((2, 1), name="shape")],
                        name="nothing")
