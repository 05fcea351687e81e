# SPDX-License-Identifier: Apache-2.0
"""Turns layouts.json into C++ constexpr tables. Runs at build time; needs the standard library only.

Usage: generate.py layouts.json layouts.cpp
"""

import json
import sys
from pathlib import Path

FRAMEWORKS = ("keras3", "tf_keras")


class Tables:
    """Named static arrays, each written once."""

    def __init__(self):
        self.lines = []
        self.names = {}

    def array(self, element, items):
        """The name of a span over these initialisers; equal arrays share one."""
        if not items:
            return "{}"
        key = (element, tuple(items))
        if key not in self.names:
            name = f"a{len(self.names)}"
            self.names[key] = name
            body = ",\n    ".join(items)
            self.lines.append(f"constexpr {element} {name}[] = {{\n    {body}}};")
        return self.names[key]


def text(value):
    return json.dumps(value)


def pair(values, default):
    return "{" + ", ".join(text(values.get(fid, default)) for fid in FRAMEWORKS) + "}"


def set_of(fids):
    return "{" + str(sum(1 << FRAMEWORKS.index(fid) for fid in fids)) + "}"


def fields(**values):
    return "{" + ", ".join(f".{name} = {value}" for name, value in values.items() if value is not None) + "}"


def weight(tables, item):
    return fields(
        role=text(item["role"]),
        name=pair(item.get("name", {}), item["role"]),
        tf_edge=pair(item.get("tf", {}), item["role"]),
        dtype=text(item["dtype"]) if "dtype" in item else None,
        key=text(item["key"]) if "key" in item else None,
        same_as=tables.array("std::string_view", [text(name) for name in item.get("same_as", [])]),
        rank=item.get("rank"),
        gates=item.get("gates"),
        trainable="false" if item.get("trainable") is False else None,
        not_in_legacy=set_of(item["not_in_legacy"]) if "not_in_legacy" in item else None,
        not_in_v3=set_of(item["not_in_v3"]) if "not_in_v3" in item else None,
    )


def is_one_of(value, accepted):
    """"a|b*" accepts a and whatever begins with b."""
    return any(value.startswith(one[:-1]) if one.endswith("*") else value == one for one in accepted.split("|"))


def holds(when, config):
    """The conditions of a variant against a plain config; mirrors choose_variant for fixed sub-layers."""
    for key, test in when.items():
        value = config.get(key)
        name, wanted = test if isinstance(test, list) else (test, "")
        mode = value.split("_from_")[0] if isinstance(value, str) and "_from_" in value else None
        verdict = {
            "truthy": bool(value), "falsy": not value, "null": value is None, "not_null": value is not None,
            "equals": is_one_of(str(value), wanted), "not_equals": not is_one_of(str(value), wanted),
            "quantized": mode is not None and is_one_of(mode, wanted), "not_quantized": mode is None,
        }[name]
        if not verdict:
            return False
    return True


def fixed_variant(classes, child, fids):
    """Index of the variant of the sub-layer's class that its parent's arguments lead to."""
    matches = [i for i, item in enumerate(classes[child["class"]]["variants"])
               if set(fids) & set(item["frameworks"]) and holds(item["when"], defaults(classes, child, fids))]
    if len(matches) != 1:
        raise SystemExit(f"{child}: {len(matches)} variants fit in {fids}")
    return matches[0]


def defaults(classes, child, fids):
    known = classes[child["class"]].get("defaults", {})
    return {key: values.get(fids[0]) for key, values in known.items()} | child.get("given", {})


def child(classes, numbers, item, fids):
    attribute = item["attribute"]
    sources = item.get("from", []) + ["", ""]
    fixed = {}
    if "class" in item:
        number = numbers[item["class"]]
        fixed = {"fixed_class": f"&class_table[{number}]",
                 "fixed_variant": f"&v{number}[{fixed_variant(classes, item, fids)}]"}
    return fields(
        attribute=text(attribute),
        stored="{" + ", ".join(text(item.get("path", {}).get(fid, attribute) if fid in fids else "")
                               for fid in FRAMEWORKS) + "}",
        tf_edge=pair(item.get("tf", {}), attribute),
        config_key=text(sources[0]),
        fallback_key=text(sources[1]),
        **fixed,
        layer_name=text(item["layer_name"]) if "layer_name" in item else None,
        each="true" if item.get("each") else None,
    )


def condition(key, test):
    name, value = test if isinstance(test, list) else (test, "")
    return fields(key=text(key), test=f"Test::{name}", value=text(value))


