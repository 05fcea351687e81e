# SPDX-License-Identifier: Apache-2.0
"""The registry of make_model_cases.py: a case is a function of a Keras (keras or tf_keras) that returns a built model."""

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def only(framework):
    def mark(function):
        function.only = framework
        return case(function)
    return mark
