#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds docs/ and the public headers into pages: docs.py OUTPUT VERSION. Fails on any warning of Doxygen.

Doxygen sees copies: the comment a header begins with becomes the file's page, the formats' README files get names of their
own (it would take each for the main page), and links between pages follow."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMESPACES = """/// @namespace ballast
/// @brief Reading, writing and converting the weights and models of Keras and TensorFlow.
/// @namespace ballast::io
/// @brief All access to storage: sources, files, and file systems seen as names.
"""


def page_name(path):
    """Of a Markdown file: plugins/npz/README.md is the page of the format npz, docs/formats/npy.md one about a container."""
    relative = path.relative_to(ROOT)
    if relative.parts[0] == "plugins":
        return f"format_{relative.parts[1]}.md"
    if "formats" in relative.parts:
        return f"about_{relative.name}"
    return relative.name


def with_links(path, pages):
    """The page's text, whose links to other pages lead to their copies."""
    def link(match):
        target, mark, anchor = match[2].partition("#")
        found = (path.parent / target).resolve()
        if found in pages:
            return f"{match[1]}({pages[found]}{mark}{anchor})"
        if "://" in match[2] or match[2].startswith("#"):
            return match[0]
        return f"{match[1]}"  # a file of the repository that is no page

    return re.sub(r"(\[[^][]*\])\(([^()\s]+)\)", link, path.read_text())


def with_file_comment(path):
    """The header, whose first comment says what the file is for in Doxygen's form; its lines keep their numbers."""
    lines = path.read_text().split("\n")
    if lines[0].startswith("/* SPDX"):  # a header of C
        lines[0], lines[1] = "/** @file", lines[1].replace("/*", " *", 1)
        return "\n".join(lines)
    assert lines[0].startswith("// SPDX"), path
    lines[0] = "/// @file"
    for i in range(1, len(lines)):
        if not lines[i].startswith("//"):
            break
        lines[i] = lines[i].replace("//", "///", 1)
    return "\n".join(lines)


def stage(folder):
    sources = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md")]
    pages = {path: page_name(path) for path in sorted(sources)}
    assert len(set(pages.values())) == len(pages), "two pages of one name"
    for path, name in pages.items():
        (folder / name).write_text(with_links(path, pages))
    headers = folder / "ballast"
    headers.mkdir()
    for path in sorted(ROOT.glob("include/ballast/*.h")):
        (headers / path.name).write_text(with_file_comment(path))
    (folder / "namespaces.dox").write_text(NAMESPACES)


def main(output, version):
    output = Path(output).resolve()
    shutil.rmtree(output, ignore_errors=True)
    staged = output / "staged"
    staged.mkdir(parents=True)
    stage(staged)
    settings = (ROOT / "docs" / "Doxyfile").read_text() + f"""
PROJECT_NUMBER = {version}
OUTPUT_DIRECTORY = "{output}"
INPUT = "{staged}"
STRIP_FROM_PATH = "{staged}"
STRIP_FROM_INC_PATH = "{staged}"
"""
    done = subprocess.run(["doxygen", "-"], input=settings, cwd=staged, capture_output=True, text=True)
    sys.stderr.write(done.stderr.replace(str(staged) + "/", ""))
    if done.returncode or done.stderr.strip():
        return 1
    shutil.rmtree(staged)
    print(output / "html" / "index.html")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
