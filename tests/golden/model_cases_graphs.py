# SPDX-License-Identifier: Apache-2.0
"""Cases that differ by nesting, sharing, frozen parts, names or the dialect of their config."""
import json
import tempfile

import h5py
import keras
import tensorflow as tf
import tf_keras
from model_registry import case, only


@case
def attention_frozen_nested(k):
    x = k.Input((6, 4))
    y = k.layers.MultiHeadAttention(1, 2, name="mha")(x, x)
    y = k.layers.BatchNormalization(name="bn")(k.layers.Dense(3, name="after")(y))
    inner = k.Model(x, y, name="block")
    inner.get_layer("mha").trainable = False
    x = k.Input((6, 4))
    return k.Model(x, k.layers.Dense(1, name="top")(inner(x)))


@case
def spectral_nested_frozen(k):
    inner = k.Sequential([k.Input((4,)), k.layers.SpectralNormalization(k.layers.Dense(4, name="d"), name="sn"),
                          k.layers.BatchNormalization(), k.layers.Dense(3, name="e")], name="inner")
    inner.layers[0].trainable = False
    return k.Sequential([k.Input((4,)), inner, k.layers.Dense(2)])


@case
def spectral_nested(k):
    inner = k.Sequential([k.Input((4,)), k.layers.SpectralNormalization(k.layers.Dense(4, name="d"), name="sn"),
                          k.layers.BatchNormalization(), k.layers.Dense(3, name="e")], name="inner")
    return k.Sequential([k.Input((4,)), inner, k.layers.Dense(2)])


@case
def nested_frozen_middle(k):
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(5, name="d1"), k.layers.BatchNormalization(name="bn"),
                          k.layers.Dense(3, name="d2")], name="inner")
    inner.layers[0].trainable = False
    return k.Sequential([k.Input((4,)), inner, k.layers.Dense(2, name="out")])


@case
def nested_frozen_whole(k):
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(5, name="d1"), k.layers.BatchNormalization(name="bn"),
                          k.layers.Dense(3, name="d2")], name="inner")
    inner.trainable = False
    return k.Sequential([k.Input((4,)), k.layers.Dense(4, name="stem"), inner, k.layers.Dense(2, name="out")])


@case
def nested_frozen_but_one(k):
    i = k.Input((4,))
    x = k.layers.BatchNormalization(name="bn")(k.layers.Dense(5, name="d1")(i))
    mid = k.Model(i, k.layers.Dense(3, name="d2")(x), name="mid")
    mid.trainable = False
    mid.get_layer("d2").trainable = True
    i = k.Input((4,))
    outer = k.Model(i, k.layers.BatchNormalization(name="obn")(mid(i)), name="outer")
    i = k.Input((4,))
    return k.Model(i, k.layers.Dense(2, name="out")(outer(i)))


@case
def frozen_from_the_start(k):
    inner = k.Sequential([k.Input((4,)), k.layers.BatchNormalization(name="bn", trainable=False),
                          k.layers.Dense(3, name="d", trainable=False), k.layers.Dense(2, name="e"),
                          k.layers.BatchNormalization(name="bn2")], name="inner")
    return k.Sequential([k.Input((4,)), inner, k.layers.Dense(2, name="out", trainable=False)])


@case
def frozen_wrappers(k):
    x = k.Input((5, 3))
    y = k.layers.Bidirectional(k.layers.LSTM(2, return_sequences=True), name="bi")(x)
    y = k.layers.TimeDistributed(k.layers.BatchNormalization(), name="td")(y)
    inner = k.Model(x, k.layers.GRU(2, name="gru")(y), name="inner")
    inner.get_layer("bi").trainable = False
    inner.get_layer("td").trainable = False
    x = k.Input((5, 3))
    return k.Model(x, k.layers.Dense(1, name="out")(inner(x)))


@case
def nested_three_levels(k):
    def block(name, n):
        return k.Sequential([k.Input((4,)), k.layers.Dense(4, name=name + "_d"), k.layers.BatchNormalization(name=name + "_bn")],
                            name=name)
    i = k.Input((4,))
    low = block("low", 4)
    mid = k.Model(i, k.layers.Dense(4, name="mid_d")(low(i)), name="mid")
    i = k.Input((4,))
    high = k.Model(i, k.layers.BatchNormalization(name="high_bn")(mid(block("side", 4)(i))), name="high")
    mid.get_layer("mid_d").trainable = False
    i = k.Input((4,))
    return k.Model(i, k.layers.Dense(2, name="out")(high(i)))


@case
def shared_twice(k):
    d = k.layers.Dense(4, name="shared")
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    x = k.layers.Concatenate(name="cat")([d(a), d(k.layers.Dense(4, name="pre")(b))])
    return k.Model([a, b], k.layers.Dense(1, name="out")(x))


