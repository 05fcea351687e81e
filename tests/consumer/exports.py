#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that a shared library exports everything its public headers promise: exports.py INCLUDE_FOLDER LIBRARY.

clang names every function that the headers declare and leave to the library; for a class with a virtual table or that is
thrown the type information must be there too. Whatever is missing was not marked BALLAST_API.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

FUNCTIONS = {"FunctionDecl", "CXXMethodDecl", "CXXConstructorDecl", "CXXDestructorDecl", "CXXConversionDecl"}
CONTEXTS = {"NamespaceDecl", "CXXRecordDecl", "LinkageSpecDecl"}


def documents(text):
    """The JSON documents of a filtered dump, one after the other."""
    decoder = json.JSONDecoder()
    position = 0
    while (position := text.find("{", position)) >= 0:
        document, position = decoder.raw_decode(text, position)
        yield document


def has_body(node):
    return any(child.get("kind") == "CompoundStmt" for child in node.get("inner", []))


def is_left_to_the_library(node):
    if node.get("kind") not in FUNCTIONS or "mangledName" not in node:
        return False
    if any(node.get(flag) for flag in ("isImplicit", "pure", "explicitlyDeleted", "explicitlyDefaulted", "inline", "constexpr")):
        return False
    return not has_body(node)


def walk(root, found):
    pending = [(root, "")]
    while pending:
        node, owner = pending.pop()
        if is_left_to_the_library(node):
            found.setdefault(node["mangledName"], f"{owner}{node.get('name')}")
        if node.get("kind") in CONTEXTS:
            inside = f"{owner}{node.get('name', '')}::"
            pending += [(child, inside) for child in node.get("inner", []) if isinstance(child, dict)]


def promised(include):
    # hdf5.h belongs to another library; the others are templates that need Boost.PFR or Eigen and leave nothing to it.
    elsewhere = {"eigen.h", "hdf5.h", "struct_checks.h", "struct_walk.h", "weights.h"}
    headers = sorted(path.relative_to(include) for path in include.glob("ballast/*.h") if path.name not in elsewhere)
    with tempfile.NamedTemporaryFile("w", suffix=".cpp") as source:
        source.write("".join(f'#include "{header}"\n' for header in headers))
        source.flush()
        dump = subprocess.run(
            ["clang++", "-std=c++20", f"-I{include}", "-fsyntax-only", "-Xclang", "-ast-dump=json",
             "-Xclang", "-ast-dump-filter=ballast", source.name], capture_output=True, check=True, text=True).stdout
    found = {}
    for document in documents(dump):
        walk(document, found)
    return found


def exported(library):
    lines = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, check=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in lines.splitlines()}


def main():
    include, library = pathlib.Path(sys.argv[1]), sys.argv[2]
    wanted, there = promised(include), exported(library)
    # A destructor or constructor has several entries; C1 and D1 are what callers use.
    missing = {name: text for name, text in wanted.items() if name not in there}
    for name, text in sorted(missing.items()):
        print(f"not exported: {text} ({name})")
    for name in ("Error", "Format", "io::Fs", "io::Source", "io::File"):
        mangled = "".join(f"{len(part)}{part}" for part in name.split("::"))
        symbol = f"_ZTIN7ballast{mangled}E"
        if symbol not in there:
            print(f"not exported: type information of ballast::{name} ({symbol})")
            missing[symbol] = name
    # Without optimization the standard library's inline placement new and delete stay functions; <new> makes them visible.
    placement = {"_ZnwmPv", "_ZnamPv", "_ZdlPvS_", "_ZdaPvS_"}
    others = [name for name in there - placement
              if not re.match(r"_Z[A-Z]*N?K?7ballast|_ZN?K?7ballast|_Z[A-Z]+", name)]
    for name in sorted(others):
        print(f"exported, and not Ballast's: {name}")
    print(f"{len(wanted)} functions promised, {len(missing)} missing")
    return 1 if missing or others or not wanted else 0


sys.exit(main())
