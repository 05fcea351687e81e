# SPDX-License-Identifier: Apache-2.0
"""Turns what two probes saw into the one table: drops axes that change nothing, joins the frameworks."""

from generate import FRAMEWORKS, holds
from recipes import MERGED


def merge(probes, hand):
    """`probes`: {framework id: output of probe.py}; `hand`: old_classes.json."""
    by_framework = {fid: reduced_classes(probes[fid]) for fid in FRAMEWORKS}
    fill_in_axes(by_framework)
    classes = {}
    for name in sorted(set(by_framework["keras3"]) | set(by_framework["tf_keras"])):
        classes[name] = join(name, {fid: by_framework[fid].get(name) for fid in FRAMEWORKS}, probes)
    link_fixed_children(classes)
    add_weightless(classes, probes)
    add_hand_written(classes, hand)
    return {
        "schema": 1,
        "frameworks": {fid: probes[fid]["version"] for fid in FRAMEWORKS},
        "aliases": merged_aliases(classes, probes, hand),
        "classes": dict(sorted(classes.items())),
        "excluded": excluded(probes, hand),
        "legacy": {"own_weights_of_models": {fid: probes[fid]["models"]["own"] for fid in FRAMEWORKS}},
        "old_config_keys": hand["old_config_keys"],
        "old_weight_names": hand["old_weight_names"],
    }


# --- one framework ---------------------------------------------------------------------------------------------


def reduced_classes(probe):
    """{class: {"axes", "defaults", "variants": [{"when", "layout"}], "kind"}}; several recipes of a class joined."""
    found = {}
    for recipe in probe["recipes"]:
        for row in recipe["rows"]:
            simplify(row["layout"])
        if recipe["name"] in found:
            blur(found[recipe["name"]]["rows"], recipe["rows"])
        else:
            found[recipe["name"]] = recipe
    for recipe in found.values():
        drop_idle_axes(recipe)
    return found


def simplify(layout):
    for weight in layout["weights"]:
        weight["same_as"] = [weight["same_as"]] if weight["same_as"] else []
    for child in layout["children"]:
        if child["from"] or child["each"]:
            child["class"] = child["layer_name"] = ""
            child["config"] = {}


def blur(rows, others):
    """Two recipes of one class: what differs between them depends on the input or the wrapped layer."""
    for row, other in zip(rows, others, strict=True):
        for weight, twin in zip(row["layout"]["weights"], other["layout"]["weights"], strict=True):
            weight["same_as"] += [name for name in twin["same_as"] if name not in weight["same_as"]]
            if weight["rank"] != twin["rank"]:
                weight["rank"] = -1
        if len(row["layout"]["legacy_order"]) < len(other["layout"]["legacy_order"]):
            row["layout"]["legacy_order"] = other["layout"]["legacy_order"]


def drop_idle_axes(recipe):
    for key in list(recipe["axes"]):
        groups = {}
        for row in recipe["rows"]:
            rest = tuple(sorted((k, str(v)) for k, v in row["when"].items() if k != key))
            groups.setdefault(rest, []).append(row)
        if any(seen(row) != seen(rows[0]) for rows in groups.values() for row in rows[1:]):
            continue
        recipe["axes"].remove(key)
        recipe["defaults"].pop(key)
        recipe["rows"] = [rows[0] for rows in groups.values()]
        for row in recipe["rows"]:
            row["when"].pop(key)


def seen(row):
    """The layout as far as it may decide a variant: a fixed child's config counts only through its own layout,
    so it must stay; a nested one's does not."""
    return row["layout"]["weights"], [
        (c["attribute"], c["class"], {k: v for k, v in c["config"].items() if k not in ("name", "seed")})
        for c in row["layout"]["children"]]


def fill_in_axes(by_framework):
    """tf_keras lacks some of Keras 3's options (quantization, use_gate): it behaves as Keras 3's default."""
    for name, recipe in by_framework["tf_keras"].items():
        other = by_framework["keras3"].get(name, {"axes": ()})
        for key in other["axes"]:
            if key in recipe["axes"]:
                continue
            default = other["defaults"][key]
            tests = [row["when"][key] for row in other["rows"]]
            test = next(t for t in tests if holds({key: t}, {key: default}))
            if key not in MERGED:
                recipe["defaults"][key] = default
            for row in recipe["rows"]:
                row["when"][key] = test


