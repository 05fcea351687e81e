# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy over one file unless it passed before with the same content: lint.py BUILD_DIR CONFIG CACHE FILE.

The cache key is a digest of the preprocessed file with its comments (so every included header counts), the
checks and the compile command. A file that the build does not compile is skipped.
"""

import hashlib
import json
import pathlib
import shlex
import subprocess
import sys


def compile_command(build, source):
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if (pathlib.Path(entry["directory"]) / entry["file"]).resolve() == source:
            command = shlex.split(entry["command"])
            return command[1:] if pathlib.Path(command[0]).name == "ccache" else command
    return None


def preprocessed(command, build):
    kept, skip = [], False
    for word in command:
        if skip or word in ("-c", "-MD"):
            skip = False
        elif word in ("-o", "-MF", "-MQ"):
            skip = True
        else:
            kept.append(word)
    return subprocess.run([*kept, "-E", "-C"], cwd=build, capture_output=True, check=True).stdout


def main():
    build, config, cache, source = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    command = compile_command(build, source)
    if command is None:
        print(f"dev: not compiled here, skipped: {source}", file=sys.stderr)
        return 0
    digest = hashlib.sha256(preprocessed(command, build) + config.read_bytes() + json.dumps(command).encode())
    stamp = cache / digest.hexdigest()
    if stamp.exists():
        return 0
    run = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), str(source)], capture_output=True, text=True)
    if run.returncode == 0:
        stamp.touch()
    else:
        print(run.stdout, end="", flush=True)
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
