#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Other people's builds. run.sh WORK_FOLDER BUILD_FOLDER: BUILD_FOLDER is a build of this checkout as a static library, with
# -Dpkgconfig.relocatable=true.
#   tarball      `meson dist` makes it, with every file of the commit in it
#   subproject   packaging/ballast.wrap.in and the tarball: a shared library of one format, built with g++; the others
#                answer with the option that brings them
#   installed    that one, and BUILD_FOLDER's; found by pkg-config and, after the tree was moved, by CMake; both compilers
#   exports      everything the public headers promise is in the shared library, and nothing else
# Ends with a line in doctest's form. Every case prints a program that reads the demo file.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
here=$root/tests/consumer
mkdir -p "${1:?the folder to work in}"
work=$(cd "$1" && pwd -P)
static_build=$(cd "${2:?a build as a static library}" && pwd -P)
jobs=${BALLAST_JOBS:-$(nproc)}
ccache=$(command -v ccache || true)
demo=$root/tests/data/demo/digits.h5
passed=0 failed=0

meson() { if [ -x /usr/bin/meson ]; then /usr/bin/meson "$@"; else command meson "$@"; fi; }

# check NAME FUNCTION ARGUMENTS…: one case; what it printed is shown when it fails.
check() {
    local name=$1 log=$work/case.log status
    shift
    # Not as a condition: bash would go on after a failed command within.
    (set -e && "$@") >"$log" 2>&1 </dev/null
    status=$?
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        echo "consumer: $name: ok"
    else
        failed=$((failed + 1))
        echo "consumer: $name: FAILED"
        tail -n 60 "$log"
    fi
}

# reads_demo PROGRAM: it prints what the demo file holds.
reads_demo() {
    local expected='41 tensors
digit/bias 10 values, first -0.0415862'
    local got
    got=$("$1" "$demo" digit/bias)
    [ "$got" = "$expected" ] || { printf 'expected:\n%s\ngot:\n%s\n' "$expected" "$got" && return 1; }
}

make_tarball() {
    [ -z "$(git -C "$root" status --porcelain)" ] || echo "consumer: changes that are not committed are not in the tarball" >&2
    rm -rf "$work/dist"
    mkdir "$work/dist"
    (cd "$root" && meson dist -C "$static_build" --no-tests --allow-dirty)
    tarball=$(echo "$static_build"/meson-dist/ballast-*.tar.xz)
    [ -e "$tarball" ]
}

# Nothing is left out of the tarball, so its tests are those of the checkout.
tarball_is_whole() {
    diff <(git -C "$root" ls-files | sort) <(tar -tf "$tarball" | grep -v '/$' | sed "s,^[^/]*/,," | sort)
}

# The project around the tarball, with one format; installs to $work/shared/prefix what is built.
subproject() {
    local dir=$work/shared project=$work/shared/project build=$work/shared/build
    "$root/packaging/make_wrap.py" "$tarball" https://example.org/ballast.tar.xz >"$work/ballast.wrap"
    if ! cmp -s "$work/ballast.wrap" "$project/subprojects/ballast.wrap"; then
        rm -rf "$dir"
        mkdir -p "$project/subprojects/packagecache"
        cp "$tarball" "$project/subprojects/packagecache/"
        cp "$work/ballast.wrap" "$project/subprojects/"
    fi
    cp "$here/main.cpp" "$here/meson-subproject/meson.build" "$project/"
    if [ ! -e "$build/build.ninja" ]; then
        # Nobody runs it for long: what takes no time to compile is best.
        CXX="$ccache g++" meson setup "$build" "$project" --buildtype=plain -Dballast:default_library=shared \
            -Dballast:formats=legacy_h5 -Dwerror=true \
            --prefix="$dir/prefix" --libdir=lib
    fi
    ninja -C "$build" -j "$jobs"
    reads_demo "$build/count"
    rm -rf "$dir/prefix" "$dir/moved"
    meson install -C "$build" --no-rebuild
}

other_formats_are_missing() {
    local count=$work/shared/build/count
    if "$count" "$root/tests/golden/safetensors-0.8.0-plain.safetensors" encoder.bias 2>"$work/refusal"; then return 1; fi
    cat "$work/refusal"
    grep -q '\[backend_missing\]$' "$work/refusal"
    grep -q 'add safetensors to -Dformats' "$work/refusal"
}

install_static() {
    local prefix
    prefix=$(meson introspect --buildoptions "$static_build" |
        python3 -c 'import json, sys; print(next(each["value"] for each in json.load(sys.stdin) if each["name"] == "prefix"))')
    rm -rf "$work/stage" "$work/static"
    mkdir "$work/static"
    DESTDIR=$work/stage meson install -C "$static_build" --no-rebuild
    mv "$work/stage/$prefix" "$work/static/prefix"
}

# The tool runs from where it lies now, and finds its module with the HDF5 C library.
moved_tool() {
    "$work/static/moved/bin/ballast" inspect "$demo" >"$work/inspect"
    "$work/static/moved/bin/ballast" inspect --with-libhdf5 "$demo" | diff "$work/inspect" -
}

# folder_of LINKAGE FILE: where the installed tree has it.
folder_of() { dirname "$(find "$work/$1/prefix" "$work/$1/moved" -name "$2" 2>/dev/null | head -n 1)"; }

