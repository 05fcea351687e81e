# SPDX-License-Identifier: Apache-2.0
"""More of what test_migrate_scores.py builds: the rest of the arguments, the classes and the graphs. {name: builder}."""

import numpy as np
from frameworks import tf, tf_keras as k
from migrate_cases import CUBE, IMAGE, SERIES, VECTOR, WORDS, chain, over

L = k.layers
DOCUMENTS = ["the cat", "the dog sat", "a cat sat", "dog"]


def plain():
    """(shape, class, arguments) without anything that must be made anew for each model."""
    yield from ((VECTOR, "Dense", {"units": 3, "activation": name}) for name in ("relu", "sigmoid", "leaky_relu", "silu", "exponential"))
    yield from ((VECTOR, "Dense", {"units": 3, "kernel_initializer": one}) for one in (
        "zeros", "glorot_normal", "he_uniform", "lecun_normal", "random_normal", "random_uniform", "truncated_normal", "identity"))
    yield from ((VECTOR, "Dense", {"units": 3, "kernel_regularizer": one}) for one in (
        "l1", "l1_l2", k.regularizers.OrthogonalRegularizer(0.1), k.regularizers.L2(0.2)))
    yield from ((VECTOR, "Dense", {"units": 3, "kernel_constraint": one}) for one in (
        "non_neg", "unit_norm", k.constraints.MinMaxNorm(0.1, 1.0, 0.5)))
    yield from ((VECTOR, "Dense", {"units": 3, **more}) for more in (
        {"activity_regularizer": "l2"}, {"bias_initializer": k.initializers.Constant(0.3)}, {"trainable": False},
        {"kernel_initializer": k.initializers.Orthogonal(2.0, seed=1)}, {"bias_constraint": "non_neg"}, {"dtype": "float64"}))
    for activation in ("hard_sigmoid", "swish", "gelu", "softmax", "softplus", "tanh", "relu6", "mish", "selu", "leaky_relu", "linear"):
        yield VECTOR, "Activation", {"activation": activation}
    for name, shape in (("Conv1D", SERIES), ("Conv2D", IMAGE), ("Conv3D", CUBE)):
        for more in ({"use_bias": False}, {"padding": "same", "strides": 2}, {"dilation_rate": 2}, {"activation": "hard_sigmoid"}):
            yield shape, name, {"filters": 2, "kernel_size": 2, **more}
    yield SERIES, "Conv1D", {"filters": 2, "kernel_size": 2, "groups": 2}
    for name, shape in (("Conv1DTranspose", SERIES), ("Conv2DTranspose", IMAGE), ("Conv3DTranspose", CUBE)):
        yield shape, name, {"filters": 2, "kernel_size": 2, "strides": 3, "padding": "same"}
    for name, shape in (("DepthwiseConv1D", SERIES), ("DepthwiseConv2D", IMAGE)):
        yield shape, name, {"kernel_size": 2, "depth_multiplier": 2, "padding": "same", "use_bias": False}
        yield shape, name, {"kernel_size": 2, "depthwise_regularizer": "l2", "activation": "relu"}
    for name, shape in (("SeparableConv1D", SERIES), ("SeparableConv2D", IMAGE)):
        yield shape, name, {"filters": 3, "kernel_size": 2, "depth_multiplier": 2, "padding": "same", "use_bias": False}
        yield shape, name, {"filters": 3, "kernel_size": 2, "pointwise_regularizer": "l1", "depthwise_constraint": "max_norm"}
    for name in ("AveragePooling2D", "MaxPooling2D"):
        yield IMAGE, name, {"pool_size": (3, 2), "strides": (2, 1), "padding": "valid"}
    yield IMAGE, "UpSampling2D", {"interpolation": "lanczos3"}
    yield IMAGE, "UpSampling2D", {"interpolation": "area"}
    yield IMAGE, "ZeroPadding2D", {"padding": ((1, 0), (2, 3))}
    yield IMAGE, "Cropping2D", {"cropping": ((1, 0), (2, 1))}
    yield CUBE, "Cropping3D", {"cropping": 2}
    for more in ({"axis": 1}, {"momentum": 0.5}, {"scale": False, "center": False}, {"beta_regularizer": "l2"}, {"renorm": True}):
        yield IMAGE, "BatchNormalization", more
    yield IMAGE, "BatchNormalization", {"synchronized": True}
    yield IMAGE, "LayerNormalization", {"axis": -2, "epsilon": 0.1}
    yield IMAGE, "GroupNormalization", {"groups": -1}
    yield IMAGE, "GroupNormalization", {"groups": 4, "scale": False}
    yield IMAGE, "UnitNormalization", {"axis": [1, 2]}
    yield IMAGE, "Normalization", {"axis": None, "mean": 0.5, "variance": 2.0, "invert": True}
    yield VECTOR, "ELU", {"alpha": 0.5}
    yield VECTOR, "LeakyReLU", {"alpha": 0.0}
    yield VECTOR, "ThresholdedReLU", {}
    yield SERIES, "Softmax", {"axis": [1, 2]}
    yield SERIES, "Masking", {"mask_value": 0.5}
    for more in ({"interpolation": "bicubic"}, {"interpolation": "area"}, {"interpolation": "lanczos5"}, {"interpolation": "lanczos3"}):
        yield IMAGE, "Resizing", {"height": 5, "width": 6, **more}
    yield IMAGE, "RandomTranslation", {"height_factor": (-0.1, 0.2), "width_factor": 0.1, "fill_mode": "constant", "fill_value": 0.5}
    yield IMAGE, "RandomZoom", {"height_factor": 0.1, "width_factor": (0.1, 0.2), "interpolation": "nearest"}
    yield IMAGE, "Rescaling", {"scale": 0.1}
    for name in ("LSTM", "GRU", "SimpleRNN"):
        for more in ({"return_state": True}, {"unroll": True}, {"use_bias": False}, {"recurrent_dropout": 0.2}, {"activation": "hard_sigmoid"},
                     {"kernel_regularizer": "l2", "recurrent_constraint": "max_norm"}):
            yield SERIES, name, {"units": 3, **more}
    yield SERIES, "LSTM", {"units": 3, "unit_forget_bias": False, "recurrent_initializer": "glorot_uniform"}
    yield SERIES, "LSTM", {"units": 3, "implementation": 1, "activation": "relu", "time_major": False}
    yield SERIES, "GRU", {"units": 3, "implementation": 1, "recurrent_activation": "hard_sigmoid"}
    yield (3, 6, 2), "ConvLSTM1D", {"filters": 2, "kernel_size": 2, "recurrent_activation": "sigmoid"}
    yield (3, 6, 6, 2), "ConvLSTM2D", {"filters": 2, "kernel_size": 2, "padding": "same", "return_state": True}
    yield (2, 4, 4, 4, 2), "ConvLSTM3D", {"filters": 2, "kernel_size": 2, "dropout": 0.1}
    yield SERIES, "EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 3), "activation": "relu"}
    yield VECTOR, "GaussianDropout", {"rate": 0.1}
    yield VECTOR, "ActivityRegularization", {"l2": 0.2}


