# SPDX-License-Identifier: Apache-2.0
"""The architectures of the interop tests: each builds itself in Keras 3 or in tf_keras from the same lines.

A builder takes the framework module and returns a model whose layers have the same names in both. Small on
purpose: what matters is the kind of variables, their order and the paths that lead to them.
"""

from dataclasses import dataclass, field

import numpy as np
from frameworks import fresh, is_keras3, tf

REGISTRY = {}
BOTH = ("keras", "tf_keras")


@dataclass(frozen=True)
class Architecture:
    name: str
    build_model: object
    frameworks: tuple = BOTH
    # Words that tests ask for; see the decorator's uses.
    tags: frozenset = field(default_factory=frozenset)
    tolerance: float = 1e-4

    def build(self, framework):
        fresh(framework)
        return self.build_model(framework)

    @property
    def crosses(self):
        """Whether both frameworks have it, so that a file of one can be judged by the other."""
        return set(self.frameworks) == set(BOTH)


def architecture(*tags, frameworks=BOTH, tolerance=1e-4):
    def register(build):
        REGISTRY[build.__name__] = Architecture(build.__name__, build, tuple(frameworks), frozenset(tags), tolerance)
        return build

    return register


def sample_inputs(model, batch=2, seed=11):
    """Inputs for a prediction: small integers for integer inputs, normal values else."""
    rng = np.random.default_rng(seed)
    values = []
    for tensor in model.inputs:
        shape = (batch, *tensor.shape[1:])
        dtype = tensor.dtype if isinstance(tensor.dtype, str) else tensor.dtype.name
        if "int" in dtype:
            values.append(rng.integers(0, 5, shape).astype(dtype))
        else:
            values.append(tf.cast(rng.normal(size=shape), dtype))
    return values if len(values) > 1 else values[0]


def predict(model):
    """The model's outputs as float64 arrays, inference mode."""
    outputs = model(sample_inputs(model), training=False)
    outputs = list(outputs.values()) if isinstance(outputs, dict) else outputs
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return [np.asarray(tf.cast(output, "float64")) for output in outputs]


def chain(x, *layers):
    for layer in layers:
        x = layer(x)
    return x


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


# ---- dtypes and training ---------------------------------------------------------------------------------------------


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
