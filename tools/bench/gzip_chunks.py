#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loads gzip-compressed chunks into memory, beside H5Dread, in one run on this machine, and prints the figures.

Both sides read the same file from the page cache into fresh memory and time themselves without their start; runs of the two
alternate; every figure is the median of five with its spread, and only ratios mean anything. The aim is printed beside them,
never asserted. H5Dread is that of the system's libhdf5 (a C program built here) and that of h5py. Needs h5py and numpy (the
peers' Python), BALLAST_TOOL and BALLAST_BUILD, as `tools/dev bench gzip_chunks` sets them.
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

ROUNDS = 5
SHAPE = (64 * 1024, 1024)  # float32: 256 MiB
CHUNKS = (256, 1024)  # 1 MiB

H5DREAD = r"""
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
int main(int argc, char** argv) {
    double begin = now();
    hid_t file = H5Fopen(argv[1], H5F_ACC_RDONLY, H5P_DEFAULT), set = H5Dopen2(file, "x", H5P_DEFAULT);
    hid_t space = H5Dget_space(set);
    hssize_t count = H5Sget_simple_extent_npoints(space);
    float* values = malloc(count * sizeof(float));
    if (H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) return 1;
    printf("%.6f %lld\n", now() - begin, (long long)(count * sizeof(float)));
    return argc != 2;
}
"""


def make(path, shuffle):
    """Weights as they come: normal deviates, which deflate shrinks by a tenth (a sixth when shuffled)."""
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        made = file.create_dataset("x", SHAPE, "<f4", chunks=CHUNKS, compression="gzip", compression_opts=4, shuffle=shuffle)
        for start in range(0, SHAPE[0], 4096):
            made[start : start + 4096] = rng.standard_normal((4096, SHAPE[1]), dtype=np.float32)
    return path


def build_h5dread(folder):
    source = folder / "h5dread.c"
    source.write_text(H5DREAD)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "hdf5"], capture_output=True, text=True)
    if flags.returncode:
        return None
    done = subprocess.run(["gcc", "-O2", "-o", folder / "h5dread", source, *flags.stdout.split(), "-lhdf5"])
    return None if done.returncode else folder / "h5dread"


def seconds(command):
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert int(out[1]) == SHAPE[0] * SHAPE[1] * 4, command
    return float(out[0])


def h5py_seconds(path):
    begin = time.perf_counter()
    with h5py.File(path) as file:
        file["x"][...]
    return time.perf_counter() - begin


def converted_seconds(path, threads):
    """The engine: everything decoded, nothing stored; with the start of the process."""
    begin = time.perf_counter()
    subprocess.run([os.environ["BALLAST_TOOL"], "convert", "-q", "-j", str(threads), path, "nothing", "--to", "null"], check=True)
    return time.perf_counter() - begin


def shown(times):
    return f"{statistics.median(times):.3f} s ({min(times):.3f} to {max(times):.3f})"


def measure(title, sides):
    """sides: {name: function}; the first is ours."""
    for run in sides.values():
        run()
    times = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, run in sides.items():
            times[name].append(run())
    ours, *others = sides
    print(f"{title}\n  {ours} {shown(times[ours])}", flush=True)
    for name in others:
        ratio = statistics.median(times[name]) / statistics.median(times[ours])
        print(f"  {name} {shown(times[name])}: {ratio:.2f} times as long", flush=True)


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ballast-bench-"))
    load = pathlib.Path(os.environ["BALLAST_BUILD"]) / "tests/support/loadtime"
    if not load.exists():
        sys.exit(f"{load} is not built")
    try:
        h5dread = build_h5dread(folder)
        for title, shuffle in (("gzip", False), ("shuffle and gzip", True)):
            path = make(folder / f"{title}.h5", shuffle)
            megabytes = path.stat().st_size / 1e6
            sides = {"ballast": lambda: seconds([load, path])}
            if h5dread:
                sides["H5Dread"] = lambda: seconds([h5dread, path])
            sides["h5py"] = lambda: h5py_seconds(path)
            sides["ballast convert -j 2"] = lambda: converted_seconds(path, 2)
            sides["ballast convert -j 1"] = lambda: converted_seconds(path, 1)
            measure(f"{title}: 268.4 MB from {megabytes:.1f} MB on {os.cpu_count()} processors (aim: H5Dread >= 3 times)", sides)
            path.unlink()
    finally:
        shutil.rmtree(folder)


main()
