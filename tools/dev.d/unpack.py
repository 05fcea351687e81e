# SPDX-License-Identifier: Apache-2.0
"""Unpacks a wheel, or a part of it: unpack.py WHEEL DEST [--strip PREFIX] [--only PREFIX-AFTER-STRIPPING]."""

import argparse
import pathlib
import zipfile


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("wheel")
    parser.add_argument("dest", type=pathlib.Path)
    parser.add_argument("--strip", default="")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    count = 0
    with zipfile.ZipFile(args.wheel) as wheel:
        for name in wheel.namelist():
            inner = name.removeprefix(args.strip)
            if name.endswith("/") or not name.startswith(args.strip) or not inner.startswith(args.only):
                continue
            target = (args.dest / inner).resolve()
            if not target.is_relative_to(args.dest.resolve()):
                raise SystemExit(f"{args.wheel}: {name} leads out of the folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(wheel.read(name))
            count += 1
    if count == 0:
        raise SystemExit(f"{args.wheel}: nothing to unpack")


if __name__ == "__main__":
    main()
