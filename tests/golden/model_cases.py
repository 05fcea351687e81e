# SPDX-License-Identifier: Apache-2.0
"""All cases of make_model_cases.py: importing the builders fills the registry."""
import model_cases_graphs  # noqa: F401
import model_cases_layers  # noqa: F401
from model_registry import CASES

__all__ = ["CASES"]
