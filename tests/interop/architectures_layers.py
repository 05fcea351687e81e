# SPDX-License-Identifier: Apache-2.0
"""Architectures that differ by the kinds of layers: one builder for both frameworks each."""

import numpy as np
from frameworks import is_keras3
from registry import architecture, chain

# ---- plain layers ----------------------------------------------------------------------------------------------------


@architecture("safe_names")
def dense_stack(k):
    """Twelve equal Dense layers with automatic names: a permutation shows, and dense_10 sorts before dense_2."""
    return k.Sequential([k.Input((3,))] + [k.layers.Dense(3, activation="tanh") for _ in range(12)], name="stack")


@architecture()
def dense_without_bias(k):
    L = k.layers
    return k.Sequential([k.Input((3,)), L.Dense(4, use_bias=False, name="first"), L.Dropout(0.5), L.Dense(2, name="last")],
                        name="unbiased")


@architecture()
def convolutions_1d(k):
    L = k.layers
    return k.Sequential([k.Input((12, 3)), L.Conv1D(4, 3, name="plain"), L.Conv1DTranspose(3, 2, strides=2, name="up"),
                         L.SeparableConv1D(4, 3, depth_multiplier=2, name="separable"),
                         L.DepthwiseConv1D(3, depth_multiplier=2, name="depthwise"),
                         L.Conv1D(4, 2, use_bias=False, name="unbiased")], name="one_d")


@architecture()
def convolutions_2d(k):
    L = k.layers
    return k.Sequential([k.Input((8, 8, 3)), L.Conv2D(4, 3, name="plain"), L.Conv2DTranspose(3, 2, strides=2, name="up"),
                         L.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"), L.ZeroPadding2D(name="pad"),
                         L.SeparableConv2D(4, 3, depth_multiplier=2, name="separable"),
                         L.Conv2D(4, 1, groups=2, use_bias=False, name="grouped"), L.MaxPooling2D(name="pool"),
                         L.Flatten(name="flat"), L.Dense(2, name="head")], name="two_d")


@architecture()
def convolutions_3d(k):
    L = k.layers
    return k.Sequential([k.Input((5, 5, 5, 2)), L.Conv3D(3, 2, name="plain"), L.Conv3DTranspose(2, 2, name="up"),
                         L.Conv3D(2, 2, use_bias=False, name="unbiased")], name="three_d")


@architecture("safe_names")
def automatic_convnet(k):
    """Automatic names all over, none of them ambiguous: convertible without a config."""
    L = k.layers
    return k.Sequential([k.Input((8, 8, 2)), L.Conv2D(3, 3), L.BatchNormalization(), L.ReLU(), L.Conv2D(3, 3),
                         L.BatchNormalization(), L.Flatten(), L.Dense(4), L.Dense(2)], name="auto")


@architecture()
def batch_normalizations(k):
    L = k.layers
    return k.Sequential([k.Input((4,)), L.BatchNormalization(name="full"), L.BatchNormalization(scale=False, name="no_gamma"),
                         L.BatchNormalization(center=False, name="no_beta"),
                         L.BatchNormalization(scale=False, center=False, name="statistics")], name="norms")


@architecture()
def batch_renormalization(k):
    L = k.layers
    return k.Sequential([k.Input((4,)), L.BatchNormalization(renorm=True, name="renorm"), L.Dense(2, name="head")],
                        name="renormed")


@architecture()
def other_normalizations(k):
    L = k.layers
    return k.Sequential([k.Input((3, 4)), L.LayerNormalization(name="layer"), L.LayerNormalization(center=False, name="no_beta"),
                         L.LayerNormalization(scale=False, name="no_gamma"), L.GroupNormalization(2, name="group"),
                         L.GroupNormalization(2, scale=False, name="group_no_gamma"), L.UnitNormalization(name="unit"),
                         L.Dense(2, name="head")], name="others")


@architecture()
def adapted_normalization(k):
    L = k.layers
    adapted = L.Normalization(name="adapted")
    adapted.adapt(np.random.default_rng(5).normal(size=(16, 3)).astype("float32"))
    given = L.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 2.0, 4.0], name="given")  # no variables at all
    return k.Sequential([k.Input((3,)), L.Rescaling(0.5, name="scale"), adapted, given, L.Dense(2, name="head")],
                        name="preprocessed")


@architecture()
def embeddings(k):
    L = k.layers
    i = k.Input((6,), dtype="int32", name="words")
    x = L.Concatenate(name="join")([L.Embedding(7, 3, name="meaning")(i), L.Embedding(7, 3, name="place")(i)])
    return k.Model(i, chain(x, L.GlobalAveragePooling1D(name="mean"), L.Dense(2, name="head")), name="embedded")


@architecture()
def parametric_relu(k):
    L = k.layers
    return k.Sequential([k.Input((4, 4, 2)), L.PReLU(name="each"), L.Conv2D(2, 3, name="conv"),
                         L.PReLU(shared_axes=[1, 2], name="shared"), L.LeakyReLU(name="leaky"), L.ELU(name="elu")],
                        name="slopes")


@architecture()
def einsum_dense(k):
    L = k.layers
    return k.Sequential([k.Input((3, 4)), L.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d", name="biased"),
                         L.EinsumDense("abc,cd->abd", output_shape=(None, 2), name="unbiased")], name="einsum")


@architecture()
def spectral_normalization(k):
    L = k.layers
    i = k.Input((6, 6, 2), name="image")
    x = L.SpectralNormalization(L.Conv2D(3, 3, name="conv"), name="spectral_conv")(i)
    x = L.Flatten(name="flat")(x)
    return k.Model(i, L.SpectralNormalization(L.Dense(2, name="dense"), name="spectral_dense")(x), name="spectral")


