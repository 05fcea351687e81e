#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the tool beside cp, dd, libhdf5 and an empty process, in one run on this machine, and prints the figures.

Source files are made once in a scratch folder and lie in the page cache; runs of the two sides alternate; every figure is
the median of five with its spread, and only ratios mean anything. Aims are printed beside the figures, never asserted.
Needs h5py and numpy (the peers' Python) and BALLAST_TOOL, as `tools/dev bench quick` sets them.
"""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

TOOL = os.environ["BALLAST_TOOL"]
ROUNDS = 5
TENSORS, BIG_BYTES = 1300, 480 * 10**6
MANY = 100_000

WALK = r"""
#include <hdf5.h>
#include <stdio.h>
static long count;
static herr_t visit(hid_t group, const char* name, const H5L_info_t* link, void* data) {
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    if (H5Iget_type(object) == H5I_DATASET) {
        hid_t space = H5Dget_space(object), type = H5Dget_type(object);
        count += H5Sget_simple_extent_npoints(space) >= 0 && H5Tget_size(type) > 0;
        H5Tclose(type); H5Sclose(space);
    } else {
        H5Literate(object, H5_INDEX_NAME, H5_ITER_INC, NULL, visit, NULL);
    }
    H5Oclose(object);
    return 0;
}
int main(int argc, char** argv) {
    hid_t file = H5Fopen(argv[1], H5F_ACC_RDONLY, H5P_DEFAULT);
    H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, NULL, visit, NULL);
    printf("%ld\n", count);
    return argc != 2;
}
"""

STARTER = r"""
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char** argv) {
    pid_t child = fork();
    if (child == 0) { close(1); close(2); execv(argv[1], argv + 1); _exit(127); }
    int status = argc < 2;
    struct rusage usage;
    wait4(child, &status, 0, &usage);
    printf("%ld\n", usage.ru_maxrss);
    return status != 0;
}
"""


def make_big(path):
    rng = np.random.default_rng(1)
    elements = BIG_BYTES // TENSORS // 4
    with h5py.File(path, "w") as f:
        for i in range(TENSORS // 2):
            group = f.create_group(f"layers/dense{f'_{i}' if i else ''}/vars")
            group.attrs["name"] = f"dense_{i}"
            for key in "01":
                group[key] = rng.standard_normal(elements, dtype=np.float32)


def make_many(path):
    values = np.arange(16, dtype=np.float32)
    with h5py.File(path, "w") as f:
        for i in range(MANY):
            f[f"layers/dense{f'_{i}' if i else ''}/vars/0"] = values


def seconds(command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def alternate(ours, theirs, rounds=ROUNDS):
    """Medians and spreads of both sides, one run of each in turn, after one run of each that is not counted."""
    seconds(ours), seconds(theirs)
    times = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    return [column for column in zip(*times)]


def shown(times):
    return f"{statistics.median(times):.3f} s ({min(times):.3f} to {max(times):.3f})"


def report(title, ours, theirs, peer, aim):
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"{title}\n  ballast {shown(ours)}, {peer} {shown(theirs)}: ratio {ratio:.2f} ({aim})", flush=True)


def peak_kib(folder, command):
    """Peak memory of a fresh process. Linux carries the parent's peak over exec, so the parent must be a tiny one."""
    starter = folder / "starter"
    if not starter.exists():
        source = folder / "starter.c"
        source.write_text(STARTER)
        subprocess.run(["cc", "-O2", "-o", starter, source], check=True)
    return int(subprocess.run([starter, *command], check=True, stdout=subprocess.PIPE).stdout)


def converting(folder, big):
    for target in ("out.safetensors", "out.weights.h5"):
        command = [TOOL, "convert", "-f", "-q", "--no-fsync", big, folder / target]
        ours, theirs = alternate(command, ["cp", "--reflink=never", big, folder / "copy"])
        report(f"convert --no-fsync to {target}", ours, theirs, "cp", "aim <= 1.5")
    command = [TOOL, "convert", "-f", "-q", big, folder / "out.safetensors"]
    dd = ["dd", f"if={big}", f"of={folder / 'copy'}", "bs=8M", "conv=fsync", "status=none"]
    report("convert, durable", *alternate(command, dd), "dd conv=fsync", "no aim")


def inspecting(folder, many, small):
    source = folder / "walk.c"
    source.write_text(WALK)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "hdf5"], capture_output=True, text=True)
    if flags.returncode == 0 and subprocess.run(["gcc", "-O2", "-o", folder / "walk", source, *flags.stdout.split(), "-lhdf5"],
                                                capture_output=True).returncode == 0:
        ours, theirs = alternate([TOOL, "inspect", many], [folder / "walk", many], rounds=3)
        report(f"inspect of {MANY} tensors", ours, theirs, "libhdf5's walk", "aim <= 0.05")
    else:
        print("inspect of many tensors: skipped, libhdf5 is not installed")
    ours, theirs = alternate([TOOL, "inspect", small], ["true"], rounds=21)
    more = (statistics.median(ours) - statistics.median(theirs)) * 1000
    print(f"inspect of a small file\n  ballast {shown(ours)}, empty process {shown(theirs)}: +{more:.1f} ms (aim <= +4 ms)")


def memory(folder, big, many):
    for path, tensors, largest in ((big, TENSORS, BIG_BYTES // TENSORS), (many, MANY, 64)):
        limit = 64 * 1024 + tensors + largest // 1024
        for target in ("out.safetensors", "out.weights.h5"):
            peak = peak_kib(folder, [TOOL, "convert", "-f", "-q", "--no-fsync", "-j", "2", path, folder / target])
            print(f"peak memory, {tensors} tensors to {target}: {peak / 1024:.1f} MiB (bound {limit / 1024:.1f} MiB)", flush=True)


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ballast-bench-"))
    try:
        big, many = folder / "big.weights.h5", folder / "many.weights.h5"
        print("making the source files …", flush=True)
        make_big(big)
        make_many(many)
        for path in (big, many):
            seconds(["cat", path])
        small = pathlib.Path(__file__).resolve().parents[2] / "tests/data/demo/digits.h5"
        converting(folder, big)
        inspecting(folder, many, small)
        memory(folder, big, many)
    finally:
        shutil.rmtree(folder)


main()