# by_pkg_config LINKAGE COMPILER [FLAG]: compiled by hand with what pkg-config says.
by_pkg_config() {
    local flags
    export PKG_CONFIG_PATH LD_LIBRARY_PATH
    PKG_CONFIG_PATH=$(folder_of "$1" ballast.pc):${PKG_CONFIG_PATH:-}
    LD_LIBRARY_PATH=$(folder_of "$1" 'libballast.*')
    pkg-config --exact-version="$version" ballast
    read -r -a flags <<<"$(pkg-config --cflags --libs "${@:3}" ballast)"
    "$2" -std=c++20 "$here/main.cpp" "${flags[@]}" -o "$work/$1/count-$2"
    reads_demo "$work/$1/count-$2"
}

# by_cmake LINKAGE COMPILER: found by CMake in a tree that was moved after it had been installed.
by_cmake() {
    local dir=$work/$1/cmake-$2
    rm -rf "$dir"
    mkdir "$dir"
    cp "$here/main.cpp" "$dir/"
    sed "s/@VERSION@/$version/" "$here/cmake/CMakeLists.txt" >"$dir/CMakeLists.txt"
    cmake -S "$dir" -B "$dir/build" -DCMAKE_CXX_COMPILER="$2" -DCMAKE_PREFIX_PATH="$work/$1/moved"
    cmake --build "$dir/build"
    reads_demo "$dir/build/count"
}

# The add-on library: the program opens the file with the HDF5 C library itself.
hdf5_by_pkg_config() {
    local flags
    export PKG_CONFIG_PATH LD_LIBRARY_PATH
    PKG_CONFIG_PATH=$(folder_of "$1" ballast.pc):${PKG_CONFIG_PATH:-}
    LD_LIBRARY_PATH=$(folder_of "$1" 'libballast.*')
    read -r -a flags <<<"$(pkg-config --cflags --libs ballast-hdf5)"
    "$2" -std=c++20 "$here/handle.cpp" "${flags[@]}" -o "$work/$1/handle-$2"
    reads_demo "$work/$1/handle-$2"
}

hdf5_by_cmake() {
    local dir=$work/$1/cmake-hdf5
    rm -rf "$dir"
    mkdir "$dir"
    cp "$here/handle.cpp" "$dir/main.cpp"
    sed "s/@VERSION@ CONFIG REQUIRED/$version CONFIG REQUIRED COMPONENTS hdf5/; s/ballast::ballast/ballast::hdf5/" \
        "$here/cmake/CMakeLists.txt" >"$dir/CMakeLists.txt"
    cmake -S "$dir" -B "$dir/build" -DCMAKE_CXX_COMPILER="$2" -DCMAKE_PREFIX_PATH="$work/$1/moved"
    cmake --build "$dir/build"
    reads_demo "$dir/build/count"
}

# Another series does not fit.
cmake_refuses_another_version() {
    local dir=$work/$1/cmake-version
    rm -rf "$dir"
    mkdir "$dir"
    cp "$here/main.cpp" "$dir/"
    sed "s/@VERSION@/99.0/" "$here/cmake/CMakeLists.txt" >"$dir/CMakeLists.txt"
    if cmake -S "$dir" -B "$dir/build" -DCMAKE_PREFIX_PATH="$work/$1/moved" >"$dir/log" 2>&1; then return 1; fi
    grep -q 'compatible with requested version "99.0"' "$dir/log"
}

one_soname() {
    local library
    library=$(folder_of shared libballast.so)/libballast.so
    [ "$(basename "$(readlink -f "$library")")" = "libballast.so.$version" ]
    # Not a pipe: grep leaves early, and pipefail would take objdump's broken pipe for a failure.
    objdump -p "$library" >"$work/soname"
    grep -q "SONAME *libballast.so.$(case $version in 0.*) echo "${version%.*}" ;; *) echo "${version%%.*}" ;; esac)\$" "$work/soname"
}

exports() { "$here/exports.py" "$work/shared/prefix/include" "$(folder_of shared libballast.so)/libballast.so"; }

version=$("$root/tools/version.py")
make_tarball >"$work/dist.log" 2>&1 || { cat "$work/dist.log" && exit 1; }
check 'tarball' tarball_is_whole
check 'subproject, shared, one format, g++' subproject
check 'formats left out' other_formats_are_missing
check 'installed, static' install_static
for compiler in g++ clang++; do
    check "static, pkg-config, $compiler" by_pkg_config static "$compiler"
    check "shared, pkg-config, $compiler" by_pkg_config shared "$compiler"
done
check 'static, pkg-config --static' by_pkg_config static g++ --static
check 'static, hdf5, pkg-config' hdf5_by_pkg_config static g++
check 'soname' one_soname
check 'exports' exports
for linkage in static shared; do
    [ ! -e "$work/$linkage/prefix" ] || mv "$work/$linkage/prefix" "$work/$linkage/moved"
    for compiler in g++ clang++; do
        check "$linkage, moved, CMake, $compiler" by_cmake "$linkage" "$compiler"
    done
done
check 'shared, hdf5, CMake' hdf5_by_cmake shared clang++
check 'CMake refuses another version' cmake_refuses_another_version static
check 'the tool, moved' moved_tool
echo "[doctest] test cases: $((passed + failed)) | $passed passed | $failed failed | 0 skipped"
[ "$failed" -eq 0 ]
