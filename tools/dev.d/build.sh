# SPDX-License-Identifier: Apache-2.0
# Configures and builds: build/ (everyday), build/asan (gcc with ASan and UBSan), build/clang (clang, release).

build_dir() { case $1 in default) echo "$root/build" ;; *) echo "$root/build/$1" ;; esac; }

compiler_of() { case $1 in default) echo "${CXX:-g++}" ;; asan) echo g++ ;; clang) echo clang++ ;; esac; }

setup_arguments() {
    case $1 in
    # Without debug information, which would make it a third slower to compile: the first build is what a newcomer waits for.
    default) printf '%s\n' --buildtype=release -Doptimization=2 ;;
    # -O0: g++ takes three to four times as long to optimise instrumented code, more than the tests then gain.
    asan) printf '%s\n' --buildtype=debug -Db_sanitize=address,undefined ;;
    # The tests install this one, and move it.
    clang) printf '%s\n' --buildtype=release -Dpkgconfig.relocatable=true ;;
    esac
    [ "${CI:-}" != true ] || echo -Dwerror=true
    local pfr
    pfr=$cache/$(pfr_entry)
    [ ! -e "$pfr/.complete" ] || echo "--pkg-config-path=$pfr/pkgconfig"
}

# Debian's Meson runs on the system's Python even where another python3 comes first in PATH.
run_meson() { if [ -x /usr/bin/meson ]; then /usr/bin/meson "$@"; else meson "$@"; fi; }

# configure KIND: sets the build folder up, or again when the arguments have changed (CI set, PFR headers fetched).
configure() {
    local dir arguments compiler
    dir=$(build_dir "$1")
    mapfile -t arguments < <(setup_arguments "$1")
    if [ ! -e "$dir/build.ninja" ]; then
        if [ "$1" = default ]; then need_packages build; else need_packages build test; fi
        compiler=$(compiler_of "$1")
        ! have ccache || [[ $compiler == *ccache* ]] || compiler="ccache $compiler"
        say "configuring $dir ($compiler)"
        CXX=$compiler quietly "$dir/dev-configure.log" run_meson setup "${arguments[@]}" "$dir" "$root" || return 1
    elif [ "$(cat "$dir/.dev-arguments" 2>/dev/null)" != "${arguments[*]}" ]; then
        say "configuring $dir again: $(describe_change "$dir" "${arguments[*]}")"
        quietly "$dir/dev-configure.log" run_meson setup --reconfigure "${arguments[@]}" "$dir" "$root" || return 1
    fi
    printf '%s\n' "${arguments[*]}" >"$dir/.dev-arguments"
}

describe_change() { diff <(tr ' ' '\n' <"$1/.dev-arguments" 2>/dev/null) <(tr ' ' '\n' <<<"$2") | grep '^[<>]' | tr '\n' ' '; }

# build_quietly KIND [TARGET…]: nothing is printed unless it fails.
build_quietly() {
    local dir
    dir=$(build_dir "$1")
    configure "$1" || return 1
    shift
    quietly "$dir/dev-build.log" ninja -C "$dir" -j "$jobs" "$@"
}

tool_of() { echo "$(build_dir "$1")/tools/ballast/ballast"; }

tool_path() { tool_of default; }

run_build() {
    need_packages build test
    need_pfr || say "going on without the Boost.PFR headers: what needs them is left out"
    configure default || die "configuring failed"
    ninja -C "$(build_dir default)" -j "$jobs" "$@"
}

run_ballast() {
    local tool
    tool=$(tool_of default)
    [ -x "$tool" ] || say "building the tool first"
    build_quietly default tools/ballast/ballast || die "the tool does not build"
    exec "$tool" "$@"
}