def order(tables, item, which):
    """Child indices per framework; "{}" where the children stand in that order already."""
    listed = item.get(which, {})
    attributes = [sub["attribute"] for sub in item.get("children", [])]
    lead = item["frameworks"][0]  # also for a framework that lacks the class: a file of it can only be the other's
    orders = [listed.get(fid if fid in item["frameworks"] else lead, attributes) for fid in FRAMEWORKS]
    spans = [tables.array("std::uint8_t", [str(attributes.index(name)) for name in order]) for order in orders]
    return "{{" + ", ".join(spans) + "}}"


def own_order(tables, item):
    """Indices of the own weights in legacy files per framework; "{}" where trainable ones simply come first."""
    roles = [weight["role"] for weight in item["weights"]]
    listed = item.get("legacy_weights", {})
    return "{{" + ", ".join(tables.array("std::uint8_t", [str(roles.index(role)) for role in listed.get(fid, [])])
                            for fid in FRAMEWORKS) + "}}"


def variant(tables, classes, numbers, item):
    fids = item["frameworks"]
    return fields(
        frameworks=set_of(fids),
        when=tables.array("Condition", [condition(key, test) for key, test in item["when"].items()]),
        weights=tables.array("OwnWeight", [weight(tables, w) for w in item["weights"]]),
        children=tables.array("Child", [child(classes, numbers, c, fids) for c in item.get("children", [])]),
        legacy_weights=own_order(tables, item),
        order="{{" + order(tables, item, "save_order") + ", " + order(tables, item, "legacy_order") + "}}",
    )


def config_value(value):
    if value is None:
        return "{.type = ConfigValue::Type::null}"
    if isinstance(value, bool):
        return f"{{.type = ConfigValue::Type::boolean, .boolean = {str(value).lower()}}}"
    kind = "text" if isinstance(value, str) else "number"
    return f"{{.type = ConfigValue::Type::{kind}, .text = {text(str(value))}}}"


def default_rows(entry):
    return [fields(key=text(key), frameworks=set_of([fid]), value=config_value(value))
            for key, values in entry.get("defaults", {}).items() for fid, value in values.items()]


def by_dependence(classes):
    """Class names such that fixed sub-layers come before their parents."""
    done, rest = [], list(classes)
    while rest:
        ready = [name for name in rest if all(sub["class"] in done for item in classes[name]["variants"]
                                              for sub in item.get("children", []) if "class" in sub)]
        if not ready:
            raise SystemExit(f"fixed sub-layers form a cycle among {rest}")
        done += ready
        rest = [name for name in rest if name not in ready]
    return done


def generate(data):
    classes = dict(sorted(data["classes"].items()))
    numbers = {name: i for i, name in enumerate(classes)}
    tables = Tables()
    rows = {}
    for name in by_dependence(classes):
        entry, number = classes[name], numbers[name]
        items = [variant(tables, classes, numbers, item) for item in entry["variants"]]
        tables.lines.append(f"constexpr Variant v{number}[] = {{\n    " + ",\n    ".join(items) + "};")
        rows[name] = fields(
            name=text(name), key=text(entry["key"]), kind=f"Kind::{entry['kind']}",
            frameworks=set_of(entry["frameworks"]),
            defaults=tables.array("Default", default_rows(entry)), variants=f"v{number}")
    aliases = [f"{{{text(alias)}, &class_table[{numbers[name]}]}}" for alias, name in data["aliases"].items()]
    weights = [f"{{{text(old)}, {text(new)}}}" for old, new in data["old_weight_names"].items()]
    keys = [f"{{{text(old)}, {text(new)}}}" for new, olds in data["old_config_keys"].items() for old in olds]
    last = [fid for fid, place in data["legacy"]["own_weights_of_models"].items() if place == "last"]
    return "\n".join([
        "// Generated from layouts.json by tools/layouts/generate.py. Do not edit.",
        '#include "model/layout_table.h"\n',
        "namespace ballast::layout::table {\n",
        f"extern const ClassLayout class_table[{len(classes)}];",
        "namespace {\n",
        *tables.lines,
        f"constexpr Alias alias_table[] = {{\n    " + ",\n    ".join(sorted(aliases)) + "};",
        f"constexpr Renamed weight_table[] = {{\n    " + ",\n    ".join(weights) + "};",
        f"constexpr Renamed key_table[] = {{\n    " + ",\n    ".join(keys) + "};",
        "}  // namespace\n",
        f"constinit const ClassLayout class_table[{len(classes)}] = {{\n    "
        + ",\n    ".join(rows[name] for name in classes) + "};",
        "constinit const std::span<const ClassLayout> classes{class_table};",
        "constinit const std::span<const Alias> aliases{alias_table};",
        "constinit const std::span<const Renamed> old_weight_names{weight_table};",
        "constinit const std::span<const Renamed> old_config_keys{key_table};",
        f"constinit const FrameworkSet model_weights_last{set_of(last)};\n",
        "}  // namespace ballast::layout::table\n",
    ])


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(generate(json.loads(Path(sys.argv[1]).read_text())))
