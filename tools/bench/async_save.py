#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how long a ModelCheckpoint of 480 MB holds up its caller, asynchronous against synchronous, in one run.

The first asynchronous save is shown apart: it gets the memory for the copy, which later ones use again. Saves are durable; the two
sides alternate. Only the ratio means anything; the aim is printed beside it, never asserted. Needs BALLAST_BUILD.
"""
import os
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 8


def shown(times):
    return f"{statistics.median(times):.3f} s ({min(times):.3f} to {max(times):.3f})"


def main():
    tool = os.path.join(os.environ["BALLAST_BUILD"], "tests/support/async_tool")
    if not os.access(tool, os.X_OK):
        sys.exit("built without Boost.PFR")
    with tempfile.TemporaryDirectory(prefix="ballast-bench-") as folder:
        done = subprocess.run([tool, "bench", folder, str(ROUNDS)], check=True, stdout=subprocess.PIPE, text=True)
    blocking, background = zip(*(map(float, line.split()) for line in done.stdout.splitlines()))
    ratio = statistics.median(background[1:]) / statistics.median(blocking[1:])
    print(f"ModelCheckpoint of 480 MB, time until it returns\n  asynchronous {shown(background[1:])}, synchronous "
          f"{shown(blocking[1:])}: ratio {ratio:.2f} (aim <= 0.35)\n  the first one {background[0]:.3f} s, "
          f"synchronous {blocking[0]:.3f} s: ratio {background[0] / blocking[0]:.2f}")


main()
