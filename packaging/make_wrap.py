#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the wrap file for a release tarball: make_wrap.py TARBALL URL. TARBALL is what `meson dist` made."""
import hashlib
import pathlib
import re
import sys


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    tarball = pathlib.Path(sys.argv[1])
    version = re.fullmatch(r"ballast-(\d+\.\d+\.\d+)\.tar\.xz", tarball.name)
    if not version:
        print(f"{tarball.name} is not called ballast-VERSION.tar.xz", file=sys.stderr)
        return 1
    text = (pathlib.Path(__file__).parent / "ballast.wrap.in").read_text()
    facts = {"VERSION": version[1], "URL": sys.argv[2], "SHA256": hashlib.sha256(tarball.read_bytes()).hexdigest()}
    for name, value in facts.items():
        text = text.replace(f"@{name}@", value)
    print(text, end="")
    return 0


sys.exit(main())
