# SPDX-License-Identifier: Apache-2.0
# Runs the tests and counts them: each step adds its passed, failed and skipped cases, and the last line is the sum.

passed=0 failed=0 skipped=0

# count STEP "P F S": adds a step's cases. A step that executed nothing has failed.
count() {
    local p f s
    read -r p f s <<<"$2"
    [ $((p + f)) -gt 0 ] || { say "$1: no test was executed" && f=1; }
    say "$1: $p passed, $f failed$([ "$s" -eq 0 ] || echo ", $s skipped")"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

tally() { "$(system_python)" "$parts/tally.py" "$@"; }

# meson_step STEP KIND SUITE…: builds everything of a kind and runs these suites of it.
meson_step() {
    local step=$1 kind=$2 dir suites=()
    shift 2
    dir=$(build_dir "$kind")
    say "$step: building"
    if ! build_quietly "$kind"; then
        say "$step: the build failed"
        failed=$((failed + 1))
        return
    fi
    local suite
    for suite in "$@"; do suites+=(--suite "$suite"); done
    say "$step: running"
    rm -f "$dir/meson-logs/dev.json"
    # The sanitizers must fail the test they speak in; MALLOC_PERTURB_ would touch memory that the bounds tests count.
    ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1 \
        UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 MALLOC_PERTURB_=0 \
        run_meson test -C "$dir" --no-rebuild --logbase dev --num-processes "$jobs" --timeout-multiplier 4 \
        --print-errorlogs "${suites[@]}" >&2 || true
    count "$step" "$(tally "$dir/meson-logs/dev.json")"
}

# interop_step KIND: pytest with the real frameworks, on the tool of this build. A test file stays in one process;
# each process takes some 2 GB, so there are at most four. oneDNN is off: with it, TensorFlow 2.21 ends now and then with
# a segmentation fault in the eager convolutions of a process that has run many models.
interop_step() {
    local dir python files log workers
    dir=$(build_dir "$1")
    say "interop: building"
    if ! build_quietly "$1"; then
        say "interop: the build failed"
        failed=$((failed + 1))
        return
    fi
    python=$(peers_python) && files=$(peer_files) || {
        say "interop: no peers"
        failed=$((failed + 1))
        return
    }
    log=$dir/interop.log
    workers=$((jobs < 4 ? jobs : 4))
    say "interop: running"
    (cd "$root" && env BALLAST_TOOL="$(tool_of "$1")" BALLAST_FILES="$files" BALLAST_BUILD="$dir" TF_ENABLE_ONEDNN_OPTS=0 \
        TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES= KERAS_BACKEND=tensorflow PYTHONDONTWRITEBYTECODE=1 \
        "$python" tests/interop/run.py --jobs "$workers" tests/interop "${@:2}" 2>&1 | tee "$log") >&2 || true
    count interop "$(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$log" | grep . || echo "0 1 0")"
}

# Every model of tf_keras.applications in every form, an hour or more; what has passed is not run again.
applications_step() {
    local python results
    build_quietly clang || die "the build failed"
    python=$(peers_python) || die "no peers"
    results=$(build_dir clang)/applications.json
    exec env BALLAST_TOOL="$(tool_of clang)" TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES= PYTHONDONTWRITEBYTECODE=1 \
        "$python" "$root/tests/interop/applications.py" "$results" "$@"
}

# The last line of the run, which ends in doctest's form, says the numbers; nothing said counts as failed.
consumer_step() {
    local log=$root/build/consumer.log pfr
    say "consumer: building what takes Ballast as a subproject, by pkg-config and by CMake"
    need_packages build test
    pfr=$cache/$(pfr_entry)/pkgconfig
    quietly "$log" env BALLAST_JOBS="$jobs" PKG_CONFIG_PATH="$pfr${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}" \
        "$root/tests/consumer/run.sh" "$root/build/consumer" "$(build_dir clang)" || true
    count consumer "$(sed -n 's/^\[doctest\] test cases: .* | \([0-9]*\) passed | \([0-9]*\) failed | \([0-9]*\) skipped$/\1 \2 \3/p' "$log" |
        grep . || echo "0 1 0")"
}

# Every public name is documented, and the pages have no dead link.
docs_step() {
    say "docs: building the pages"
    if run_docs >&2; then count docs "1 0 0"; else count docs "0 1 0"; fi
}

run_tests() {
    need_packages build test
    need_pfr || say "going on without the Boost.PFR headers: what needs them is left out"
    case ${1:-all} in
    unit) meson_step unit default unit ;;
    interop) interop_step default "${@:2}" ;;
    all)
        meson_step 'unit, gcc with ASan and UBSan' asan unit
        meson_step 'unit and release, clang' clang unit release
        consumer_step
        docs_step
        interop_step clang
        ;;
    applications) applications_step "${@:2}" ;;
    *) die "test takes unit, interop, applications or all, not '$1'" ;;
    esac
    echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

run_bench() {
    local python
    build_quietly clang || die "the build failed"
    python=$(peers_python)
    exec env BALLAST_TOOL="$(tool_of clang)" BALLAST_BUILD="$(build_dir clang)" \
        TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES= KERAS_BACKEND=tensorflow "$python" "$root/tools/bench/${1:-quick}.py" "${@:2}"
}
