#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the programs of README.md in a folder with their files: readme.py PROGRAM TESTS_FOLDER"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

FILES = {"model.weights.h5": "golden/keras-3.15.1-convnet.weights.h5", "old_model.h5": "data/demo/digits.h5",
         "from_keras.weights.h5": "golden/keras-3.15.1-dense.weights.h5"}

with tempfile.TemporaryDirectory() as scratch:
    for name, source in FILES.items():
        shutil.copy(pathlib.Path(sys.argv[2]) / source, pathlib.Path(scratch) / name)
    done = subprocess.run([sys.argv[1], scratch], capture_output=True, text=True, timeout=60)
    print(done.stdout + done.stderr)
    made = all((pathlib.Path(scratch) / name).exists() for name in ("new.weights.h5", "net.weights.h5"))
    sys.exit(0 if done.returncode == 0 and made and done.stdout == "54 elements\n2 biases\n" else 1)
