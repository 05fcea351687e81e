# SPDX-License-Identifier: Apache-2.0
"""All architectures: importing the builders fills the registry."""

import architectures_graphs  # noqa: F401
import architectures_layers  # noqa: F401
from registry import REGISTRY, Architecture, predict, sample_inputs

__all__ = ["REGISTRY", "Architecture", "predict", "sample_inputs"]
