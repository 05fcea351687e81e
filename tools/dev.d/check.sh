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

run_check() {
    case ${1:-} in
    coverage) check_coverage ;;
    threads) check_threads ;;
    *) die "check what? coverage or threads" ;;
    esac
}
