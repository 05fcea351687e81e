# SPDX-License-Identifier: Apache-2.0
# clang-format and clang-tidy over the project's own sources.

sources() { git -C "$root" ls-files -co --exclude-standard -- "$@" | sed "s|^|$root/|"; }

run_format() {
    need_packages style
    local files mode=(-i)
    [ "${1:-}" != --check ] || mode=(--dry-run -Werror)
    mapfile -t files < <(sources '*.h' '*.cpp' '*.c')
    [ ${#files[@]} -gt 0 ] || die "no source file found"
    printf '%s\0' "${files[@]}" | xargs -0 -n 8 -P "$jobs" clang-format "${mode[@]}" --style=file
}

# Source files that differ from the main branch, with those that git does not know yet.
changed_sources() {
    local base
    base=$(git -C "$root" merge-base HEAD main 2>/dev/null || git -C "$root" merge-base HEAD origin/main 2>/dev/null || echo HEAD)
    {
        git -C "$root" diff --name-only --diff-filter=d "$base" -- '*.cpp'
        git -C "$root" ls-files -o --exclude-standard -- '*.cpp'
    } | sort -u | sed "s|^|$root/|"
}

run_lint() {
    need_packages build test style
    need_pfr || say "going on without the Boost.PFR headers"
    local files
    case ${1:-} in
    "") mapfile -t files < <(changed_sources) ;;
    all) mapfile -t files < <(sources '*.cpp') ;;
    *) files=("$@") ;;
    esac
    [ ${#files[@]} -gt 0 ] || { say "no source file has changed since main" && return 0; }
    build_quietly clang || die "lint needs a build (generated headers), and it failed"
    say "clang-tidy over ${#files[@]} files (a file that passed and has not changed since is skipped)"
    mkdir -p "$cache/lint"
    printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$jobs" \
        "$(system_python)" "$parts/lint.py" "$(build_dir clang)" "$root/.clang-tidy" "$cache/lint"
}
