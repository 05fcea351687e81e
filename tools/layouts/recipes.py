# SPDX-License-Identifier: Apache-2.0
"""How to build every class that owns variables or sub-layers, and which config keys change its variables.

A recipe says only how to make the framework show its layout; the layout itself is read from the live object.
`axes` name the config keys that may change the variables. An axis that turns out not to change them is dropped
by merge.py, and probe.py flips every boolean argument that is no axis to prove that none was forgotten.
"""

from dataclasses import dataclass, field

U = 5  # units and filters; a prime unlike every input width below, so that widths show what they are made of

BOTH = ("keras3", "tf_keras")


@dataclass
class Recipe:
    name: str
    args: dict = field(default_factory=dict)  # constructor arguments; a function is called with keras.layers
    inputs: list = field(default_factory=lambda: [[(2, 3)]])  # alternatives: each a list of input shapes
    dtype: str = "float32"  # of the inputs
    axes: list = field(default_factory=list)
    how: str = "call"  # "call" l(*inputs) | "list" l(inputs) | "build" l.build(shape) | "none"
    nested: dict = field(default_factory=dict)  # sub-layer attribute -> config key(s) that hold its node
    impossible: list = field(default_factory=list)  # combinations the framework refuses: each {key: test}
    kind: str = "layer"
    frameworks: tuple = BOTH


@dataclass
class Choice:
    value: object
    test: object  # "truthy", "null", ... or ["equals", text]
    extra: dict = field(default_factory=dict)  # further arguments this choice needs
    after: object = None  # instead of an argument: what to call with the built layer


def axis(key, *choices):
    return key, list(choices)


def flag(key):
    return axis(key, Choice(True, "truthy"), Choice(False, "falsy"))


def one_of(key, value, other, extra=None):
    return axis(key, Choice(value, ["equals", value], extra or {}), Choice(other, ["not_equals", value]))


USE_BIAS = [flag("use_bias")]
AFFINE = [flag("scale"), flag("center")]


def conv(rank, name, channels_last_input, **extra):
    args = {"filters": U, "kernel_size": 2, **extra}
    return Recipe(name, args, [[channels_last_input]], axes=USE_BIAS)


SHAPE = {1: (2, 8, 3), 2: (2, 8, 8, 3), 3: (2, 8, 8, 8, 3)}


def convolutions():
    found = []
    for rank in (1, 2, 3):
        found.append(conv(rank, f"Conv{rank}D", SHAPE[rank]))
        found.append(conv(rank, f"Conv{rank}DTranspose", SHAPE[rank]))
    for rank in (1, 2):
        found.append(conv(rank, f"SeparableConv{rank}D", SHAPE[rank]))
        found.append(Recipe(f"DepthwiseConv{rank}D", {"kernel_size": 2}, [[SHAPE[rank]]], axes=USE_BIAS))
        implementations = axis("implementation", Choice(1, ["equals", "1"]), Choice(2, ["equals", "2"]),
                               Choice(3, ["equals", "3"]))
        found.append(Recipe(f"LocallyConnected{rank}D", {"filters": U, "kernel_size": 2}, [[SHAPE[rank]]],
                            axes=USE_BIAS + [implementations], frameworks=("tf_keras",)))
    return found


def recurrent():
    found = []
    reset_after = flag("reset_after")
    for name, axes in (("LSTM", USE_BIAS), ("GRU", USE_BIAS + [reset_after]), ("SimpleRNN", USE_BIAS)):
        found.append(Recipe(name, {"units": U}, [[(2, 4, 3)]], axes=axes))
        found.append(Recipe(name + "Cell", {"units": U}, [[(2, 3)]], axes=axes, how="build", kind="cell"))
    for name in ("CuDNNLSTM", "CuDNNGRU"):
        found.append(Recipe(name, {"units": U}, [[(2, 4, 3)]], how="build", frameworks=("tf_keras",)))
    for rank in (1, 2, 3):
        shape = (2, 4) + SHAPE[rank][1:]
        found.append(Recipe(f"ConvLSTM{rank}D", {"filters": U, "kernel_size": 2}, [[shape]], axes=USE_BIAS))
    found.append(Recipe("ConvLSTMCell", {"rank": 2, "filters": U, "kernel_size": 2}, [[SHAPE[2]]], axes=USE_BIAS,
                        how="build", kind="cell"))
    return found


def cell(layers):
    return layers.GRUCell(U)


