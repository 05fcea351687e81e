# SPDX-License-Identifier: Apache-2.0
"""The layer tables are what the installed Keras and tf_keras show; every class that owns variables is covered."""

import subprocess
import sys

from conftest import ROOT

TOOLS = ROOT / "tools" / "layouts"


def test_table_agrees_with_the_frameworks():
    done = subprocess.run([sys.executable, str(TOOLS / "check.py")], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]


def test_an_uncovered_class_is_a_problem(monkeypatch):
    """A class may own variables only if a recipe shows them, or a reason excludes it."""
    monkeypatch.syspath_prepend(str(TOOLS))
    from extract import problems

    verdicts = {"Plain": "weightless", "Foreign": "excluded: variables of another library", "New": "owns variables",
                "Odd": "not built: no input fits"}
    found = problems({"keras3": {"weightless": verdicts}, "tf_keras": {"weightless": {}}})
    assert found == ["keras3: New: owns variables", "keras3: Odd: not built: no input fits"]
