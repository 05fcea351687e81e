# SPDX-License-Identifier: Apache-2.0
"""Which architecture takes which path, as pytest parameters; and the cells a framework itself cannot do."""

import pytest
from architectures import REGISTRY

CROSSING = [a for a in REGISTRY.values() if a.crosses]
KERAS3 = [a for a in REGISTRY.values() if "keras" in a.frameworks]

# One of each way in which objects hold objects: what the layers compute makes no difference to TensorFlow's formats.
SHARP = [REGISTRY[name] for name in (
    "nested_functional", "bidirectional", "time_distributed", "cells", "multi_head_attention", "shared_model",
    "adapted_normalization", "conv_lstm", "odd_names", "spectral_normalization", "functional_subclass", "bfloat16")]

# tf_keras and Keras 3 write bfloat16 into legacy files as bare two-byte opaque data and cannot read it back:
# there our files are judged by their bytes, through h5py.
BYTES_ONLY_LEGACY = {"bfloat16"}


def each(architectures, *, without=()):
    """Parameters named after the architectures; `without` are tags that do not take part."""
    chosen = [a for a in architectures if not a.tags & set(without)]
    return pytest.mark.parametrize("arch", chosen, ids=[a.name for a in chosen])


def by_position(arch):
    """The two frameworks refuse each other's odd names, so only their order is the same."""
    return "odd_names" in arch.tags
