#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Public headers compile with -fno-exceptions, with each compiler that is here: headers.py SOURCE_FOLDER BUILD_FOLDER"""
import json
import pathlib
import shlex
import shutil
import subprocess
import sys

# Headers that need another project's headers. They are compiled as well where the compiler finds those.
NEEDS = {"eigen.h": ("<eigen3/Eigen/Core>", "Eigen"), "hdf5.h": ("<hdf5.h>", "the HDF5 C library"),
         "weights.h": ("<boost/pfr.hpp>", "Boost.PFR"), "struct_walk.h": ("<boost/pfr.hpp>", "Boost.PFR"),
         "struct_checks.h": ("<boost/pfr.hpp>", "Boost.PFR")}
FLAGS = ["-std=c++20", "-fno-exceptions", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++", "-"]


def include_flags(source, build):
    """Folders of headers that any file of the build is given, made absolute."""
    found = [f"-I{source / 'include'}", f"-I{build / 'include'}"]
    for entry in json.loads((build / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        for word, after in zip(words, [*words[1:], ""]):
            folder = word[len("-isystem"):] or after if word.startswith("-isystem") else ""
            flag = f"-isystem{(pathlib.Path(entry['directory']) / folder).resolve()}"
            if folder and flag not in found:
                found.append(flag)
    hdf5 = shutil.which("pkg-config") and subprocess.run(["pkg-config", "--cflags", "hdf5"], capture_output=True, text=True).stdout
    return found + shlex.split(hdf5 or "")


def compile_text(compiler, flags, text):
    done = subprocess.run([compiler, *flags, *FLAGS], input=text, capture_output=True, text=True, timeout=300)
    return done.stderr if done.returncode else ""


def main():
    source, build = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    compilers = [name for name in ("clang++", "g++") if shutil.which(name)]
    if not compilers:
        print("headers: neither clang++ nor g++ is here")
        return 77
    flags = include_flags(source, build)
    headers = sorted(path.name for path in (source / "include/ballast").glob("*.h"))
    for header, (needed, name) in NEEDS.items():
        if compile_text(compilers[0], flags, f"#include {needed}\n"):
            print(f"{header} is left out: it needs {name}")
            headers.remove(header)
    text = "".join(f"#include <ballast/{header}>\n" for header in headers)
    failed = 0
    for compiler in compilers:
        errors = compile_text(compiler, flags, text)
        failed += bool(errors)
        print(f"{compiler}: {len(headers)} headers\n{errors[:5000]}")
    return 1 if failed or not headers else 0


sys.exit(main())