# --- both frameworks -------------------------------------------------------------------------------------------


def join(name, sides, probes):
    present = [fid for fid in FRAMEWORKS if sides[fid]]
    first = sides[present[0]]
    entry = {"kind": first["kind"], "frameworks": present, "key": probes[present[0]]["keys"][name]}
    defaults = {}
    for fid in present:
        for key, value in sides[fid]["defaults"].items():
            if key == "dtype":
                continue  # a missing dtype is not quantized, whatever its name
            defaults.setdefault(key, {})[fid] = value
    if defaults:
        entry["defaults"] = dict(sorted(defaults.items()))
    entry["variants"] = join_variants({fid: sides[fid]["rows"] for fid in present})
    attributes = {sub["attribute"] for item in entry["variants"] for sub in item.get("children", [])}
    if len({plain(attribute) for attribute in attributes}) != len(attributes):
        raise SystemExit(f"{name}: one sub-layer goes by two attributes: {sorted(attributes)}")
    return entry


def join_variants(rows):
    """A variant of both frameworks where conditions, variables and sub-layers agree, else one each."""
    joined = []
    for fid, side in rows.items():
        for row in side:
            twin = next((v for v in joined if agrees(v, row)), None)
            if twin is None:
                joined.append({"when": row["when"], "layouts": {fid: row["layout"]}})
            else:
                twin["layouts"][fid] = row["layout"]
    return [variant(v["when"], v["layouts"]) for v in joined]


def agrees(variant_so_far, row):
    other = next(iter(variant_so_far["layouts"].values()))
    mine = row["layout"]
    return (variant_so_far["when"] == row["when"]
            and len(other["weights"]) == len(mine["weights"])
            and all(weight_shape(a) == weight_shape(b) for a, b in zip(other["weights"], mine["weights"]))
            and {plain(c["attribute"]) for c in other["children"]} == {plain(c["attribute"]) for c in mine["children"]})


def weight_shape(weight):
    return weight["trainable"], weight["v3"], weight["dtype"], weight["key"], weight["rank"], weight["gates"], weight["same_as"]


def plain(attribute):
    return attribute.removeprefix("_")


def variant(when, layouts):
    fids = [fid for fid in FRAMEWORKS if fid in layouts]
    lead = layouts[fids[0]]
    result = {"when": when, "frameworks": fids, "weights": [weight(i, layouts, fids) for i in range(len(lead["weights"]))]}
    children = [child(c, layouts, fids) for c in lead["children"]]
    if children:
        result["children"] = children
    for order, names in (("save_order", lambda l: [c["attribute"] for c in l["children"]]),
                         ("legacy_order", lambda l: l["legacy_order"])):
        listed = {fid: [canonical(name, lead) for name in names(layouts[fid])] for fid in fids}
        listed = {fid: value for fid, value in listed.items() if value != [c["attribute"] for c in children]
                  and len(value) == len(children)}
        if listed:
            result[order] = listed
    own = {fid: own_order(layouts[fid], lead) for fid in fids}
    if any(own.values()):
        result["legacy_weights"] = {fid: roles for fid, roles in own.items() if roles}
    empty = {fid: layouts[fid]["empty"] for fid in fids if layouts[fid]["empty"]}
    if empty:
        result["empty_groups"] = empty
    return result


def own_order(layout, lead):
    """Roles in the order of a legacy file, where that is not simply trainable ones first."""
    roles = [weight["role"] for weight in layout["weights"]]
    plain_order = sorted(range(len(roles)), key=lambda i: not layout["weights"][i]["trainable"])
    listed = [roles.index(role) for role in layout["legacy_weights"]]
    return [] if listed == plain_order else [lead["weights"][i]["role"] for i in listed]


def canonical(attribute, lead):
    return next(c["attribute"] for c in lead["children"] if plain(c["attribute"]) == plain(attribute))


