# SPDX-License-Identifier: Apache-2.0
# What is asked now and then, not in every CI run: how much the tests cover, and races between threads.

check_build() { # KIND AREAS [MESON ARGUMENT…]: configures its folder and builds the unit tests of these areas (a regex)
    local dir=$root/build/$1 areas=$2 pfr
    shift 2
    pfr=$cache/$(pfr_entry)/pkgconfig
    need_packages build test
    if [ ! -e "$dir/build.ninja" ]; then
        local compiler=clang++
        ! have ccache || compiler="ccache $compiler"
        CXX=$compiler quietly "$dir-configure.log" run_meson setup "$@" --pkg-config-path="$pfr" "$dir" "$root" ||
            die "configuring failed"
    fi
    mapfile -t unit_tests < <(ninja -C "$dir" -t targets all | sed -n 's,^\(tests/unit/test_[a-z0-9_]*\): .*,\1,p' | grep -E "/test_($areas)\$")
    quietly "$dir/dev-build.log" ninja -C "$dir" -j "$jobs" "${unit_tests[@]}" || die "the build failed"
}

# Lines of the container parsers and filters that the unit tests run.
check_coverage() {
    check_build coverage '.*' --buildtype=plain -Doptimization=1 \
        -Dcpp_args='-fprofile-instr-generate -fcoverage-mapping' -Dcpp_link_args=-fprofile-instr-generate
    local dir=$root/build/coverage program objects=() suffix
    suffix=$(clang++ -dumpversion | cut -d. -f1)
    rm -f "$dir"/*.profraw
    for program in "${unit_tests[@]}"; do
        say "running ${program##*/}"
        LLVM_PROFILE_FILE=$dir/${program##*/}.profraw quietly "$dir/run.log" "$dir/$program" || die "${program##*/} fails"
        objects+=(-object "$dir/$program")
    done
    "llvm-profdata-$suffix" merge -o "$dir/all.profdata" "$dir"/*.profraw
    "llvm-cov-$suffix" report "$dir/${unit_tests[0]}" "${objects[@]:2}" -instr-profile="$dir/all.profdata" >"$dir/report.txt"
    awk 'match($1, /src\/(container\/[a-z0-9]+|filter)\//) { part = substr($1, RSTART, RLENGTH); lines[part] += $8; missed[part] += $9 }
         END { for (part in lines) printf "%-26s %6d lines  %5.1f %%\n", part, lines[part], 100 * (1 - missed[part] / lines[part]) }' \
        "$dir/report.txt" | sort
}

# The engine, the file systems and the filters under ThreadSanitizer.
check_threads() {
    check_build threads 'io|filter|convert|analysis' --buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false
    local dir=$root/build/threads program failed=0
    for program in "${unit_tests[@]}"; do
        say "running ${program##*/} under ThreadSanitizer"
        TSAN_OPTIONS=exitcode=66 quietly "$dir/run.log" "$dir/$program" || failed=1
    done
    [ "$failed" -eq 0 ] || die "ThreadSanitizer has found races"
    say "no race found"
}

abi_dump() { # SOURCE NAME: what the shared library of that source exports goes to build/abi/NAME.abi
    local dir=$root/build/abi/$2 compiler=g++
    ! have ccache || compiler="ccache $compiler"
    if [ ! -e "$dir/build.ninja" ]; then
        CXX=$compiler quietly "$dir-configure.log" run_meson setup --buildtype=debug -Doptimization=0 \
            -Ddefault_library=shared -Dtool=false -Dtests=false "$dir" "$1" || die "configuring failed"
    fi
    quietly "$dir/dev-build.log" ninja -C "$dir" -j "$jobs" || die "the build failed"
    abidw --headers-dir "$1/include/ballast" --drop-private-types --no-corpus-path --no-comp-dir-path \
        --out-file "$root/build/abi/$2.abi" "$dir/src/libballast.so"
}

# What a program linked with the last release would meet in this shared library.
check_abi() {
    need_packages build abi
    mkdir -p "$root/build/abi"
    abi_dump "$root" now
    local tag source status=0
    if ! tag=$(git -C "$root" describe --tags --abbrev=0 --match 'v[0-9]*' HEAD 2>/dev/null); then
        say "the ABI is in build/abi/now.abi; there is no release yet to compare it with"
        return
    fi
    source=$root/build/abi/source-$tag
    if [ ! -d "$source" ]; then
        mkdir "$source"
        git -C "$root" archive "$tag" | tar -x -C "$source"
    fi
    abi_dump "$source" "$tag"
    # Bit 8: a program linked before would break; bit 4: a change it does not meet.
    abidiff "$root/build/abi/$tag.abi" "$root/build/abi/now.abi" || status=$?
    [ $((status & 3)) -eq 0 ] || die "abidiff failed"
    [ $((status & 8)) -eq 0 ] || die "programs linked with $tag would break: before 1.0 this takes a new minor version (docs/abi.md)"
    say "programs linked with $tag go on working"
}

run_check() {
    case ${1:-} in
    coverage) check_coverage ;;
    threads) check_threads ;;
    abi) check_abi ;;
    *) die "check what? coverage, threads or abi" ;;
    esac
}