def layers():
    found = {}
    for shape, name, given in plain():
        number = len([key for key in found if key.startswith(name + "+")])
        found[f"{name}+{number}"] = over(shape, lambda name=name, given=given: getattr(L, name)(**given))
    return found | wrapped() | words() | {
        "Lambda": over(VECTOR, lambda: L.Lambda(lambda x: x)), "LocallyConnected1D": over(SERIES, lambda: L.LocallyConnected1D(2, 2)),
        "LocallyConnected2D": over(IMAGE, lambda: L.LocallyConnected2D(2, 2)), "RandomHeight": over(IMAGE, lambda: L.RandomHeight(0.1)),
        "RandomWidth": over(IMAGE, lambda: L.RandomWidth(0.1)), "RandomCrop": over(IMAGE, lambda: L.RandomCrop(4, 4)),
        "UpSampling2D-gaussian": over(IMAGE, lambda: L.UpSampling2D(interpolation="gaussian")),
        "Resizing-mitchellcubic": over(IMAGE, lambda: L.Resizing(4, 4, "mitchellcubic")),
        "BatchNormalization-axes": over(IMAGE, lambda: L.BatchNormalization(axis=[1, 2])),
        "RadialConstraint": over(IMAGE, lambda: L.Conv2D(2, 3, kernel_constraint=k.constraints.RadialConstraint())),
        "activation-lambda": over(VECTOR, lambda: L.Dense(2, activation=lambda x: x * 2.0)),
        "empty-model": lambda: k.Sequential([k.Input((3,)), k.Sequential([], name="nothing"), L.Dense(2)]),
        "Dense-none": over(VECTOR, lambda: L.Dense(0)),
        "Subtract": lambda: pair(L.Subtract()), "Dot-axes": lambda: pair(L.Dot(axes=(1, 1))),
        "Concatenate-axis": lambda: pair(L.Concatenate(axis=0)), "Attention-dropout": lambda: attention(L.Attention(dropout=0.1)),
        "AdditiveAttention-plain": lambda: attention(L.AdditiveAttention(use_scale=False))}


