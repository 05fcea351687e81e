# SPDX-License-Identifier: Apache-2.0
"""Cases that differ by the kinds of layers."""
import numpy as np
from model_registry import case, only


@case
def dense(k):
    return k.Sequential([k.Input((3,)), k.layers.Dense(4, name="first"), k.layers.Dense(2, use_bias=False, name="head")])


@case
def convolutions(k):
    return k.Sequential([k.Input((16, 16, 3)), k.layers.Conv2D(4, 3, name="c1"), k.layers.DepthwiseConv2D(3, name="dw"),
                         k.layers.SeparableConv2D(5, 3, name="sep"), k.layers.Conv2DTranspose(2, 3, name="up"),
                         k.layers.PReLU(name="p"), k.layers.BatchNormalization(scale=False, name="bn")])


@case
def convolutions_1d_3d(k):
    a, b = k.Input((12, 2), name="a"), k.Input((6, 6, 6, 1), name="b")
    x = k.layers.SeparableConv1D(3, 3, use_bias=False)(k.layers.Conv1D(4, 3)(a))
    y = k.layers.Conv3DTranspose(2, 2)(k.layers.Conv3D(3, 2)(b))
    return k.Model([a, b], [k.layers.Flatten()(x), k.layers.Flatten()(y)])


@case
def normalizations(k):
    n = k.layers.Normalization(name="norm")
    n.adapt(np.arange(12, dtype="float32").reshape(4, 3))
    return k.Sequential([k.Input((3,)), n, k.layers.Dense(4), k.layers.LayerNormalization(name="ln"),
                         k.layers.GroupNormalization(2, scale=False, name="gn"), k.layers.BatchNormalization(center=False),
                         k.layers.UnitNormalization()])


@case
def embedding_lstm(k):
    return k.Sequential([k.Input((7,)), k.layers.Embedding(11, 4, mask_zero=True), k.layers.LSTM(3, return_sequences=True),
                         k.layers.GRU(2, return_sequences=True), k.layers.SimpleRNN(2, use_bias=False)])


@case
def gru_variants(k):
    return k.Sequential([k.Input((7, 2)), k.layers.GRU(3, reset_after=False, return_sequences=True),
                         k.layers.GRU(2, use_bias=False, dropout=0.1)])


@case
def conv_lstm(k):
    return k.Sequential([k.Input((3, 8, 8, 1)), k.layers.ConvLSTM2D(2, 3, return_sequences=True),
                         k.layers.ConvLSTM2D(2, 3, use_bias=False)])


@case
def bidirectional(k):
    return k.Sequential([k.Input((5, 2)), k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True, name="rec"), name="bi"),
                         k.layers.Bidirectional(k.layers.GRU(2), merge_mode="sum")])


@case
def bidirectional_backward(k):
    back = k.layers.GRU(3, go_backwards=True, return_sequences=True, use_bias=False, name="back")
    return k.Sequential([k.Input((5, 2)), k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True, name="fore"),
                                                               backward_layer=back, name="bi"), k.layers.Dense(2)])


@case
def rnn_cells(k):
    cells = [k.layers.LSTMCell(3, name="one"), k.layers.GRUCell(2, name="two"), k.layers.LSTMCell(2, name="three")]
    return k.Sequential([k.Input((5, 2)), k.layers.RNN(cells, return_sequences=True, name="stack"),
                         k.layers.RNN(k.layers.SimpleRNNCell(2), name="plain")])


@case
def bidirectional_cells(k):
    cells = [k.layers.LSTMCell(3), k.layers.LSTMCell(2)]
    return k.Sequential([k.Input((5, 2)), k.layers.Bidirectional(k.layers.RNN(cells), name="bi"), k.layers.Dense(2)])


@case
def time_distributed(k):
    inner = k.Sequential([k.Input((4, 4, 1)), k.layers.Conv2D(2, 3), k.layers.BatchNormalization(), k.layers.Flatten(),
                          k.layers.Dense(3)], name="inner")
    return k.Sequential([k.Input((5, 4, 4, 1)), k.layers.TimeDistributed(inner, name="each"),
                         k.layers.TimeDistributed(k.layers.Dense(2)), k.layers.LSTM(2)])


@case
def time_distributed_functional(k):
    i = k.Input((4,))
    x = k.layers.Dense(3, name="u")(i)
    inner = k.Model(i, k.layers.Add()([x, k.layers.Dense(3, name="v")(i)]), name="inner")
    x = k.Input((5, 4))
    return k.Model(x, k.layers.GRU(2)(k.layers.TimeDistributed(inner)(x)))


@case
def attention_self(k):
    x = k.Input((6, 4))
    y = k.layers.MultiHeadAttention(2, 3, name="mha")(x, x)
    y = k.layers.LayerNormalization(epsilon=1e-6)(k.layers.Add()([x, y]))
    return k.Model(x, k.layers.Dense(2)(y))


@case
def attention_cross(k):
    q, v, m = k.Input((6, 4), name="q"), k.Input((5, 3), name="v"), k.Input((5, 3), name="k")
    y = k.layers.MultiHeadAttention(2, 3, value_dim=2, use_bias=False, name="cross")(q, v, key=m)
    z = k.layers.Attention(use_scale=True, name="att")([y, y])
    z = k.layers.AdditiveAttention(name="add_att")([z, y])
    return k.Model([v, m, q], k.layers.Dense(2)(z))


@case
def spectral(k):
    return k.Sequential([k.Input((8, 8, 2)), k.layers.SpectralNormalization(k.layers.Conv2D(3, 3, name="c"), name="sn"),
                         k.layers.Flatten(), k.layers.SpectralNormalization(k.layers.Dense(2, use_bias=False))])


@case
def einsum_dense(k):
    return k.Sequential([k.Input((5, 4)), k.layers.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d"),
                         k.layers.EinsumDense("abc,cd->abd", (None, 2))])


@case
def mixed_precision(k):
    policy = "mixed_float16"
    return k.Sequential([k.Input((3,)), k.layers.Dense(4, dtype=policy), k.layers.BatchNormalization(dtype=policy),
                         k.layers.Dense(1, dtype="float32")])


@only("keras3")
def grouped_attention(k):
    x = k.Input((6, 4))
    return k.Model(x, k.layers.GroupQueryAttention(2, 4, 2, name="gqa")(x, x))
