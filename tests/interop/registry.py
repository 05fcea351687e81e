# SPDX-License-Identifier: Apache-2.0
"""The list of architectures of the interop tests, and how to ask one for predictions.

A builder takes a framework module and returns a model whose layers have the same names in Keras 3 and in
tf_keras. Small on purpose: what matters is the kind of variables, their order and the paths that lead to them.
The builders are in architectures_layers.py and architectures_graphs.py.
"""

from dataclasses import dataclass, field

import numpy as np
from frameworks import fresh, tf

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
