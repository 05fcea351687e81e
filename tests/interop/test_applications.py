# SPDX-License-Identifier: Apache-2.0
"""A dozen families of tf_keras.applications, migrated whole; `tools/dev test applications` runs all models in all forms."""

import pytest
from applications import FORMS, SAMPLE, TOLERANCE, Source, migrated


@pytest.mark.parametrize("name,form", [(name, FORMS[number % 3]) for number, name in enumerate(SAMPLE)])
def test_application(name, form):
    assert migrated(Source(name), form) <= TOLERANCE