@architecture()
def attentions(k):
    L = k.layers
    q, v = k.Input((3, 4), name="query"), k.Input((5, 4), name="value")
    x = L.Attention(use_scale=True, name="scaled")([q, v])
    x = L.Attention(use_scale=True, score_mode="concat", name="concat")([x, v])
    x = L.AdditiveAttention(name="additive")([x, v])
    return k.Model([q, v], L.Dense(2, name="head")(x), name="attending")


@architecture()
def multi_head_attention(k):
    L = k.layers
    q, v = k.Input((3, 4), name="query"), k.Input((5, 6), name="value")
    x = L.MultiHeadAttention(2, 3, name="itself")(q, q)
    x = L.MultiHeadAttention(2, 3, value_dim=2, use_bias=False, output_shape=4, name="across")(x, v)
    return k.Model([q, v], L.LayerNormalization(name="norm")(x), name="heads")


@architecture("safe_names")
def random_layers(k):
    """Layers with random state but without weights: their seeds are never stored."""
    L = k.layers
    return k.Sequential([k.Input((3,)), L.Dropout(0.3, seed=1), L.Dense(3), L.GaussianNoise(0.1), L.AlphaDropout(0.2),
                         L.Dense(2)], name="random")


# ---- recurrent layers ------------------------------------------------------------------------------------------------


@architecture()
def gates(k):
    L = k.layers
    return k.Sequential([k.Input((4, 3)), L.LSTM(3, return_sequences=True, name="long"),
                         L.GRU(3, return_sequences=True, name="after"),
                         L.GRU(3, reset_after=False, return_sequences=True, name="before"),
                         L.SimpleRNN(3, return_sequences=True, name="simple"),
                         L.LSTM(3, use_bias=False, return_sequences=True, name="unbiased"),
                         L.GRU(2, use_bias=False, name="last")], name="gated")


@architecture()
def conv_lstm(k):
    L = k.layers
    i = k.Input((3, 5, 5, 2), name="film")
    x = L.ConvLSTM2D(2, 3, padding="same", recurrent_activation="sigmoid", return_sequences=True, name="first")(i)
    x = L.ConvLSTM2D(2, 3, padding="same", recurrent_activation="sigmoid", use_bias=False, name="second")(x)
    return k.Model(i, x, name="weather")


@architecture()
def cells(k):
    L = k.layers
    i = k.Input((4, 3), name="sequence")
    x = L.RNN(L.LSTMCell(3, name="alone"), return_sequences=True, name="single")(i)
    x = L.RNN([L.LSTMCell(2, name="low"), L.GRUCell(3, name="middle"), L.LSTMCell(2, name="high")],
              return_sequences=True, name="listed")(x)
    stacked = L.StackedRNNCells([L.SimpleRNNCell(3, name="one"), L.SimpleRNNCell(3, name="two")], name="pile")
    return k.Model(i, L.RNN(stacked, name="stacked")(x), name="celled")


@architecture()
def bidirectional(k):
    L = k.layers
    i = k.Input((4, 3), name="sequence")
    x = L.Bidirectional(L.LSTM(2, return_sequences=True, name="lstm"), name="both")(i)
    x = L.Bidirectional(L.GRU(3, return_sequences=True, reset_after=False, name="gru"), merge_mode="sum", name="summed")(x)
    backward = L.GRU(2, return_sequences=True, go_backwards=True, name="back")
    x = L.Bidirectional(L.SimpleRNN(2, return_sequences=True, name="forth"), backward_layer=backward, name="mixed")(x)
    return k.Model(i, x, name="two_ways")


@architecture()
def time_distributed(k):
    L = k.layers
    inner = k.Sequential([k.Input((4, 4, 2)), L.Conv2D(2, 3, name="conv"), L.BatchNormalization(name="norm"),
                          L.Flatten(name="flat"), L.Dense(3, name="dense")], name="frame")
    i = k.Input((3, 4, 4, 2), name="film")
    x = L.TimeDistributed(inner, name="frames")(i)
    x = L.TimeDistributed(L.Dense(3, name="inner"), name="steps")(x)
    return k.Model(i, L.LSTM(2, name="memory")(x), name="distributed")


# ---- dtypes ----------------------------------------------------------------------------------------------------------


@architecture(tolerance=2e-3)
def float16(k):
    """Without BatchNormalization, which tf_keras keeps in float32 here and Keras 3 does not."""
    L = k.layers
    return k.Sequential([k.Input((3,), dtype="float16"), L.Dense(4, dtype="float16", name="half"),
                         L.Dense(2, name="wide")], name="halved")


@architecture()
def float64(k):
    L = k.layers
    return k.Sequential([k.Input((3,), dtype="float64"), L.Dense(4, dtype="float64", name="double"),
                         L.BatchNormalization(dtype="float64", name="norm"), L.Dense(2, name="single")], name="doubled")


@architecture("bfloat16", tolerance=3e-2)
def bfloat16(k):
    L = k.layers
    return k.Sequential([k.Input((3,), dtype="bfloat16"), L.Dense(4, dtype="bfloat16", name="brain"),
                         L.Dense(2, name="wide")], name="brainy")


@architecture(tolerance=2e-3)
def mixed_precision(k):
    policy = k.mixed_precision.Policy("mixed_float16") if not is_keras3(k) else k.DTypePolicy("mixed_float16")
    L = k.layers
    return k.Sequential([k.Input((3,)), L.Dense(4, dtype=policy, name="mixed"), L.Dense(2, name="wide")], name="mixed")
