# SPDX-License-Identifier: Apache-2.0
"""Judges: live models against remembered weights and predictions, HDF5 trees against each other."""

import h5py
import numpy as np
from architectures import predict
from model_walk import same_bytes, slots, text


def assert_weights(model, expected, by_position=False):
    """Every weight of `model` equals, bit for bit, the expected one of the same layer and role.

    `expected` is what Source.values holds: key -> array in walk order. By position only where the two
    frameworks refuse each other's layer names; the roles must agree even then.
    """
    found = {slot.key: slot.value for slot in slots(model)}
    if by_position:
        assert [key[-1] for key in found] == [key[-1] for key in expected]
        pairs = list(zip(found, expected))
    else:
        assert set(found) == set(expected)
        pairs = [(key, key) for key in expected]
    wrong = [target for target, source in pairs if not same_bytes(found[target], expected[source])]
    assert not wrong, f"{len(wrong)} of {len(pairs)} weights differ: {wrong[:8]}{hint(found, expected, wrong)}"


def hint(found, expected, wrong):
    """Says whose values arrived instead, which tells a permutation from a plain error."""
    lines = []
    for key in wrong[:4]:
        owner = [other for other, value in expected.items() if same_bytes(found[key], value)]
        lines.append(f"\n  {key} holds {'the values of ' + str(owner[0]) if owner else 'values from nowhere'}")
    return "".join(lines)


def assert_all_differ(model, expected):
    """The state before our file is loaded: nothing may already be right."""
    for slot, value in zip(slots(model), expected.values()):
        assert slot.value.shape == value.shape
        assert value.size == 0 or not same_bytes(slot.value, value), f"{slot.key} was right before loading"


def assert_predictions(model, expected, exact, tolerance):
    for found, wanted in zip(predict(model), expected, strict=True):
        if exact:
            np.testing.assert_array_equal(found, wanted)
        else:
            scale = float(np.max(np.abs(wanted), initial=0.0))
            np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * scale)


# ---- HDF5 trees ------------------------------------------------------------------------------------------------------


def tree(path):
    """Everything in an HDF5 file, as path -> comparable value, through h5py."""
    found = {}
    with h5py.File(path, "r") as f:
        found["/"] = describe(f)
        f.visititems(lambda name, node: found.update({name: describe(node)}))
    return found


def describe(node):
    if isinstance(node, h5py.Dataset):
        value = node[()]
        return ("dataset", str(node.dtype), node.shape, np.asarray(value).tobytes(), attributes(node))
    return ("group", attributes(node))


def attributes(node):
    return {key: (str(node.attrs.get_id(key).dtype), value_of(node.attrs[key])) for key in node.attrs}


def value_of(value):
    return [text(item) for item in value] if isinstance(value, np.ndarray) else text(value)


def assert_same_tree(found, expected):
    """Equal groups, datasets, dtypes, shapes, bytes and attributes."""
    a, b = tree(found), tree(expected)
    assert set(a) == set(b), f"only ours: {sorted(set(a) - set(b))[:5]}, only theirs: {sorted(set(b) - set(a))[:5]}"
    wrong = [name for name in b if a[name] != b[name]]
    assert not wrong, f"{len(wrong)} differ, first {wrong[0]}: {str(a[wrong[0]])[:300]} != {str(b[wrong[0]])[:300]}"


def datasets(path):
    """path -> (dtype name, shape, little-endian bytes) of every dataset; opaque pairs of bytes are bfloat16."""
    found = {}

    def visit(name, node):
        if isinstance(node, h5py.Dataset):
            value = np.asarray(node[()])
            kind = "bfloat16" if value.dtype == np.dtype("V2") else value.dtype.newbyteorder("=").name
            found[name] = (kind, value.shape, value.astype(value.dtype.newbyteorder("<")).tobytes())

    with h5py.File(path, "r") as f:
        f.visititems(visit)
    return found


def assert_like_keras_own(found, keras_own):
    """Our v3 file has exactly the datasets of the file Keras writes itself, and gives layers the same names.

    Groups without datasets do not matter to Keras' loader: they may be missing, and a source may bring more.
    """
    ours, theirs = tree(found), tree(keras_own)

    def weights(nodes):
        return {name: node for name, node in nodes.items()
                if node[0] == "dataset" and not name.startswith("optimizer/")}

    assert set(weights(ours)) == set(weights(theirs))
    for name, node in weights(theirs).items():
        assert ours[name][1:3] == node[1:3], name
        assert ours[name][4] == node[4], name
    for name, node in ours.items():
        if is_member_of_a_model(name) and name in theirs:
            assert node == theirs[name] or node[1] == {}, f"{name}: {node} != {theirs[name]}"


def is_member_of_a_model(name):
    """Whether the user named this layer: names of layers inside of layers are the framework's own affair."""
    return name.endswith("/vars") and name.split("/")[-3:-2] == ["layers"]
