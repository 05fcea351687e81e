#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command the tool lists has a man page in the build, each page says what the command's --help says.

usage: manual.py TOOL PAGES_DIR. Standard library only. Ends with a line in doctest's form.
"""
import pathlib
import re
import subprocess
import sys


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def commands(tool):
    listing = output(tool, "--help").split("Subcommands:")[1].split("\n\n")[0]
    return re.findall(r"^  (\S+)", listing, re.M)


def check(tool, pages, command):
    page = pages / f"ballast-{command}.1"
    if not page.exists():
        return f"no page {page.name}: add the command to tools/ballast/generated/meson.build"
    text = page.read_text(encoding="utf-8").replace("\\-", "-")
    options = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", output(tool, command, "--help").split("Options:")[1]))
    missing = [option for option in options if option not in text]
    if missing:
        return f"{page.name} does not mention {missing}"
    bad = [line for line in text.splitlines() if line.startswith((".", "'")) and not re.match(r'\.(\\"|[A-Z]{2}|nf|fi|br)\b|\.\\"', line)]
    return f"{page.name} has a line troff takes for a request: {bad[0]}" if bad else None


def main():
    tool, pages = sys.argv[1], pathlib.Path(sys.argv[2])
    found = commands(tool)
    problems = [problem for problem in (check(tool, pages, command) for command in found) if problem]
    for problem in problems:
        print(problem)
    print(f"[doctest] test cases: {len(found)} | {len(found) - len(problems)} passed | {len(problems)} failed | 0 skipped")
    return 1 if problems or not found else 0


sys.exit(main())
