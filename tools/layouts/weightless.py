# SPDX-License-Identifier: Apache-2.0
"""Classes without a recipe: proves on a live object that they own nothing, or finds that they do."""

import inspect
import itertools

import numpy as np

# Values for required constructor arguments, by name.
ARGUMENTS = {
    "activation": "relu", "output_size": 2, "rate": 0.5, "pool_size": 2, "height": 3, "width": 3, "axes": 1,
    "stddev": 1.0, "num_bins": 3, "function": abs, "max_number": 4, "dims": (1,), "factor": 0.1, "n": 2,
    "height_factor": 0.1, "width_factor": 0.1, "scale": 1.0, "target_shape": (-1,), "unconditional": True,
}
ARGUMENTS_OF = {("RandomPosterization", "factor"): 4}
OPTIONAL_OF = {"CategoryEncoding": {"num_tokens": 4}}

SHAPES = [(2, 4, 4, 3), (2, 4, 3), (2, 3), (2, 4, 4, 4, 3), (2, 8192), (2, 1)]

EXCLUDED = {
    "keras3": {
        "FlaxLayer": "variables of a foreign Flax module",
        "JaxLayer": "variables of a foreign JAX function",
        "TFSMLayer": "variables of a foreign SavedModel",
        "TorchModuleWrapper": "variables of a foreign torch module",
    },
    "tf_keras": {
        "DenseFeatures": "variables come from feature columns",
        "DynamicEmbedding": "experimental; grows its tables while training",
        "DynamicLookup": "experimental; a lookup table, no weights",
        "LinearModel": "premade model; variables depend on the structure of its input",
        "SequenceFeatures": "variables come from feature columns",
        "WideDeepModel": "premade model; variables are those of the two models it is given",
        "_RNNCellWrapper": "abstract base of the cell wrappers",
    },
}
# Nodes of a functional graph, which no program constructs by hand; observed in a graph, see graph_nodes().
GRAPH_NODES = {"AddLoss", "AddMetric", "ClassMethod", "InstanceMethod", "InstanceProperty", "SlicingOpLambda",
               "TFOpLambda", "TensorFlowOpLayer"}
ABSTRACT = {"AbstractRNNCell", "BaseRandomLayer", "BatchNormalizationBase", "Layer", "PreprocessingLayer"}
MODELS = ("Functional", "Model", "Sequential")


def observe_all(framework, covered):
    """{class name: "weightless" | "excluded: reason" | "owns variables" | "not built: why"} for the rest."""
    found = {}
    reasons = EXCLUDED[framework.id]
    nodes = {} if framework.is_keras3 else graph_nodes(framework)
    for name, cls in sorted(framework.classes.items()):
        if name != cls.__name__ or name in covered or name in MODELS:
            continue
        if name in ABSTRACT:
            found[name] = "excluded: abstract base class"
        elif name in GRAPH_NODES:
            found[name] = nodes.get(name, "not built: no graph shows it")
        elif name in reasons:
            found[name] = "excluded: " + reasons[name]
        else:
            found[name] = observe_one(framework, cls)
    return found


def graph_nodes(framework):
    """{class name: verdict} of the layers tf_keras makes for operations on symbolic tensors."""
    import tensorflow as tf
    from tf_keras.src.engine.base_layer import TensorFlowOpLayer

    keras = framework.keras
    dense = keras.Input((4, 3), batch_size=2)
    ragged = keras.Input((None,), ragged=True)
    constant = TensorFlowOpLayer(tf.compat.v1.NodeDef(
        name="n", op="Neg", attr={"T": tf.compat.v1.AttrValue(type=tf.float32.as_datatype_enum)}).SerializeToString(),
        name="neg")
    outputs = [tf.abs(dense)[:, 1], constant(dense), ragged.values, ragged.with_values(tf.abs(ragged.values)),
               tf.RaggedTensor.from_row_splits(tf.abs(ragged.values), ragged.row_splits)]
    model = keras.Model([dense, ragged], outputs)
    model.add_loss(tf.reduce_mean(dense))
    model.add_metric(tf.reduce_mean(dense), name="m", aggregation="mean")
    return {type(layer).__name__: "owns variables" if layer.weights else "weightless" for layer in model.layers}


def observe_one(framework, cls):
    why = "no input fits"
    for flip in [None] + boolean_arguments(cls):
        try:
            layer, why = build(framework, cls, flip)
        except Exception as error:
            if flip is None:
                return f"not built: {type(error).__name__}: {error}"
            continue
        if layer is None:
            if flip is None:
                return f"not built: {why}"
            continue
        if any(store for _, store in framework.walk(layer)) or layer.weights:
            return "owns variables"
    return "weightless"


def boolean_arguments(cls):
    parameters = inspect.signature(cls.__init__).parameters.values()
    return [{p.name: not p.default} for p in parameters if isinstance(p.default, bool)]


def build(framework, cls, flip):
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    required = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    args = {name: ARGUMENTS_OF.get((cls.__name__, name), ARGUMENTS[name]) for name in required}
    args.update(OPTIONAL_OF.get(cls.__name__, {}))
    if cls.__name__ == "InputLayer":
        return cls(batch_size=2, **({"shape": (3,)} if framework.is_keras3 else {"input_shape": (3,)})), ""
    why = ""
    for shape, count, dtype in itertools.product(SHAPES, (1, 2), ("float32", "int32", "int64", "string")):
        layer = cls(**args, **(flip or {}))
        arrays = [np.full(shape, "a") if dtype == "string" else np.ones(shape, dtype) for _ in range(count)]
        try:
            layer(arrays[0] if count == 1 else arrays)
            return layer, ""
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
    return None, why