def wrappers():
    def lstm(layers):
        return layers.LSTM(U)

    def gru_back(layers):
        return layers.GRU(U, go_backwards=True)

    def dense(layers):
        return layers.Dense(U)

    def cells(layers):
        return [layers.LSTMCell(U), layers.GRUCell(U), layers.LSTMCell(7)]

    backward = axis("backward_layer", Choice(None, "null"), Choice(gru_back, "not_null"))
    found = [
        Recipe("Bidirectional", {"layer": lstm}, [[(2, 4, 3)]], axes=[backward], kind="wrapper",
               nested={"forward_layer": "layer", "backward_layer": "backward_layer|layer"}),
        Recipe("TimeDistributed", {"layer": dense}, [[(2, 4, 3)]], nested={"layer": "layer"}, kind="wrapper"),
        Recipe("Wrapper", {"layer": dense}, [[(2, 3)]], how="build", nested={"layer": "layer"}, kind="wrapper"),
        Recipe("RNN", {"cell": cell}, [[(2, 4, 3)]], nested={"cell": "cell"}, kind="wrapper"),
        Recipe("StackedRNNCells", {"cells": cells}, [[(2, 3)]], how="build", nested={"cells": "cells"}, kind="cell"),
        Recipe("SpectralNormalization", {"layer": dense}, [[(2, 3)]], nested={"layer": "layer"}, kind="wrapper"),
        Recipe("SpectralNormalization", {"layer": lambda layers: layers.Embedding(7, U)}, [[(2, 3)]], dtype="int32",
               nested={"layer": "layer"}, kind="wrapper"),
        Recipe("SpectralNormalization", {"layer": lambda layers: layers.Conv2D(U, 2)}, [[SHAPE[2]]],
               nested={"layer": "layer"}, kind="wrapper"),
        Recipe("Pipeline", {"layers": lambda layers: [layers.Dense(U), layers.Dense(7), layers.PReLU()]},
               nested={"layers": "layers"}, kind="wrapper", frameworks=("keras3",)),
    ]
    for name in ("ResidualWrapper", "DropoutWrapper", "DeviceWrapper"):
        args = {"cell": cell} if name != "DeviceWrapper" else {"cell": cell, "device": "/cpu:0"}
        found.append(Recipe(name, args, [[(2, 3)]], how="build", nested={"wrapped_cell": "cell"}, kind="cell",
                            frameworks=("tf_keras",)))
    return found


def normalizations():
    renorm = flag("renorm")
    found = [Recipe("BatchNormalization", inputs=[[(2, 3)], [(2, 4, 4, 3)]], axes=AFFINE + [renorm]),
             Recipe("LayerNormalization", {"axis": [-1]}, [[(2, 3)]], axes=AFFINE),
             Recipe("LayerNormalization", {"axis": [1, 2]}, [[(2, 4, 3)]], axes=AFFINE),
             Recipe("GroupNormalization", {"groups": 1}, [[(2, 3)], [(2, 4, 4, 3)]], axes=AFFINE),
             Recipe("RMSNormalization", inputs=[[(2, 3)], [(2, 4, 3)]], frameworks=("keras3",))]
    for name in ("SyncBatchNormalization", "BatchNormalizationV1"):
        found.append(Recipe(name, inputs=[[(2, 3)], [(2, 4, 4, 3)]], axes=AFFINE + [renorm],
                            frameworks=("tf_keras",)))
    mean = axis("mean", Choice(None, "null"), Choice(0.0, "not_null", {"variance": 1.0}))
    found += [Recipe("Normalization", {"axis": -1}, [[(2, 3)]], axes=[mean]),
              Recipe("Normalization", {"axis": None}, [[(2, 3)]], axes=[mean]),
              Recipe("Normalization", {"axis": [1, 2]}, [[(2, 4, 3)]], axes=[mean])]
    return found


def attention():
    scored = [flag("use_scale"), one_of("score_mode", "concat", "dot")]
    pair = [[(2, 4, 6), (2, 4, 6)]]
    gate = [flag("use_gate")]
    flat = [[(2, 4, 6), (2, 4, 6)], [(2, 4, 4, 6), (2, 4, 4, 6)]]
    return [
        Recipe("Attention", {}, pair, axes=scored, how="list"),
        Recipe("AdditiveAttention", {}, pair, axes=[flag("use_scale")], how="list"),
        Recipe("MultiHeadAttention", {"num_heads": 2, "key_dim": U, "dropout": 0.5}, flat, axes=USE_BIAS + gate),
        Recipe("GroupedQueryAttention", {"head_dim": U, "num_query_heads": 4, "num_key_value_heads": 2}, pair,
               axes=USE_BIAS + gate, frameworks=("keras3",)),
    ]


