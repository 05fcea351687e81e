#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the tool and compares exit code, standard output and standard error with what is recorded.

usage: run.py TOOL TESTS_DIR [--record]. A case is a line of cases.txt: name, exit code, arguments. The expected texts are
expected/NAME.out and expected/NAME.err; @DATA@ stands for the tests folder, @TMP@ for a scratch folder. A case that ends
with `| closed` writes into a pipe nobody reads. Standard library only. Ends with a line in doctest's form, so that one
counter serves all tests.
"""
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

CLOSED = " | closed"


def run(tool, data, scratch, arguments):
    closed = arguments.endswith(CLOSED)
    arguments = arguments.removesuffix(CLOSED)
    words = [word.replace("@DATA@", str(data)).replace("@TMP@", str(scratch)) for word in shlex.split(arguments)]
    if closed:
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([tool, *words], stdout=writer, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60)
        os.close(writer)
    else:
        done = subprocess.run([tool, *words], capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    texts = []
    for raw in (done.stdout or b"", done.stderr):
        text = raw.decode(errors="backslashreplace").replace("\0", "\\0")
        texts.append(text.replace(str(data), "@DATA@").replace(str(scratch), "@TMP@"))
    return done.returncode, *texts


def main():
    tool, data = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    here = data / "cli"
    passed = failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for line in (here / "cases.txt").read_text().splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            name, code, arguments = line.split(None, 2)
            found = run(tool, data, scratch, arguments)
            files = [here / "expected" / f"{name}.out", here / "expected" / f"{name}.err"]
            if "--record" in sys.argv:
                for file, text in zip(files, found[1:]):
                    file.write_text(text) if text else file.unlink(missing_ok=True)
            expected = (int(code), *(file.read_text() if file.exists() else "" for file in files))
            if found == expected:
                passed += 1
                continue
            failed += 1
            for what, is_, should in zip(("exit code", "stdout", "stderr"), found, expected):
                if is_ != should:
                    print(f"{name}: {what} is\n{is_}\nshould be\n{should}")
    print(f"[doctest] test cases: {passed + failed} | {passed} passed | {failed} failed | 0 skipped")
    return 1 if failed or not passed else 0


sys.exit(main())