def wrapped():
    return {
        "Bidirectional+hard": over(SERIES, lambda: L.Bidirectional(L.LSTM(3, recurrent_activation="hard_sigmoid"))),
        "Bidirectional+states": over(SERIES, lambda: L.Bidirectional(L.GRU(3, return_state=True, return_sequences=True))),
        "Bidirectional+rnn": over(SERIES, lambda: L.Bidirectional(L.RNN(L.LSTMCell(3)))),
        "Bidirectional+convolution": over((3, 6, 6, 2), lambda: L.Bidirectional(L.ConvLSTM2D(2, 2))),
        "TimeDistributed+conv": over((3, 6, 6, 2), lambda: L.TimeDistributed(L.Conv2D(2, 2, activation="hard_sigmoid"))),
        "TimeDistributed+lstm": over((3, 6, 2), lambda: L.TimeDistributed(L.LSTM(2))),
        "RNN+hard": over(SERIES, lambda: L.RNN(L.LSTMCell(3, recurrent_activation="hard_sigmoid"))),
        "RNN+hard-gru": over(SERIES, lambda: L.RNN(L.GRUCell(3, recurrent_activation="hard_sigmoid", reset_after=False))),
        "RNN+hard-stack": over(SERIES, lambda: L.RNN([L.LSTMCell(3, recurrent_activation="hard_sigmoid"), L.GRUCell(2)])),
        "RNN+simple": over(SERIES, lambda: L.RNN(L.SimpleRNNCell(3, dropout=0.1), return_state=True, go_backwards=True)),
        "SpectralNormalization+conv": over(IMAGE, lambda: L.SpectralNormalization(L.Conv2D(2, 2), power_iterations=2))}


def words():
    """Layers of text and categories; those that were fitted lie in .keras files, which hold vocabularies."""
    def looked_up(make, dtype="string", fit=None):
        def build():
            layer = make()
            if fit is not None:
                layer.adapt(fit)
            return chain((1,), layer, dtype=dtype)
        return build

    found = {"Embedding+0": lambda: chain(WORDS, L.Embedding(9, 3, embeddings_regularizer="l2", embeddings_constraint="non_neg"), dtype="int32"),
             "Discretization+adapted": looked_up(lambda: L.Discretization(num_bins=4), "float32", np.linspace(-1, 3, 50)[:, None]),
             "Discretization+many": looked_up(lambda: L.Discretization(num_bins=3, epsilon=0.1, output_mode="one_hot"), "float32",
                                              np.random.default_rng(5).normal(size=(500, 1))),
             "Discretization+given": looked_up(lambda: L.Discretization([0.1, 0.6], output_mode="one_hot"), "float32"),
             "HashedCrossing+0": crossing, "Hashing+0": looked_up(lambda: L.Hashing(7, mask_value="", salt=[1, 2])),
             "Normalization+adapted": looked_up(lambda: L.Normalization(), "float32", np.linspace(-1, 3, 50)[:, None]),
             "StringLookup+given": looked_up(lambda: L.StringLookup(vocabulary=["cat", "dog"])),
             "StringLookup+inverse": looked_up(lambda: L.StringLookup(vocabulary=["cat", "dog"], invert=True), "int64"),
             "StringLookup+fitted": looked_up(lambda: L.StringLookup(), fit=["cat", "dog", "cat"]),
             "StringLookup+tf_idf": looked_up(lambda: L.StringLookup(output_mode="tf_idf"), fit=[["cat", "dog"], ["cat", "a"]]),
             "StringLookup+masked": looked_up(lambda: L.StringLookup(mask_token="", num_oov_indices=2), fit=["cat", "dog", "cat"]),
             "IntegerLookup+fitted": looked_up(lambda: L.IntegerLookup(), "int64", [1, 2, 2]),
             "IntegerLookup+hot": looked_up(lambda: L.IntegerLookup(vocabulary=[1, 2], output_mode="one_hot"), "int64"),
             "CategoryEncoding+0": looked_up(lambda: L.CategoryEncoding(4, "one_hot"), "int32"),
             "CategoryEncoding+count": looked_up(lambda: L.CategoryEncoding(4, "count"), "int32")}
    for mode in ("int", "multi_hot", "count", "tf_idf"):
        found[f"TextVectorization+{mode}"] = looked_up(lambda mode=mode: L.TextVectorization(output_mode=mode), fit=DOCUMENTS)
    found["TextVectorization+given"] = looked_up(lambda: L.TextVectorization(vocabulary=["cat", "dog"], output_sequence_length=3))
    found["TextVectorization+idf"] = looked_up(lambda: L.TextVectorization(
        output_mode="tf_idf", vocabulary=["cat", "dog"], idf_weights=[0.5, 1.5]))
    found["TextVectorization+ngrams"] = looked_up(lambda: L.TextVectorization(ngrams=2, standardize="lower", split="character"), fit=DOCUMENTS)
    return found