@case
def shared_at_two_depths(k):
    d, e = k.layers.Dense(4, name="d"), k.layers.Dense(4, name="e")
    x = k.Input((4,), name="x")
    y = d(e(d(e(x))))
    return k.Model(x, k.layers.Dense(1, name="out")(y))


@case
def functional_called_twice(k):
    i = k.Input((4,), name="ni")
    tower = k.Model(i, k.layers.BatchNormalization(name="tbn")(k.layers.Dense(3, name="td")(i)), name="tower")
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    x = k.layers.Subtract(name="sub")([tower(b), tower(k.layers.Dense(4, name="pre")(a))])
    return k.Model([a, b], [k.layers.Dense(1, name="out")(x), tower(a)])


@case
def sequential_called_twice(k):
    tower = k.Sequential([k.Input((4,)), k.layers.Dense(4, name="td"), k.layers.Dense(4, name="te")], name="tower")
    late = k.Sequential([k.layers.Dense(4, name="ld")], name="late")
    a = k.Input((4,), name="a")
    x = tower(late(tower(a)))
    return k.Model(a, [late(x), k.layers.Dense(1, name="out")(x)])


@case
def crossing_branches(k):
    a, b = k.Input((3,), name="a"), k.Input((3,), name="b")
    a1, b1 = k.layers.Dense(3, name="a1")(a), k.layers.Dense(3, name="b1")(b)
    b2 = k.layers.Dense(3, name="b2")(b1)
    x = k.layers.Add(name="x")([b2, a1])
    a2 = k.layers.Dense(3, name="a2")(k.layers.Multiply(name="m")([a1, b1]))
    y = k.layers.Concatenate(name="y")([a2, x, b])
    return k.Model([b, a], [k.layers.Dense(1, name="o2")(x), k.layers.Dense(2, name="o1")(y)])


@case
def unused_input(k):
    a, b, c = k.Input((3,), name="a"), k.Input((3,), name="b"), k.Input((3,), name="c")
    x = k.layers.Dense(2, name="d")(b)
    return k.Model([a, b, c], k.layers.Dense(2, name="e")(x))


@case
def residual_net(k):
    x = k.Input((8, 8, 2))
    y = k.layers.Conv2D(4, 3, padding="same")(x)
    for i in range(2):
        s = k.layers.Conv2D(4, 1, name=f"skip{i}")(y)
        y = k.layers.Conv2D(4, 3, padding="same", name=f"left{i}")(y)
        y = k.layers.ReLU()(k.layers.BatchNormalization(name=f"bn{i}")(y))
        y = k.layers.Add()([s, y])
    y = k.layers.GlobalAveragePooling2D()(y)
    return k.Model(x, k.layers.Dense(2)(k.layers.Dropout(0.1)(y)))


@case
def dict_inputs(k):
    a, b = k.Input((3,), name="zeta"), k.Input((3,), name="alpha")
    x = k.layers.Concatenate(name="cat")([k.layers.Dense(2, name="da")(a), k.layers.Dense(2, name="db")(b)])
    return k.Model({"zeta": a, "alpha": b}, {"two": k.layers.Dense(1, name="o2")(x), "one": k.layers.Dense(1, name="o1")(x)})


@case
def initial_state(k):
    x, s = k.Input((5, 2), name="x"), k.Input((3,), name="s")
    h = k.layers.Dense(4, name="h")(k.layers.Dense(3, name="pre")(s))
    c = k.layers.Dense(4, name="c")(s)
    seq, st, _ = k.layers.LSTM(4, return_sequences=True, return_state=True, name="enc")(x, initial_state=[h, c])
    return k.Model([x, s], k.layers.GRU(4, name="dec")(seq, initial_state=k.layers.Dense(4, name="mid")(st)))


@only("tf_keras")
def slash_names(k):
    i = k.Input((3,), name="ni")
    inner = k.Model(i, k.layers.Dense(2, name="deep/er")(i), name="in/ner")
    x = k.Input((3,), name="x")
    y = k.layers.Dense(3, name="block/conv")(k.layers.Dense(2, name="block")(x))
    return k.Model(x, inner(k.layers.LSTM(3, name="block/rnn/a")(k.layers.Reshape((1, 3), name="r")(y))))


@only("keras3")
def odd_names(k):
    x = k.Input((3,), name="in put")
    y = k.layers.Dense(2, name="per%cent")(k.layers.Dense(2, name="a.b-c")(x))
    return k.Model(x, k.layers.Dense(2, name="größe")(y), name="odd model")


@case
def numbering(k):
    # Default numbers of names differ from the numbers of the keys.
    layers = [k.layers.Dense(3, name=f"dense_{n}") for n in (9, 3, 7)]
    return k.Sequential([k.Input((3,)), *layers, k.layers.ReLU(name="dense"), k.layers.LeakyReLU(), k.layers.ReLU()])