def weight(i, layouts, fids):
    lead = layouts[fids[0]]["weights"][i]
    role = lead["role"]
    found = {"role": role}
    if not lead["trainable"]:
        found["trainable"] = False
    for key in ("dtype", "key", "gates", "same_as"):
        if lead[key]:
            found[key] = lead[key]
    if lead["rank"] >= 0:
        found["rank"] = lead["rank"]
    names = {fid: layouts[fid]["weights"][i]["role"] for fid in fids}
    edges = {fid: layouts[fid]["weights"][i]["tf"] for fid in fids}
    found |= {key: {fid: name for fid, name in values.items() if name != role}
              for key, values in (("name", names), ("tf", edges)) if any(v != role for v in values.values())}
    for key, place in (("not_in_legacy", "legacy"), ("not_in_v3", "v3")):
        lost = [fid for fid in fids if not layouts[fid]["weights"][i][place]]
        if lost:
            found[key] = lost
    return found


def child(lead, layouts, fids):
    attribute = lead["attribute"]
    twins = {fid: next(c for c in layouts[fid]["children"] if plain(c["attribute"]) == plain(attribute))
             for fid in fids}
    found = {"attribute": attribute}
    if lead["each"]:
        found["each"] = True
    if lead["from"]:
        found["from"] = lead["from"]
    else:
        found["class"] = lead["class"]
        found["layer_name"] = lead["layer_name"]
        found["config"] = lead["config"]
    paths = {fid: twin["attribute"] for fid, twin in twins.items() if twin["attribute"] != attribute}
    edges = {fid: twin["tf"] for fid, twin in twins.items() if twin["tf"] != attribute}
    return found | ({"path": paths} if paths else {}) | ({"tf": edges} if edges else {})


def link_fixed_children(classes):
    """A fixed child's config shrinks to the keys that choose its variant."""
    for entry in classes.values():
        for item in entry["variants"]:
            for sub in item.get("children", []):
                if "class" in sub:
                    keys = classes[sub["class"]].get("defaults", {})
                    given = {key: sub["config"][key] for key in sorted(keys) if key in sub["config"]}
                    del sub["config"]
                    if given:
                        sub["given"] = given


def add_weightless(classes, probes):
    found = {}
    for fid in FRAMEWORKS:
        for name, verdict in probes[fid]["weightless"].items():
            if verdict == "weightless":
                found.setdefault(name, []).append(fid)
    models = {fid: probes[fid]["models"]["classes"] for fid in FRAMEWORKS}
    for name, fids in found.items():
        if name in classes:
            raise SystemExit(f"{name} owns variables in one framework only; give it a recipe for both")
        classes[name] = {"kind": "layer", "frameworks": fids, "key": probes[fids[0]]["keys"][name], "variants": [
            {"when": {}, "frameworks": fids, "weights": []}]}
    for name in models["keras3"]:
        fids = [fid for fid in FRAMEWORKS if name in models[fid]]
        classes[name] = {"kind": "model", "frameworks": fids, "key": probes["keras3"]["keys"][name], "variants": [
            {"when": {}, "frameworks": fids, "weights": [],
             "children": [{"attribute": "layers", "each": True, "from": ["layers"]}]}]}


def add_hand_written(classes, hand):
    for name, entry in hand["classes"].items():
        classes[name] = entry
    for name, old in hand["old_variants"].items():
        classes[name].setdefault("defaults", {})[old["key"]] = old["default"]
        classes[name]["variants"].insert(0, old["variant"])  # the first variant that fits counts
    for name, values in hand["absent_means"].items():
        for key, by_framework in values.items():
            if key in classes[name]["defaults"]:
                classes[name]["defaults"][key] |= by_framework


def merged_aliases(classes, probes, hand):
    found = dict(hand["aliases"])
    for fid in FRAMEWORKS:
        for alias, name in probes[fid]["aliases"].items():
            if alias not in classes:
                found[alias] = name
    unknown = sorted(alias for alias, name in found.items() if name not in classes)
    if unknown:
        raise SystemExit(f"aliases of unknown classes: {unknown}")
    return dict(sorted(found.items()))


def excluded(probes, hand):
    found = {fid: {name: verdict.removeprefix("excluded: ") for name, verdict in probes[fid]["weightless"].items()
                   if verdict.startswith("excluded")} for fid in FRAMEWORKS}
    found["keras1"] = hand["excluded"]
    return found