FITTED = ("fitted", "tf_idf", "masked", "int", "multi_hot", "count", "ngrams")


def form_of(case):
    """`.h5` cannot hold a vocabulary that was fitted."""
    name, _, what = case.partition("+")
    return "keras" if name in ("StringLookup", "IntegerLookup", "TextVectorization") and what in FITTED else "h5"


def crossing():
    a, b = k.Input((1,), dtype="string"), k.Input((1,), dtype="string")
    return k.Model([a, b], L.HashedCrossing(5)((a, b)))


def pair(layer):
    a, b = k.Input(VECTOR), k.Input(VECTOR)
    return k.Model([a, b], layer([a, b]))


def attention(layer):
    a, b, c = k.Input(SERIES), k.Input(SERIES), k.Input(SERIES)
    return k.Model([a, b, c], layer([a, b, c]))


def functions():
    return {
        "reduce_any": lambda x, y: tf.cast(tf.reduce_any(x > 0.5, axis=1), "float32"),
        "reduce_all": lambda x, y: tf.cast(tf.reduce_all(x > 0.3, axis=1), "float32"),
        "reduce_std-axis": lambda x, y: tf.math.reduce_std(x, axis=[1, 2]), "logsumexp-axis": lambda x, y: tf.reduce_logsumexp(x, axis=-1),
        "logical_not": lambda x, y: tf.cast(tf.logical_not(x > 0.5), "float32"), "acosh": lambda x, y: tf.math.acosh(x + 1.0),
        "argmax-axis": lambda x, y: tf.argmax(x, axis=-1), "argmin-type": lambda x, y: tf.argmin(x, axis=1, output_type="int32"),
        "cumsum-axis": lambda x, y: tf.cumsum(x, axis=1), "matmul-plain": lambda x, y: tf.matmul(x, tf.transpose(y, (0, 2, 1))),
        "matmul-operator": lambda x, y: x @ tf.transpose(y, (0, 2, 1)), "power-reflected": lambda x, y: 2.0 ** x,
        "divide-int": lambda x, y: tf.cast(x * 9.0, "int32") // 2, "greater-operator": lambda x, y: tf.cast(x > y, "float32"),
        "less-operator": lambda x, y: tf.cast(x <= 0.5, "float32"), "and-operator": lambda x, y: tf.cast((x > 0.3) & (y > 0.3), "float32"),
        "or-operator": lambda x, y: tf.cast((x > 0.5) | (y > 0.5), "float32"), "not-operator": lambda x, y: tf.cast(~(x > 0.5), "float32"),
        "slice-mixed": lambda x, y: x[:, 1:, None, ::2], "slice-negative": lambda x, y: x[:, -3:-1, ::-1],
        "slice-dots-new": lambda x, y: x[..., None], "slice-two": lambda x, y: x[:, 1, 2], "slice-batch": lambda x, y: x[0],
        "gather-tensor": lambda x, y: tf.gather(x, tf.constant([[0, 1], [2, 3]]), axis=2), "pad-symmetric": lambda x, y: tf.pad(x, [[0, 0], [1, 1], [0, 0]], "SYMMETRIC"),
        "norm-keep": lambda x, y: tf.norm(x, ord=1, axis=1, keepdims=True), "where-constant": lambda x, y: tf.where(x > 0.5, 1.0, 0.0),
        "concat-axis": lambda x, y: tf.concat([x, y, x], 1), "split-first": lambda x, y: tf.split(x, 3, axis=1)[0],
        "mean-backend-keep": lambda x, y: k.backend.mean(x, axis=[1, 2], keepdims=True), "sum-backend": lambda x, y: k.backend.sum(x, axis=-1),
        "softmax-axis": lambda x, y: tf.nn.softmax(x, axis=1), "backend-abs": lambda x, y: k.backend.abs(-x),
        "backend-max": lambda x, y: k.backend.max(x, axis=1), "backend-square": lambda x, y: k.backend.square(x),
        "backend-stack": lambda x, y: k.backend.stack([x, y]), "backend-expand": lambda x, y: k.backend.expand_dims(x, 1),
        "activation-elu": lambda x, y: k.activations.elu(x - 0.5),
        "activation-selu": lambda x, y: k.activations.selu(x - 0.5), "activation-mish": lambda x, y: k.activations.mish(x),
        "activation-exponential": lambda x, y: k.activations.exponential(x), "activation-leaky": lambda x, y: k.activations.relu(x - 0.5, alpha=0.1),
        "activation-threshold": lambda x, y: k.activations.relu(x, threshold=0.4)}


