# SPDX-License-Identifier: Apache-2.0
"""Gives every weight and statistic of a model its own random values, so that no permutation goes unnoticed."""

import numpy as np
from model_walk import layer_paths, slots, to_array

POSITIVE = ("variance", "stddev", "gamma")


def randomise(model, seed):
    rng = np.random.default_rng(seed)
    for slot in slots(model):
        value = to_array(slot.variable)
        if value.dtype == bool:
            new = rng.integers(0, 2, value.shape)
        elif value.dtype.kind in "iu":
            new = rng.integers(1, np.iinfo(value.dtype).max // 2, value.shape)
        elif any(word in slot.role for word in POSITIVE):
            new = rng.uniform(0.5, 1.5, value.shape)
        else:
            # About the size of a good initialisation, so that deep models keep their outputs finite.
            fan_in = max(1, int(np.prod(value.shape[:-1])))
            new = rng.uniform(-1.0, 1.0, value.shape) / np.sqrt(fan_in)
        slot.variable.assign(np.asarray(new).astype(value.dtype))
    for _, layer in layer_paths(model).values():
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()  # Normalization computes with copies of its statistics
