#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Structs that weights.h cannot take must not compile, with a sentence that says what to do: run.py BUILD_FOLDER"""
import json
import pathlib
import shlex
import subprocess
import sys

HEAD = """#include <ballast/weights.h>
#include <mutex>
struct Dense { ballast::Array<float> kernel{}; };
"""
SAVE, LOAD = "ballast::save_weights(Net{}, \"x.h5\");", "Net net{}; ballast::load_weights(net, \"x.h5\");"
# Title, declarations, statement, what the compiler must say; None: it must compile.
CASES = [
    ("std::array with {}", "struct Net { std::array<float, 3> bias{}; };", SAVE, None),
    ("a struct without fields", "struct Net { struct Empty {} activation{}; };", LOAD, None),
    ("inheritance", "struct Net : Dense { ballast::Array<float> bias{}; };", SAVE, "Make the base a member."),
    ("a layer that inherits", "struct Child : Dense {}; struct Net { Child child{}; };", LOAD, "Make the base a member."),
    ("a C array", "struct Net { Dense a{}; float bias[3]{}; };", SAVE, "Make it a std::array, with {} after its name."),
    ("a C array of layers", "struct Net { Dense blocks[2]{}; };", LOAD, "Make it a std::array, with {} after its name."),
    ("a constructor", "struct Net { Net() {} Dense a{}; };", SAVE, "Remove its constructors and private members"),
    ("a private member", "class Net { Dense a{}; };", SAVE, "Remove its constructors and private members"),
    ("a field of another kind", "struct Net { std::mutex lock{}; };", LOAD, "give it a ballast::TensorTraits"),
    ("a pointer", "struct Net { float* kernel{}; };", LOAD, "name the field in LayerTraits<...>::skip"),
    ("elements that are const", "struct Net { std::span<const float> kernel{}; };", LOAD, "can be saved, but not loaded"),
    ("and can be saved", "struct Net { std::span<const float> kernel{}; };", SAVE, None),
    ("a bare number of bytes", "struct Net { Dense a{}; };",
     'ballast::save_weights(Net{}, "x.h5", {.max_shard_size = 2});', "error"),
    ("a size with its unit", "struct Net { Dense a{}; };",
     'using namespace ballast::literals; ballast::save_weights(Net{}, "x.h5", {.max_shard_size = 2_GB});', None),
    ("an optimizer", "struct Net { Dense a{}; }; struct Adam { std::int64_t iteration = 0; float learning_rate = 0; Net m{}, v{}; };",
     'ballast::save_model(Net{}, Adam{}, "{}", "x.keras");', None),
    ("a slot of another type", "struct Net { Dense a{}; }; struct Sgd { Dense momentum{}; };",
     'ballast::save_model(Net{}, Sgd{}, "{}", "x.keras");', "is a slot of the net's own type"),
    ("a skipped field", "struct Net { Dense a{}; float* scratch{}; };\ntemplate <> struct ballast::LayerTraits<Net> {\n"
     'static constexpr std::array<std::string_view, 1> skip = {"scratch"}; };', SAVE, None),
]


def compiler_command(build):
    """That of a file which uses weights.h, for a program on the standard input."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if entry["file"].endswith("support/program_tool.cpp"):
            words = shlex.split(entry["command"])
            words = words[words[0].endswith("ccache"):]
            kept, skip = [], False
            for word in words:
                if skip or word in ("-c", "-MD") or word.endswith("program_tool.cpp"):
                    skip = False
                elif word in ("-o", "-MQ", "-MF"):
                    skip = True
                else:
                    kept.append(word)
            return [*kept, "-fsyntax-only", "-x", "c++", "-"], entry["directory"]
    sys.exit("no file that uses weights.h is built")


def main():
    command, folder = compiler_command(pathlib.Path(sys.argv[1]))
    failed = 0
    for title, declarations, statement, wanted in CASES:
        source = f"{HEAD}{declarations}\nvoid use();\nvoid use() {{ {statement} }}\n"
        done = subprocess.run(command, input=source, capture_output=True, text=True, cwd=folder, timeout=120)
        good = done.returncode == 0 if wanted is None else done.returncode != 0 and wanted in done.stderr
        failed += not good
        if not good:
            print(f"{title}: expected {wanted or 'it to compile'}\n{done.stderr[:3000]}")
    print(f"{len(CASES) - failed} of {len(CASES)} as expected")
    return 1 if failed else 0


sys.exit(main())
