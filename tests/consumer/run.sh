#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A project that has Ballast in subprojects/ configures, compiles, links, and reads the demo file. run.sh WORK_FOLDER
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
work=${1:?the folder to build in}

rm -rf "$work/project"
mkdir -p "$work"
cp -R "$root/tests/consumer/meson-subproject" "$work/project"
mkdir "$work/project/subprojects"
ln -s "$root" "$work/project/subprojects/ballast"
# The build folder stays, so that a second run compiles only what changed.
if [ ! -e "$work/build/build.ninja" ]; then
    CXX="$(command -v ccache || true) ${CXX:-g++}" meson setup "$work/build" "$work/project"
fi
ninja -C "$work/build"

expected='41 tensors
digit/bias 10 values, first -0.0415862'
got=$("$work/build/count" "$root/tests/data/demo/digits.h5" digit/bias)
if [ "$got" != "$expected" ]; then
    printf 'expected:\n%s\ngot:\n%s\n' "$expected" "$got" >&2
    exit 1
fi
echo "consumer: $got"
