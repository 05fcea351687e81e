# SPDX-License-Identifier: Apache-2.0
"""Turns signatures.json and rules.json into the C++ tables of config migration. Build time; standard library only.

Usage: generate_migration.py signatures.json rules.json tables.cpp
"""

import json
import sys
from pathlib import Path

from generate import Tables, fields, text

# Written where an old config lacks the key; the other changed defaults are spelled differently and mean the same.
SAME_MEANING = {"alpha_initializer", "dilation_rate", "strides", "padding"}


def value(data):
    """A JSON value as a C++ string literal that holds its text."""
    return text(json.dumps(data))


def strings(tables, items):
    return tables.array("std::string_view", [text(item) for item in items])


def pairs(tables, items):
    return tables.array("KeyText", [f"{{{text(key)}, {value(data)}}}" for key, data in items.items()])


def classes(tables, signatures, rules):
    """`more_keys` are those that constructors take out of their **kwargs, which signatures do not show."""
    rows = []
    for kind, known in signatures["classes"].items():
        for name, row in known.items():
            changed = {key: data for key, data in row.get("changed", {}).items() if key not in SAME_MEANING}
            accepts = sorted([*row["accepts"], *rules["more_keys"].get(name, [])])
            rows.append(((kind, name), fields(
                kind=f"Kind::{kind}", name=text(name), accepts=strings(tables, accepts),
                only_before=pairs(tables, row.get("only_before", {})), changed=pairs(tables, changed),
                only_after=pairs(tables, row.get("only_after", {})), in_keras2=str(row.get("in_keras2", False)).lower())))
    for name, row in rules["private_classes"].items():
        rows.append((("layer", name), fields(
            kind="Kind::layer", name=text(name), accepts=strings(tables, sorted(row["accepts"])),
            module_name=text(row["module"]))))
    return [row for _, row in sorted(rows)]


def argument(key, source):
    return fields(key=text(key), source=text(source[0]), fallback=value(source[1]),
                  conversion=f"Conversion::{source[2] if len(source) > 2 else 'none'}")


def arguments(tables, items):
    return tables.array("Argument", [argument(key, source) for key, source in items.items()])


def operation(tables, rule):
    module, _, name = rule["op"].partition(".")
    return fields(module_name=text(module), name=text(name), config=arguments(tables, rule.get("config", {})),
                  fixed=pairs(tables, rule.get("fixed", {})))


def function(tables, name, rule):
    allowed = [f"{{{text(key)}, {value(data)}}}" for key, values in rule.get("allowed", {}).items() for data in values]
    return fields(
        name=text(name), operation=operation(tables, rule), operands=strings(tables, rule.get("operands", [])),
        call=arguments(tables, rule.get("call", {})), allowed=tables.array("KeyText", allowed),
        special=f"Special::{rule.get('special', 'none')}",
        then="Operation" + operation(tables, rule["then"]) if "then" in rule else None)


def backward(tables, operation, rule):
    """How Keras 2 writes an operation of Keras 3: only where the row of the function, read backwards, does not say it."""
    return fields(
        operation=text(operation), function=text(rule["function"]), operands=strings(tables, rule.get("operands", [])),
        config=arguments(tables, rule.get("config", {})), fixed=pairs(tables, rule.get("fixed", {})),
        set=pairs(tables, rule.get("set", {})), call=arguments(tables, rule.get("call", {})),
        ignored=strings(tables, rule.get("ignored", [])), last=str(rule.get("last", False)).lower())


def renames(items):
    return [f"{{{text(old)}, {text(new)}}}" for old, new in sorted(items.items())]


def drops(tables, items):
    rows = []
    for key, scope, when in items:
        rows.append(fields(key=text(key), classes=strings(tables, [] if scope == "*" else scope),
                           always=str(when == "always").lower(),
                           values=tables.array("std::string_view", [] if when == "always" else map_values(when))))
    return rows


def map_values(items):
    return [value(item) for item in items]


def generate(signatures, rules):
    tables = Tables()
    spans = {
        "classes": ("KerasClass", classes(tables, signatures, rules)),
        "class_aliases": ("Rename", renames(signatures["aliases"])),
        "layer_classes": ("LayerClass", [
            fields(old_name=text(name), name=text(row[0]), set=pairs(tables, row[1] if len(row) > 1 else {}))
            for name, row in sorted(rules["layer_classes"].items())]),
        "refused_classes": ("Rename", renames(rules["refused_classes"])),
        "changed_meaning": ("Rename", renames(rules["changed_meaning"])),
        "key_renames": ("KeyRename", [f"{{{text(a)}, {text(b)}, {text(c)}}}" for a, b, c in rules["renames"]]),
        "drops": ("Drop", drops(tables, rules["drops"])),
        "old_defaults": ("OldDefault", [f"{{{text(a)}, {text(b)}, {value(c)}, {text(d or '')}}}"
                                        for a, b, c, d in rules["old_defaults"]]),
        "value_renames": ("ValueRename", [f"{{{text(a)}, {value(b)}, {value(c)}}}" for a, b, c in rules["values"]]),
        "refused_values": ("ValueRename", [f"{{{text(a)}, {text(b)}, {value(c)}}}"
                                           for a, b, c in rules["refused_values"]]),
        "activations": ("Rename", renames(rules["activations"])),
        "initializers": ("Rename", renames(rules["initializers"])),
        "losses": ("Rename", renames(rules["losses"])),
        "optimizers": ("Rename", renames(rules["optimizers"])),
        "metric_functions": ("Rename", renames(rules["metric_functions"])),
        "operations": ("Rename", renames(signatures["operations"])),
        "functions": ("Function", [function(tables, name, rule) for name, rule in sorted(rules["functions"].items())]),
        "functions_of_operations": ("Backward", [
            backward(tables, name, rule) for name, rule in sorted(rules["functions_of_operations"].items())]),
    }
    arrays, views = [], []
    for name, (element, rows) in spans.items():
        arrays.append(f"constexpr {element} {name}_rows[] = {{\n    " + ",\n    ".join(rows) + "};")
        views.append(f"constinit const std::span<const {element}> {name}{{{name}_rows}};")
    return "\n".join([
        "// Generated from signatures.json and rules.json by tools/layouts/generate_migration.py. Do not edit.",
        '#include "model/migrate/tables.h"\n', "namespace ballast::migrate::table {\n", "namespace {\n",
        *tables.lines, *arrays, "}  // namespace\n", *views, "\n}  // namespace ballast::migrate::table\n"])


if __name__ == "__main__":
    sources = [json.loads(Path(name).read_text()) for name in sys.argv[1:3]]
    Path(sys.argv[3]).write_text(generate(*sources))
