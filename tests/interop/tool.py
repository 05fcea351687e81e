# SPDX-License-Identifier: Apache-2.0
"""Runs the tool under test as a user would, and says the whole command when it does not do as expected."""

import json
import os
import shlex
import subprocess
from dataclasses import dataclass

import pytest

TIMEOUT = 120

# Exit codes (the tool's manual).
OK, DIFFERS, USAGE, UNREADABLE, DAMAGED, OUTPUT, REFUSED = range(7)


def lacking(what):
    """Skips where something is not there; in CI, for which tools/dev installs all but the zoo, that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}: not skipped in CI")
    pytest.skip(what)


@dataclass
class Run:
    command: str
    code: int
    stdout: str
    stderr: str

    def __str__(self):
        return f"$ {self.command}\nexit code {self.code}\n{self.stdout}{self.stderr}"


def binary():
    path = os.environ.get("BALLAST_TOOL")
    if not path or not os.access(path, os.X_OK):
        pytest.fail(f"set BALLAST_TOOL to the ballast program (now {path!r}), or use tools/dev test interop")
    return path


def start(*arguments):
    """Runs the tool without judging its exit code."""
    command = [binary(), *map(str, arguments)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT)
    shown = shlex.join(["ballast", *command[1:]])
    return Run(shown, done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def run(*arguments, expect=OK):
    done = start(*arguments)
    if done.code != expect:
        pytest.fail(f"expected exit code {expect}\n{done}")
    return done


def convert(source, destination, *options, expect=OK):
    """Converts without fsync, which the crash tests are for, and returns the run."""
    return run("convert", source, destination, "--no-fsync", *options, expect=expect)


def convert_with_report(source, destination, *options, expect=OK):
    report = destination.parent / (destination.name + ".report.json")
    convert(source, destination, "--report", report, *options, expect=expect)
    return json.loads(report.read_text(encoding="utf-8"))


def inspect(path):
    listing = json.loads(run("inspect", path, "--json").stdout)
    assert listing["schema"] == 1
    return listing