# What Keras 3 has no counterpart for, with a word of what the tool says; and what it has said it computes otherwise.
REFUSED = {"Lambda": "it holds code", "LocallyConnected1D": "no such class", "LocallyConnected2D": "no such class",
           "RandomHeight": "no such class", "RandomWidth": "no such class", "UpSampling2D-gaussian": "gaussian",
           "Resizing-mitchellcubic": "mitchellcubic", "BatchNormalization-axes": "one axis", "RadialConstraint": "RadialConstraint",
           "activation-lambda": "code without a name", "Dense-none": "units = 0"}
CHANGED = {"RandomCrop": "at inference Keras 2 resizes and crops"}


def deep():
    entry = k.Input((4,), name="i")
    x = entry
    for number in range(12):
        x = L.Dense(4, name=f"d{11 - number}", activation="tanh")(x)
    return k.Model(entry, x)


def residual():
    x = entry = k.Input((8, 8, 3))
    for number in range(2):
        y = L.BatchNormalization(name=f"b{number}/norm")(L.Conv2D(3, 3, padding="same", name=f"b{number}/conv")(x))
        x = L.Activation("relu")(L.Add(name=f"b{number}/add")([x, y]))
    return k.Model(entry, L.GlobalAveragePooling2D()(x))


def partly_frozen():
    entry = k.Input((4,))
    inner = k.Sequential([L.Dense(4), L.BatchNormalization(), L.Dense(4)], name="part")
    out = L.Dense(2)(inner(entry))
    inner.layers[1].trainable = False
    return k.Model(entry, out)


def shared_inner():
    dense, entry = L.Dense(4, name="one"), k.Input((4,))
    inner = k.Model(entry, dense(dense(entry)), name="inner")
    top = k.Input((4,))
    return k.Model(top, L.Add()([inner(top), dense(top)]))


def multi_head():
    entry = k.Input((5, 4))
    y, scores = L.MultiHeadAttention(2, 2)(entry, entry, return_attention_scores=True)
    return k.Model(entry, [L.LayerNormalization()(entry + y), scores])


def dictionary_call():
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    inner = k.Model({"a": a, "b": b}, L.Concatenate()([a, b]), name="inner")
    c, d = k.Input((4,), name="c"), k.Input((4,), name="d")
    return k.Model([c, d], inner({"a": c, "b": L.Dense(4)(d)}))


def nested_outputs():
    a = k.Input((4,))
    inner = k.Model(a, [L.Dense(3)(a), L.Dense(2)(a)], name="two")
    b = k.Input((4,))
    left, right = inner(b)
    return k.Model(b, {"left": L.Dense(2, name="l")(left), "right": right})


def embeddings():
    a, b = k.Input((5,), dtype="int32"), k.Input((1,), dtype="int32")
    table = L.Embedding(9, 4)
    return k.Model([a, b], L.Dot(axes=2)([table(a), table(b)]))


def autoencoder():
    a = k.Input((8,))
    encoder = k.Sequential([L.Dense(4, "relu", input_shape=(8,)), L.Dense(2)], name="encoder")
    decoder = k.Sequential([L.Dense(4, "relu", input_shape=(2,)), L.Dense(8, "sigmoid")], name="decoder")
    return k.Model(a, decoder(encoder(a)))


def training_flag():
    a, layer = k.Input((4,)), L.BatchNormalization()
    return k.Model(a, L.Dropout(0.5)(layer(a, training=False), training=False))


def masked_attention():
    a = k.Input((5,), dtype="int32")
    x = L.Embedding(9, 4, mask_zero=True)(a)
    return k.Model(a, L.GlobalAveragePooling1D()(L.Attention()([x, x])))


def sequential_models():
    return k.Sequential([k.Sequential([L.Dense(3, input_shape=(4,)), L.BatchNormalization()], name="a"),
                         k.Sequential([L.Dense(2), L.Activation("hard_sigmoid")], name="b")])


GRAPHS = {"deep": deep, "residual": residual, "partly_frozen": partly_frozen, "shared_inner": shared_inner, "multi_head": multi_head,
          "dictionary_call": dictionary_call, "nested_outputs": nested_outputs, "embeddings": embeddings, "autoencoder": autoencoder,
          "training_flag": training_flag, "masked_attention": masked_attention, "sequential_models": sequential_models}