@case
def subclass_functional(k):
    class MyNet(k.Model):
        pass
    i = k.Input((3,))
    inner = MyNet(i, k.layers.Dense(2, name="d")(i), name="inner")
    i = k.Input((3,))
    return MyNet(i, k.layers.Dense(1, name="e")(inner(k.layers.Dense(3, name="f")(i))), name="mine")


@case
def unbuilt_input_sequential(k):
    m = k.Sequential([k.layers.Dense(3, name="a"), k.Sequential([k.layers.Dense(2, name="b"), k.layers.Dense(2, name="c")])])
    m.build((None, 4))
    return m


@case
def applications_block(k):
    # The start of a mobile network: depthwise, batch normalization, squeeze and excitation.
    x = k.Input((16, 16, 3))
    y = k.layers.Conv2D(4, 3, strides=2, use_bias=False, name="stem_conv")(x)
    y = k.layers.BatchNormalization(name="stem_bn")(y)
    z = k.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="dwconv")(y)
    s = k.layers.Reshape((1, 1, 4), name="se_reshape")(k.layers.GlobalAveragePooling2D(name="se_squeeze")(z))
    s = k.layers.Conv2D(4, 1, name="se_expand")(k.layers.Conv2D(2, 1, name="se_reduce")(s))
    z = k.layers.Multiply(name="se_excite")([z, s])
    return k.Model(x, k.layers.Add(name="add")([z, y]))


@only("keras3")
def ops_between(k):
    from keras import ops
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    x = k.layers.Dense(4, name="d1")(a)
    y = ops.relu(ops.add(b, x)) * 2.0
    z = k.layers.Dense(4, name="d2")(ops.concatenate([y, ops.expand_dims(x, 0)[0]], axis=-1))
    w = k.layers.Dense(4, name="d0")(b)
    return k.Model([a, b], ops.matmul(z, ops.transpose(w)) + ops.sum(k.layers.Dense(1, name="d3")(w)))


@only("keras3")
def ops_as_keyword(k):
    from keras import ops
    x, m = k.Input((5, 4), name="x"), k.Input((5,), name="m", dtype="bool")
    y = k.layers.MultiHeadAttention(1, 2, name="att")(query=k.layers.Dense(4, name="q")(x), value=k.layers.Dense(4, name="v")(x),
                                                     attention_mask=ops.expand_dims(m, 1))
    return k.Model([m, x], k.layers.Add()([y, ops.where(y > 0, y, x)]))


@only("tf_keras")
def tf_operations(k):
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    x = k.layers.Dense(4, name="d1")(a)
    y = tf.nn.relu(tf.add(b, x)) * 2.0
    z = k.layers.Dense(4, name="d2")(tf.concat([y, x[:, 1:]], axis=-1))
    return k.Model([a, b], [z - k.layers.Dense(4, name="d0")(b), tf.reduce_sum(x)])


@case
def shared_with_nested(k):
    d = k.layers.Dense(4, name="shared")
    i = k.Input((4,), name="ni")
    nested = k.Model(i, k.layers.Dense(4, name="own")(d(i)), name="nested")
    x = k.Input((4,), name="x")
    return k.Model(x, d(nested(d(x))))


@only("keras3")
def shared_ids(k):
    # The .keras dialect marks objects met twice.
    model = shared_with_nested(k)
    from keras.src.saving import saving_lib
    model.dialect = lambda: saving_lib._serialize_model_as_json(model)[0]
    return model


def from_h5(model):
    path = tempfile.mktemp(suffix=".h5")
    model.save(path)
    with h5py.File(path) as file:
        return file.attrs["model_config"]


@case
def whole_h5_dialect(k):
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(4, name="d1"), k.layers.BatchNormalization(name="bn")], name="inner")
    d = k.layers.Dense(4, name="shared")
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    x = inner(d(a))
    y = x + 1.0 if k is tf_keras else keras.ops.add(x, 1.0)
    model = k.Model([a, b], k.layers.Add(name="sum")([inner(d(b)), y]))
    model.dialect = lambda: from_h5(model)
    return model


@only("tf_keras")
def keras2_list(k):
    # Keras before 2.2: the config of a Sequential is the list of its layers, and there is no InputLayer.
    model = k.Sequential([k.layers.Dense(4, input_shape=(3,), name="dense_1"), k.layers.Dropout(0.5, name="dropout_1"),
                          k.layers.Dense(2, name="dense_2")])

    def dialect():
        config = json.loads(model.to_json())
        layers = config["config"]["layers"][1:]
        layers[0]["config"]["batch_input_shape"] = [None, 3]
        for layer in layers:
            for key in ("module", "registered_name", "build_config"):
                layer.pop(key, None)
        return json.dumps({"class_name": "Sequential", "config": layers, "keras_version": "2.1.6", "backend": "tensorflow"})
    model.dialect = dialect
    return model
