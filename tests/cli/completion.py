#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The completion scripts work in their shells: bash is asked what it would offer, zsh and fish (where they are installed)
whether they understand theirs.

usage: completion.py TOOL. Standard library only. Ends with a line in doctest's form.
"""
import shutil
import subprocess
import sys

# What has been typed, and words that must and must not be offered for the last one.
CASES = [
    ("ballast ", {"inspect", "convert", "diff", "edit", "latest", "completion"}, {"man", "--json"}),
    ("ballast co", {"convert", "completion"}, {"inspect"}),
    ("ballast --", {"--help", "--version"}, {"--json"}),
    ("ballast inspect --", {"--json", "--stats", "--tree", "--jobs"}, {"--dtype"}),
    ("ballast inspect --st", {"--stats"}, {"--json"}),
    ("ballast convert a.h5 b.h5 --dtype ", {"float16", "bfloat16", "float32", "float64"}, {"--json"}),
    ("ballast convert a.h5 b.h5 --to ", {"weights_h5", "safetensors"}, {"float16"}),
    ("ballast cat m.h5 x --as ", {"npy", "text"}, set()),
    ("ballast cat m.h5 x -o ", set(), {"npy", "--as"}),
    ("ballast completion ", {"bash", "zsh", "fish"}, set()),
]


def script(tool, shell):
    return subprocess.run([tool, "completion", shell], capture_output=True, text=True, check=True, timeout=60).stdout


def offered(source, typed):
    words = typed.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    ask = f"{source}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _ballast; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "--norc", "-u", "-c", ask], capture_output=True, text=True, timeout=60)
    return set(done.stdout.split()), done.stderr


def bash_problems(tool):
    source = script(tool, "bash")
    for typed, wanted, unwanted in CASES:
        found, errors = offered(source, typed)
        if errors or wanted - found or unwanted & found:
            yield f"bash offers {sorted(found)} for {typed!r} {errors}"


def syntax_problem(tool, shell, *options):
    if not shutil.which(shell):
        return None
    done = subprocess.run([shell, *options], input=script(tool, shell), capture_output=True, text=True, timeout=60)
    return f"{shell}: {done.stderr}" if done.returncode or done.stderr else None


def main():
    tool = sys.argv[1]
    problems = list(bash_problems(tool))
    problems += [p for p in (syntax_problem(tool, "zsh", "-n"), syntax_problem(tool, "fish", "--no-execute")) if p]
    for problem in problems:
        print(problem)
    total = len(CASES) + 2
    print(f"[doctest] test cases: {total} | {total - len(problems)} passed | {len(problems)} failed | 0 skipped")
    return 1 if problems else 0


sys.exit(main())
