# SPDX-License-Identifier: Apache-2.0
"""Every text that migration may say of a model has its line in docs/migration.md."""

import json
import re

from conftest import ROOT

CALL = re.compile(r"\b(?:note|warn|refuse)\(")
SOURCES = [*sorted((ROOT / "src" / "model" / "migrate").glob("*.cpp")), ROOT / "src" / "convert" / "modernise.cpp",
           ROOT / "src" / "convert" / "fitted_bins.cpp"]


def calls(text):
    """The arguments of each call, up to its closing parenthesis."""
    for found in CALL.finditer(text):
        depth, quoted = 1, False
        for end in range(found.end(), len(text)):
            quoted ^= text[end] == '"'
            depth += 0 if quoted else {"(": 1, ")": -1}.get(text[end], 0)
            if depth == 0:
                yield text[found.end():end]
                break


def said():
    """The longest literal of each call: the part of the message that is always there."""
    for source in SOURCES:
        for call in calls(source.read_text(encoding="utf-8")):
            literals = ["".join(re.findall(r'"([^"]*)"', run)) for run in re.findall(r'(?:"[^"]*"\s*)+', call)]
            if literals and " " in max(literals, key=len).strip():
                yield max(literals, key=len).strip(" :'")
    rules = json.loads((ROOT / "src" / "model" / "migrate" / "rules.json").read_text(encoding="utf-8"))
    yield from {*rules["refused_classes"].values(), *rules["changed_meaning"].values()}


def test_every_message_has_its_line():
    manual = " ".join((ROOT / "docs" / "migration.md").read_text(encoding="utf-8").split())
    messages = list(said())
    assert len(messages) > 30
    assert [text for text in messages if text not in manual] == []
