#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every block of code in the documents: run.py ROOT BUILD. Standard library only.

C and C++ are what a compiled and tested source holds: the whole of it without its licence line, or its sections, the lines between
two comments `[name]`. Commands of the tool run, each line in a folder of its own with the files that the pages speak of. Of
tools/dev the words are known. JSON, INI and Python parse. Blocks without a language are no code.
"""
import ast
import configparser
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import textwrap

SOURCES = ["tests/examples/**/*.c", "tests/examples/**/*.cpp", "plugins/gguf/*.cpp"]
MARK = re.compile(r"^[ \t]*(?://|/\*) \[([a-z]+)\](?: \*/)?\n", re.M)


def sections(text):
    """The texts that a page may show of a source."""
    shown = {text.split("\n", 1)[1].strip("\n")}
    found = {}
    parts = MARK.split(text)  # text, name, text, name, …
    for position in range(1, len(parts) - 1, 2):
        if position % 4 == 1:
            found.setdefault(parts[position], []).append(textwrap.dedent(parts[position + 1]).strip("\n"))
    return shown | {"\n\n".join(pieces) for pieces in found.values()}


def pages(root):
    listed = subprocess.run(["git", "-C", root, "ls-files", "*.md"], capture_output=True, text=True)
    names = listed.stdout.split() if listed.returncode == 0 else []
    return [root / name for name in names] or sorted(root.glob("**/*.md"))


def blocks(page):
    for match in re.finditer(r"^( *)```([a-z]+)\n(.*?)^\1```", page.read_text(), re.M | re.S):
        yield match[2], textwrap.dedent(match[3]).strip("\n")


class Folder:
    """The files that the pages speak of. Each command gets a copy."""

    def __init__(self, root, build, scratch):
        self.root, self.build, self.scratch = root, build, scratch
        self.tool = build / "tools/ballast/ballast"
        self.model = scratch / "model"
        self.model.mkdir()
        golden, digits = root / "tests/golden", root / "tests/data/demo/digits.h5"
        for name in ("model.h5", "old_model.h5", "old.h5", "old/a.h5", "downloads/a.h5"):
            self.put(digits, name)
        for name in ("model.weights.h5", "a.weights.h5", "runs/42/1.weights.h5"):
            self.put(golden / "keras-3.15.1-dense.weights.h5", name)
        self.put(golden / "keras-3.15.1-dense.json", "model.json")
        self.ballast("convert", "a.weights.h5", "b.safetensors")
        self.ballast("convert", "a.weights.h5", "weights.h5", "--to", "h5", "--config", "model.json")
        for name in ("fresh.weights.h5", "big.weights.h5", "net.safetensors"):
            self.ballast("convert", "old.h5", name)
        (self.model / "names.txt").write_text("digit/* -> digit/$1\n")
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"
        header += b" " * (117 - len(header)) + b"\n"
        (self.model / "zeros.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(8))
        (self.model / "plugins-of-mine").mkdir()
        self.count = 0

    def put(self, source, name):
        (self.model / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, self.model / name)

    def ballast(self, *words):
        subprocess.run([self.tool, *words], cwd=self.model, check=True, capture_output=True)

    def run(self, block):
        """What went wrong. A block's lines share a folder when they build on each other: those of a compiler."""
        together = re.search(r"^cc ", block, re.M)
        wrong = []
        for command in [block] if together else block.splitlines():
            if not command.strip() or command.startswith("#"):
                continue
            if command.startswith("tools/dev "):
                wrong += self.dev_words(command)
                continue
            self.count += 1
            place = self.scratch / f"run{self.count}"
            shutil.copytree(self.model, place)
            for name in ("include", "tests", "src"):
                (place / name).symlink_to(self.root / name)
            (place / "build").symlink_to(self.build)
            script = f"set -e\nPATH={self.tool.parent}:$PATH\n{command}\n"
            done = subprocess.run(["bash", "-c", script], cwd=place, capture_output=True, errors="replace",
                                  stdin=subprocess.DEVNULL, timeout=120)
            if done.returncode != 0 and not (done.returncode == 1 and command.startswith(("ballast diff", "ballast scan"))):
                wrong.append(f"{command}\nended with {done.returncode}: {done.stderr[-1000:]}")
            shutil.rmtree(place)
        return wrong

    def dev_words(self, line):
        words = line.split("#")[0].split()[1:2]
        known = (self.root / "tools/dev").read_text()
        return [f"tools/dev knows no {word}" for word in words if not re.search(rf"\b{word}\b", known)]


def parses(language, block):
    try:
        if language == "json":
            json.loads(block if block.startswith(("{", "[")) else "{" + block + "}")
        elif language == "ini":
            configparser.ConfigParser().read_string(block)
        elif language == "python":
            ast.parse(block)
        else:
            return [f"nothing checks blocks of {language}"]
    except (ValueError, SyntaxError, configparser.Error) as error:
        return [f"{error}"]
    return []


def main():
    root, build = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    shown = set()
    for pattern in SOURCES:
        for source in root.glob(pattern):
            shown |= sections(source.read_text())
    checked, failed = 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Folder(root, build, pathlib.Path(scratch))
        for page in pages(root):
            for language, block in blocks(page):
                checked += 1
                if language in ("c", "cpp"):
                    wrong = [] if block in shown else [f"no source that is compiled and run holds this:\n{block[:400]}"]
                elif language == "sh":
                    wrong = folder.run(block)
                else:
                    wrong = parses(language, block)
                failed += bool(wrong)
                for text in wrong:
                    print(f"{page.relative_to(root)}: {text}")
    print(f"{checked} blocks, {failed} wrong")
    return 1 if failed or checked < 10 else 0


sys.exit(main())
