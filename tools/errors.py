#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/errors.md from src/core/error_table.h and the tool's exit codes: errors.py [--check].

Without --check the page is written. With it, the page must be what would be written. Standard library only.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "src/core/error_table.h"
ENUM = ROOT / "include/ballast/error.h"
PAGE = ROOT / "docs/errors.md"
TOOL = ROOT / "tools/ballast"

HEAD = """# Errors

<!-- Made by tools/errors.py from src/core/error_table.h. Change that file, then run the script. -->

Every failure is a `ballast::Error`. Its code is stable: act on the code, show the message. The tool prints it in brackets at
the end of the first line, with the file, the tensor or byte offset where it was found, and a hint below; the library's
`what()` says the same without the hint.

"""

KINDS = {
    "usage": "The words that Ballast was called with are wrong; nothing was read or written.",
    "unreadable": "The source cannot be read, or is no file that this build knows.",
    "damaged": "The source is of a known format, and its bytes are wrong.",
    "refused": "Ballast could go on only by guessing, by losing something, or by doing what was not allowed.",
    "output": "The destination cannot be written; what was there before is still there.",
    "cancelled": "A callback or a signal stopped the operation; the destination is as it was.",
    "internal": "Ballast or the machine failed.",
}


def rows():
    """(code, kind, meaning) in the table's order."""
    text = TABLE.read_text(encoding="utf-8")
    pattern = re.compile(r'ErrorRow\{ErrorCode::(\w+),\s*"(\w+)",\s*ErrorKind::(\w+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\}')
    for code, name, kind, literals in pattern.findall(text):
        assert code == name, f"{code} is called {name}"
        yield code, kind, "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))


def exit_codes():
    """The tool's exit status by kind of error; none for what depends on the signal."""
    numbers = dict(re.findall(r"(exit_\w+) = (\d+)", (TOOL / "cli.h").read_text(encoding="utf-8")))
    cases = re.findall(r"case ErrorKind::(\w+):\s*return (\w+)", (TOOL / "terminal.cpp").read_text(encoding="utf-8"))
    return {kind: numbers.get(result) for kind, result in cases}


def page(exit_codes):
    found = list(rows())
    text = HEAD
    for kind, explanation in KINDS.items():
        of_kind = [row for row in found if row[1] == kind]
        assert of_kind, f"no code is of kind {kind}"
        status = exit_codes[kind] or "129, 130 or 143"
        text += f"## {kind.capitalize()}\n{explanation} Exit status {status}.\n\n| code | meaning |\n|---|---|\n"
        text += "".join(f"| `{code}` | {meaning} |\n" for code, _, meaning in of_kind) + "\n"
    text += (
        "## Exit status of the tool\n0: done. 1: a comparison found a difference, or a check failed. 129, 130 and 143: ended by SIGHUP, SIGINT or "
        "SIGTERM. The others stand above.\n"
    )
    declared = re.search(r"enum class ErrorCode.*?\};", ENUM.read_text(encoding="utf-8"), re.S)[0]
    names = re.findall(r"^    (\w+),", declared, re.M)
    assert names == [row[0] for row in found], "the enum and the table list different codes"
    return text


def main():
    wanted = page(exit_codes())
    if "--check" not in sys.argv:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == wanted
    print(f"[doctest] test cases: 1 | {int(current)} passed | {int(not current)} failed | 0 skipped")
    if not current:
        print("docs/errors.md is not what tools/errors.py makes: run it", file=sys.stderr)
    return int(not current)


sys.exit(main())
