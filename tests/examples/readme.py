#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs an example in a folder with the files that README.md speaks of: readme.py PROGRAM TESTS_FOLDER WHAT_IT_PRINTS FILE…

It must end with 0, print that, and leave the files.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

FILES = {"model.weights.h5": "golden/keras-3.15.1-convnet.weights.h5", "old_model.h5": "data/demo/digits.h5",
         "from_keras.weights.h5": "golden/keras-3.15.1-dense.weights.h5"}


def main():
    program, tests, printed, *made = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        for name, source in FILES.items():
            shutil.copy(pathlib.Path(tests) / source, folder / name)
        done = subprocess.run([program, scratch], capture_output=True, text=True, timeout=60)
        print(done.returncode, done.stdout + done.stderr)
        good = done.returncode == 0 and " ".join(done.stdout.split()) == printed and all((folder / name).exists() for name in made)
    return 0 if good else 1


sys.exit(main())
