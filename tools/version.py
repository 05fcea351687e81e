#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the project's version, read from include/ballast/version.h."""
import pathlib
import re

header = pathlib.Path(__file__).resolve().parent.parent / "include/ballast/version.h"
text = header.read_text()
print(".".join(re.search(rf"BALLAST_VERSION_{part}\s+(\d+)", text).group(1) for part in ("MAJOR", "MINOR", "PATCH")))
