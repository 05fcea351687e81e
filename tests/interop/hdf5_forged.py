# SPDX-License-Identifier: Apache-2.0
"""Forges trees and compares the files with them, as a process of its own that says nothing when all is equal.

    python hdf5_forged.py random FIRST COUNT FOLDER        trees of these seeds
    python hdf5_forged.py many_links|keras_like FOLDER     100,000 tensors
"""

import sys

import hdf5_our_view
import hdf5_trees as trees
import numpy as np


def many_links(count):
    """One group of that many datasets."""
    root = trees.Group()
    group = root.links[b"many"] = trees.Group()
    for i in range(count):
        values = np.arange(i, i + 1 + i % 3, dtype="<f4")
        group.links[b"%d" % i] = trees.Dataset("float32", values.shape, values.tobytes())
    return root


def keras_like(count):
    """That many Keras 3 layers of one variable."""
    root = trees.Group()
    layers = root.links[b"layers"] = trees.Group()
    for i in range(count):
        layer = layers.links[b"dense_%d" % i] = trees.Group()
        layer.attributes[b"name"] = ("string", "utf8", b"dense_%d" % i)
        variables = layer.links[b"vars"] = trees.Group()
        variables.links[b"0"] = trees.Dataset("float32", (4,), np.arange(i, i + 4, dtype="<f4").tobytes())
    return root


LARGE = {"many_links": many_links, "keras_like": keras_like}


def main(what, *rest):
    *numbers, folder = rest
    if what == "random":
        first, count = map(int, numbers)
        forged = {f"{folder}/{seed}.h5": trees.random_tree(seed) for seed in range(first, first + count)}
    else:
        forged = {f"{folder}/{what}.h5": LARGE[what](100_000)}
    trees.forge(forged)
    for path, tree in forged.items():
        # libhdf5 would need most of a minute to open 300,000 objects: all names are compared, and what one in 20 holds.
        trees.compare(path, tree, step=20 if what == "keras_like" else 1)
    hdf5_our_view.compare_all(forged, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
