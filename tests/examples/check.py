#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that a document shows an example as it is, and that it runs: check.py SOURCE DOCUMENT PROGRAM ARGUMENT…

In the arguments @SCRATCH@ stands for an empty folder. What the program prints must be in the document too.
"""
import pathlib
import subprocess
import sys
import tempfile


def main():
    source, document, program, *arguments = sys.argv[1:]
    page = pathlib.Path(document).read_text()
    code = pathlib.Path(source).read_text().split("\n", 1)[1]  # the licence line is not shown
    wrong = []
    if f"```cpp\n{code}```" not in page:
        wrong.append(f"{document} does not show {source} as it is")
    with tempfile.TemporaryDirectory() as scratch:
        words = [word.replace("@SCRATCH@", scratch) for word in arguments]
        done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60)
        printed = done.stdout.replace(scratch + "/", "")
    if done.returncode != 0:
        wrong.append(f"{program} ended with {done.returncode}\n{done.stderr}")
    elif f"```\n{printed}```" not in page:
        wrong.append(f"{document} does not show what {program} prints:\n{printed}")
    print("\n".join(wrong) or "the document shows the example")
    return 1 if wrong else 0


sys.exit(main())
