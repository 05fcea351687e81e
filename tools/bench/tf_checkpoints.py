#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures TensorFlow checkpoints: listing 100,000 tensors beside TensorFlow's own reader, converting 480 MB beside cp.

As quick.py: files made once (by TensorFlow), in the page cache; both sides in turn in one run; medians with their spread;
only ratios mean anything. TensorFlow's side is a call in a process that has imported it, ours a whole process.
Run by `tools/dev bench tf_checkpoints`.
"""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import tensorflow as tf

TOOL = os.environ["BALLAST_TOOL"]
ROUNDS = 5
TENSORS, BIG_BYTES = 1300, 480 * 10**6
MANY = 100_000


def save(prefix, values):
    names = list(values)
    tf.raw_ops.SaveV2(prefix=str(prefix), tensor_names=names, shape_and_slices=[""] * len(names), tensors=list(values.values()))


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def run(*command):
    return lambda: subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def compare(title, ours, theirs, peer, aim):
    ours(), theirs()
    times = [(seconds(ours), seconds(theirs)) for _ in range(ROUNDS)]
    a, b = (statistics.median(column) for column in zip(*times))
    shown = [f"{statistics.median(t):.3f} s ({min(t):.3f} to {max(t):.3f})" for t in zip(*times)]
    print(f"{title}\n  ballast {shown[0]}, {peer} {shown[1]}: {aim(a, b)}", flush=True)


def peak_mib(*command):
    """Of a child of a small process: Linux carries a parent's peak over exec."""
    text = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, "
            "stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    done = subprocess.run([sys.executable, "-S", "-c", text, *map(str, command)], check=True, stdout=subprocess.PIPE)
    return int(done.stdout) / 1024


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ballast-bench-"))
    try:
        print("making the source files …", flush=True)
        rng = np.random.default_rng(1)
        elements = BIG_BYTES // TENSORS // 4
        save(folder / "big", {f"layer_{i}/kernel": rng.standard_normal(elements, dtype=np.float32) for i in range(TENSORS)})
        sixteen = tf.constant(np.arange(16, dtype=np.float32))
        save(folder / "many", {f"layer_{i}/kernel": sixteen for i in range(MANY)})
        compare(f"inspect of {MANY} tensors", run(TOOL, "inspect", folder / "many"),
                lambda: tf.train.list_variables(str(folder / "many")), "tf.train.list_variables",
                lambda a, b: f"{b / a:.2f} times as fast (aim >= 5)")
        out = folder / "out.safetensors"
        data = folder / "big.data-00000-of-00001"
        compare("convert --no-fsync to safetensors, checksums verified", run(TOOL, "convert", "-f", "-q", "--no-fsync", folder / "big", out),
                run("cp", "--reflink=never", data, folder / "copy"), "cp", lambda a, b: f"ratio {a / b:.2f} (aim <= 1.5)")
        compare("convert --no-fsync to a checkpoint, checksums verified and computed",
                run(TOOL, "convert", "-f", "-q", "--no-fsync", "--to", "tf", folder / "big", folder / "out"),
                run("cp", "--reflink=never", data, folder / "copy"), "cp", lambda a, b: f"ratio {a / b:.2f} (no aim)")
        for name, tensors, largest in (("big", TENSORS, elements * 4), ("many", MANY, 64)):
            limit = 64 + tensors / 1024 + largest / 2**20
            peak = peak_mib(TOOL, "convert", "-f", "-q", "--no-fsync", "-j", "2", folder / name, out)
            print(f"peak memory, {tensors} tensors to safetensors: {peak:.1f} MiB (bound {limit:.1f} MiB)", flush=True)
    finally:
        shutil.rmtree(folder)


main()