def lookups():
    """Vocabularies are assets or config; only tf_idf adds a variable, under its own dataset name."""
    found = []
    for name, words in (("StringLookup", ["a", "b"]), ("IntegerLookup", [7, 9]), ("TextVectorization", ["a", "b"])):
        mode = one_of("output_mode", "tf_idf", "int", {"idf_weights": [1.5, 2.5]})
        found.append(Recipe(name, {"vocabulary": words}, how="none", axes=[mode]))
    boundaries = axis("bin_boundaries", Choice(None, "null", {"num_bins": 4}), Choice([0.0, 1.0], "not_null"))
    found.append(Recipe("Discretization", {}, [[(2, 3)]], how="build", axes=[boundaries]))
    return found


def others():
    bias_axes = axis("bias_axes", Choice("c", "not_null"), Choice(None, "null"))
    wide_bias = axis("bias_axes", Choice("cd", "not_null"), Choice(None, "null"))
    tied = flag("tie_weights")
    spectrum = axis("mode", Choice("imag", ["equals", "imag"]), Choice("real", ["equals", "real"]),
                    Choice("log", ["not_equals", "imag|real"]))
    return [
        Recipe("Dense", {"units": U}, [[(2, 3)], [(2, 4, 3)]], axes=USE_BIAS),
        Recipe("EinsumDense", {"equation": "ab,bc->ac", "output_shape": U}, [[(2, 3)]], axes=[bias_axes]),
        Recipe("EinsumDense", {"equation": "ab,bcd->acd", "output_shape": (U, 7)}, [[(2, 3)]], axes=[wide_bias]),
        Recipe("Embedding", {"input_dim": 7, "output_dim": U}, [[(2, 3)]], dtype="int32"),
        Recipe("ReversibleEmbedding", {"input_dim": 7, "output_dim": U}, [[(2, 3)]], dtype="int32", axes=[tied],
               frameworks=("keras3",)),
        Recipe("PReLU", {}, [[(2, 3)], [(2, 4, 3)]]),
        Recipe("RandomFourierFeatures", {"output_dim": U}, axes=[flag("trainable")], frameworks=("tf_keras",)),
        Recipe("STFTSpectrogram", {"frame_length": 8, "fft_length": 8}, [[(2, 32, 1)]],
               axes=[spectrum], frameworks=("keras3",)),
    ]


QUANTIZED = ("Dense", "EinsumDense", "Embedding", "ReversibleEmbedding")
CALIBRATED = ("Dense", "EinsumDense")  # gptq and awq
# Options that leave no trace in v3 files: a framework that lacks one has the plain layer for them.
MERGED = ("lora_rank",)
LOW_RANK = ("Dense", "EinsumDense", "Embedding", "ReversibleEmbedding", "Conv1D", "Conv2D", "Conv3D")


def quantized_twins(recipes):
    """Keras 3 layers that can be quantized, or adapted by low-rank matrices: other variables then."""
    plain = [Choice("float32", "not_quantized"), Choice("int8_from_float32", ["quantized", "int8"]),
             Choice("int4_from_float32", ["quantized", "int4|int4/-1"]),
             Choice("int4/2_from_float32", ["quantized", "int4/*"])]
    wide = [Choice("float8_from_float32", ["quantized", "float8"]),
            Choice("gptq/4/2_from_float32", ["quantized", "gptq/*"]),
            Choice("awq/4/2_from_float32", ["quantized", "awq/*"])]
    low_rank = axis("lora_rank", Choice(None, "falsy"),
                    Choice(None, "truthy", after=lambda layer: layer.enable_lora(2)))
    for recipe in recipes:
        axes = []
        if recipe.name in QUANTIZED:
            axes.append(axis("dtype", *plain, *(wide if recipe.name in CALIBRATED else [])))
            recipe.how = "build"  # gptq and awq cannot be called before they were calibrated or loaded
        if recipe.name in LOW_RANK:
            axes.append(low_rank)
        recipe.axes = recipe.axes + axes
        recipe.impossible = [{"dtype": choice.test, "lora_rank": "truthy"} for choice in wide]


def all_recipes():
    groups = (convolutions, recurrent, wrappers, normalizations, attention, lookups, others)
    recipes = [recipe for group in groups for recipe in group()]
    quantized_twins(recipes)
    return recipes
