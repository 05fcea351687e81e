# SPDX-License-Identifier: Apache-2.0
"""What test_migrate.py builds in tf_keras: layer classes and arguments, tf functions, graphs. {name: builder}."""

from frameworks import tf, tf_keras as k

L = k.layers
IMAGE, SERIES, CUBE, VECTOR, WORDS = (8, 8, 4), (6, 4), (6, 6, 6, 2), (6,), (5,)


def chain(shape, *layers, dtype="float32"):
    """A functional model of layers in a row."""
    x = entry = k.Input(shape, dtype=dtype, name="entry")
    for layer in layers:
        x = layer(x)
    return k.Model(entry, x)


def over(shape, layer):
    return lambda: chain(shape, layer())


def layers():
    found = {}

    def add(shape, name, *arguments):
        for i, given in enumerate(arguments or ({},)):
            found[f"{name}-{i}"] = over(shape, lambda given=given: getattr(L, name)(
                **{key: value() if callable(value) and key in ("layer", "cell") else value for key, value in given.items()}))

    add(VECTOR, "Dense", {"units": 3}, {"units": 3, "activation": "hard_sigmoid"}, {"units": 3, "activation": "swish"},
        {"units": 3, "activation": L.LeakyReLU(0.1)}, {"units": 3, "kernel_regularizer": "l2", "use_bias": False},
        {"units": 3, "kernel_initializer": k.initializers.VarianceScaling(2.0, seed=1),
         "kernel_constraint": k.constraints.MaxNorm(1.0), "bias_regularizer": k.regularizers.L1L2(0.1, 0.2)},
        *[{"units": 3, "activation": name} for name in ("elu", "selu", "softplus", "softsign", "exponential", "gelu", "mish",
                                                        "relu6", "tanh", "linear", "softmax")],
        *[{"units": 3, "kernel_initializer": name} for name in ("orthogonal", "he_normal", "lecun_uniform", "ones")])
    add(IMAGE, "Conv2D", {"filters": 4, "kernel_size": 3},
        {"filters": 4, "kernel_size": 3, "groups": 2, "strides": 2, "padding": "same"},
        {"filters": 4, "kernel_size": 3, "dilation_rate": 2, "activation": "relu"})
    add(IMAGE, "DepthwiseConv2D", {"kernel_size": 3}, {"kernel_size": 3, "depth_multiplier": 2, "strides": 2})
    add(IMAGE, "SeparableConv2D", {"filters": 3, "kernel_size": 3}, {"filters": 3, "kernel_size": 3, "depth_multiplier": 2})
    add(IMAGE, "Conv2DTranspose", {"filters": 3, "kernel_size": 3},
        {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1})
    add(SERIES, "Conv1D", {"filters": 3, "kernel_size": 2}, {"filters": 3, "kernel_size": 2, "padding": "causal"})
    add(SERIES, "Conv1DTranspose", {"filters": 3, "kernel_size": 2, "strides": 2})
    add(SERIES, "SeparableConv1D", {"filters": 3, "kernel_size": 2})
    add(SERIES, "DepthwiseConv1D", {"kernel_size": 2})
    add(CUBE, "Conv3D", {"filters": 2, "kernel_size": 2})
    add(CUBE, "Conv3DTranspose", {"filters": 2, "kernel_size": 2})
    for size, shape in ((1, SERIES), (2, IMAGE), (3, CUBE)):
        for kind in ("AveragePooling", "MaxPooling"):
            add(shape, f"{kind}{size}D", {}, {"pool_size": 3, "strides": 1, "padding": "same"})
        for kind in ("GlobalAveragePooling", "GlobalMaxPooling"):
            add(shape, f"{kind}{size}D", {}, {"keepdims": True})
        add(shape, f"UpSampling{size}D")
        add(shape, f"ZeroPadding{size}D", {}, {"padding": 2})
        add(shape, f"Cropping{size}D")
        add(shape, f"SpatialDropout{size}D", {"rate": 0.5})
    add(IMAGE, "UpSampling2D", {"interpolation": "bilinear"}, {"interpolation": "bicubic", "size": 3})
    add(VECTOR, "BatchNormalization", {}, {"scale": False, "momentum": 0.9, "epsilon": 0.01}, {"center": False})
    add(IMAGE, "LayerNormalization", {}, {"axis": [1, 2]}, {"scale": False})
    add(IMAGE, "GroupNormalization", {"groups": 2})
    add(IMAGE, "UnitNormalization")
    add(VECTOR, "Normalization", {}, {"mean": 1.0, "variance": 2.0})
    add(VECTOR, "LeakyReLU", {}, {"alpha": 0.1})
    add(VECTOR, "ThresholdedReLU", {"theta": 0.5})
    add(VECTOR, "ReLU", {}, {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2})
    for name in ("PReLU", "ELU", "Softmax", "Flatten", "Masking", "Identity"):
        add(SERIES, name)
    add(SERIES, "Softmax", {"axis": 1})
    add(SERIES, "PReLU", {"shared_axes": [1]})
    for name in ("Dropout", "AlphaDropout", "GaussianDropout"):
        add(VECTOR, name, {"rate": 0.3})
    add(VECTOR, "Dropout", {"rate": 0.3, "noise_shape": (None, 1), "seed": 3})
    add(VECTOR, "GaussianNoise", {"stddev": 0.3})
    add(VECTOR, "Activation", {"activation": "hard_sigmoid"}, {"activation": "relu"})
    add(VECTOR, "ActivityRegularization", {"l1": 0.1})
    add(VECTOR, "Reshape", {"target_shape": (3, 2)}, {"target_shape": (-1, 2)})
    add(SERIES, "Permute", {"dims": (2, 1)})
    add(VECTOR, "RepeatVector", {"n": 3})
    add(VECTOR, "Rescaling", {"scale": 0.5, "offset": 1.0})
    add(IMAGE, "Resizing", {"height": 5, "width": 6}, {"height": 5, "width": 5, "crop_to_aspect_ratio": True},
        {"height": 5, "width": 6, "interpolation": "nearest"})
    add(IMAGE, "CenterCrop", {"height": 4, "width": 4})
    add(IMAGE, "RandomFlip")
    add(IMAGE, "RandomRotation", {"factor": 0.1})
    add(IMAGE, "RandomZoom", {"height_factor": 0.1})
    add(IMAGE, "RandomTranslation", {"height_factor": 0.1, "width_factor": 0.1})
    add(IMAGE, "RandomContrast", {"factor": 0.1})
    add(IMAGE, "RandomBrightness", {"factor": 0.1})
    for name in ("LSTM", "GRU", "SimpleRNN"):
        add(SERIES, name, {"units": 3}, {"units": 3, "return_sequences": True, "dropout": 0.1, "go_backwards": True})
    add(SERIES, "LSTM", {"units": 3, "recurrent_activation": "hard_sigmoid"}, {"units": 3, "implementation": 1, "unroll": True})
    add(SERIES, "GRU", {"units": 3, "reset_after": False, "recurrent_activation": "hard_sigmoid"}, {"units": 3, "reset_after": False})
    add((3, 6, 2), "ConvLSTM1D", {"filters": 2, "kernel_size": 2})
    add((3, 6, 6, 2), "ConvLSTM2D", {"filters": 2, "kernel_size": 2}, {"filters": 2, "kernel_size": 2, "return_sequences": True})
    add((2, 4, 4, 4, 2), "ConvLSTM3D", {"filters": 2, "kernel_size": 2})
    add(SERIES, "Bidirectional", *[{"layer": lambda: L.LSTM(3), "merge_mode": mode} for mode in ("sum", "mul", "ave", "concat", None)],
        {"layer": lambda: L.GRU(3, return_sequences=True), "backward_layer": L.LSTM(3, return_sequences=True, go_backwards=True)})
    add(SERIES, "TimeDistributed", {"layer": lambda: L.Dense(3)}, {"layer": lambda: k.Sequential([L.Dense(3), L.BatchNormalization()])})
    add(SERIES, "RNN", {"cell": lambda: L.LSTMCell(3)}, {"cell": lambda: [L.GRUCell(3), L.SimpleRNNCell(2)]},
        {"cell": lambda: L.StackedRNNCells([L.LSTMCell(3), L.LSTMCell(2)])})
    add(SERIES, "EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 3), "bias_axes": "d"})
    found["SpectralNormalization"] = over(VECTOR, lambda: L.SpectralNormalization(L.Dense(3)))
    found["Embedding"] = lambda: chain(WORDS, L.Embedding(9, 3, mask_zero=True), L.LSTM(2), dtype="int32")
    found["Embedding-length"] = lambda: chain(WORDS, L.Embedding(9, 3, input_length=5), dtype="int32")
    found["Discretization"] = over(VECTOR, lambda: L.Discretization(bin_boundaries=[0.2, 0.5]))
    found["CategoryEncoding"] = lambda: chain(WORDS, L.CategoryEncoding(9, output_mode="multi_hot"), dtype="int32")
    found["Hashing"] = lambda: chain(WORDS, L.Hashing(9), dtype="int32")
    found["IntegerLookup"] = lambda: chain(WORDS, L.IntegerLookup(vocabulary=[1, 2, 3]), dtype="int32")
    for name in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Subtract"):
        found[name] = lambda name=name: merge(getattr(L, name)())
    found["Dot"] = lambda: merge(L.Dot(axes=1, normalize=True))
    found["Attention"] = lambda: attend(L.Attention(use_scale=True))
    found["Attention-concat"] = lambda: attend(L.Attention(score_mode="concat"))
    found["AdditiveAttention"] = lambda: attend(L.AdditiveAttention())
    found["MultiHeadAttention"] = lambda: multi_head(L.MultiHeadAttention(2, 3))
    found["MultiHeadAttention-value"] = lambda: multi_head(L.MultiHeadAttention(2, 3, value_dim=2, output_shape=5, use_bias=False))
    return found


def merge(layer):
    a, b = k.Input(VECTOR), k.Input(VECTOR)
    return k.Model([a, b], layer([a, b]))


def attend(layer):
    a, b = k.Input(SERIES), k.Input(SERIES)
    return k.Model([a, b], layer([a, b]))


def multi_head(layer):
    a, b = k.Input(SERIES), k.Input(SERIES)
    return k.Model([a, b], layer(a, b, use_causal_mask=True))


def functions():
    """Two inputs of shape SERIES between 0.2 and 1; what is done with them."""
    unary = {name: lambda x, y, name=name: getattr(tf.math, name)(x) for name in (
        "negative abs sqrt square exp log log1p expm1 sin cos tan tanh asin acos atan sinh cosh asinh atanh sign floor ceil "
        "round reciprocal rsqrt erf sigmoid softplus log_sigmoid reduce_mean reduce_sum reduce_max reduce_min reduce_prod "
        "reduce_std reduce_variance reduce_logsumexp cumsum cumprod argmax argmin").split()}
    unary |= {f"nn.{name}": lambda x, y, name=name: getattr(tf.nn, name)(x - 0.5) for name in (
        "relu relu6 selu elu softsign leaky_relu gelu silu softmax log_softmax sigmoid tanh softplus").split()}
    unary |= {f"flag.{name}": lambda x, y, name=name: tf.cast(getattr(tf.math, name)(x), "float32")
              for name in ("is_nan", "is_inf", "is_finite")}
    binary = {name: lambda x, y, name=name: getattr(tf.math, name)(x, y) for name in (
        "add subtract multiply divide truediv floordiv floormod pow maximum minimum divide_no_nan atan2 "
        "squared_difference").split()}
    compare = {name: lambda x, y, name=name: tf.cast(getattr(tf.math, name)(x, y), "float32")
               for name in ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")}
    logical = {name: lambda x, y, name=name: tf.cast(getattr(tf.math, name)(x > 0.5, y > 0.5), "float32")
               for name in ("logical_and", "logical_or", "logical_xor")}
    reductions = {f"{name}-axis": lambda x, y, name=name: getattr(tf, name)(x, axis=1, keepdims=True)
                  for name in ("reduce_mean", "reduce_sum", "reduce_max", "reduce_min", "reduce_prod")}
    return unary | binary | compare | logical | reductions | {
        "operators": lambda x, y: (x + 1.0) * y / 2.0 - x ** 2.0, "reflected": lambda x, y: 1.0 - 2.0 / x,
        "modulo": lambda x, y: x % 0.3, "floor-op": lambda x, y: x // 0.3, "minus": lambda x, y: -x, "absolute": lambda x, y: abs(x),
        "array": lambda x, y: x * [1.0, 2.0, 3.0, 4.0], "add_n": lambda x, y: tf.add_n([x, y, x]),
        "matmul": lambda x, y: tf.matmul(x, y, transpose_b=True), "matmul-a": lambda x, y: tf.matmul(x, y, transpose_a=True),
        "tensordot": lambda x, y: tf.tensordot(x, tf.constant([[1.0]] * 4), axes=1),
        "where": lambda x, y: tf.where(x > 0.5, x, y), "concat": lambda x, y: tf.concat([x, y], axis=-1),
        "stack": lambda x, y: tf.stack([x, y], axis=1), "split": lambda x, y: tf.split(x, 2, axis=-1)[1],
        "split-sizes": lambda x, y: tf.split(x, [1, 2, 3], axis=1)[2], "unstack": lambda x, y: tf.unstack(x, axis=1)[2],
        "reshape": lambda x, y: tf.reshape(x, (-1, 24)), "transpose": lambda x, y: tf.transpose(x, (0, 2, 1)),
        "expand_dims": lambda x, y: tf.expand_dims(x, 1), "squeeze": lambda x, y: tf.squeeze(tf.expand_dims(x, 1), axis=1),
        "cast": lambda x, y: tf.cast(tf.cast(x * 10.0, "int32"), "float32"), "clip": lambda x, y: tf.clip_by_value(x, 0.3, 0.6),
        "clip-tensor": lambda x, y: tf.clip_by_value(x, y - 0.1, y + 0.1), "tile": lambda x, y: tf.tile(x, (1, 2, 1)),
        "repeat": lambda x, y: tf.repeat(x, 2, axis=1), "reverse": lambda x, y: tf.reverse(x, [1]),
        "roll": lambda x, y: tf.roll(x, 2, axis=1), "gather": lambda x, y: tf.gather(x, [0, 2], axis=1),
        "broadcast": lambda x, y: tf.broadcast_to(tf.reduce_sum(x), (2, 3)),
        "pad": lambda x, y: tf.pad(x, [[0, 0], [1, 2], [0, 1]]),
        "pad-constant": lambda x, y: tf.pad(x, [[0, 0], [1, 2], [0, 1]], constant_values=3.0),
        "pad-reflect": lambda x, y: tf.pad(x, [[0, 0], [1, 2], [0, 1]], "REFLECT"),
        "one_hot": lambda x, y: tf.one_hot(tf.cast(x * 4.0, "int32"), 5), "norm": lambda x, y: tf.norm(x, axis=-1),
        "l2_normalize": lambda x, y: tf.math.l2_normalize(x, axis=-1), "top_k": lambda x, y: tf.math.top_k(x, 2).values,
        "stop_gradient": lambda x, y: tf.stop_gradient(x), "identity": lambda x, y: tf.identity(x),
        "zeros_like": lambda x, y: tf.zeros_like(x) + x, "ones_like": lambda x, y: tf.ones_like(x) + x,
        "silu-beta": lambda x, y: tf.nn.silu(x, beta=2.0), "leaky-alpha": lambda x, y: tf.nn.leaky_relu(x - 0.5, alpha=0.1),
        "gelu-tanh": lambda x, y: tf.nn.gelu(x, approximate=True), "bias_add": lambda x, y: tf.nn.bias_add(x, [1.0, 2.0, 3.0, 4.0]),
        "slice": lambda x, y: x[:, 1:4], "slice-int": lambda x, y: x[:, 2], "slice-new": lambda x, y: x[:, None],
        "slice-dots": lambda x, y: x[..., -1], "slice-step": lambda x, y: x[:, ::2, 1:], "slice-first": lambda x, y: x[:1],
        "resize": lambda x, y: tf.image.resize(tf.expand_dims(x, -1), (4, 5)),
        "pool": lambda x, y: tf.nn.avg_pool2d(tf.expand_dims(x, -1), 2, 2, "SAME"),
        "pool-any": lambda x, y: tf.nn.max_pool(tf.expand_dims(x, -1), 3, 1, "SAME"),
        "pool-list": lambda x, y: tf.nn.avg_pool2d(tf.expand_dims(x, -1), [1, 3, 2, 1], [1, 2, 1, 1], "VALID"),
        "pool-average": lambda x, y: tf.nn.avg_pool(tf.expand_dims(x, -1), [2, 3], 2, "SAME"),
        "pool-one": lambda x, y: tf.compat.v1.nn.max_pool(tf.expand_dims(x, -1), [1, 2, 2, 1], [1, 2, 2, 1], "SAME"),
        "backend-pool": lambda x, y: k.backend.pool2d(tf.expand_dims(x, -1), (2, 2), (1, 2), "same", "channels_last", "avg"),
        "pool-max": lambda x, y: tf.nn.max_pool2d(tf.expand_dims(x, -1), 2, 2, "VALID"),
        "depth": lambda x, y: tf.nn.space_to_depth(tf.expand_dims(x, -1), 2),
        "backend-mean": lambda x, y: k.backend.mean(x, axis=1), "backend-clip": lambda x, y: k.backend.clip(x, 0.3, 0.5),
        "backend-permute": lambda x, y: k.backend.permute_dimensions(x, (0, 2, 1)),
        "backend-normalize": lambda x, y: k.backend.l2_normalize(x, axis=-1),
        "backend-concatenate": lambda x, y: k.backend.concatenate([x, y]), "backend-dot": lambda x, y: k.backend.batch_dot(x, y, axes=2),
        "activation-relu": lambda x, y: k.activations.relu(x, max_value=0.5), "activation-gelu": lambda x, y: k.activations.gelu(x),
        "activation-swish": lambda x, y: k.activations.swish(x), "activation-softmax": lambda x, y: k.activations.softmax(x),
        "activation-hard": lambda x, y: k.activations.hard_sigmoid(x * 9.0 - 4.0)}


# Keras 2 itself loses an operand of the first two; the others have no operation in Keras 3.
REFUSED_FUNCTIONS = {
    "==": lambda x, y: tf.cast(x == y, "float32"), "einsum": lambda x, y: tf.einsum("abc,adc->abd", x, y),
    "shape": lambda x, y: tf.reshape(x, (tf.shape(x)[0], 24)),
    "boolean_mask": lambda x, y: tf.boolean_mask(x, x[:, 0, 0] > 0.5)}


def function_model(apply):
    x, y = k.Input(SERIES, name="x"), k.Input(SERIES, name="y")
    return k.Model([x, y], apply(x, y))
