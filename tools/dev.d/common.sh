# SPDX-License-Identifier: Apache-2.0
# What every part of tools/dev uses: messages on stderr, quiet runs, the cache folder, the system's Python.

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ballast
jobs=${BALLAST_JOBS:-$(nproc 2>/dev/null || echo 2)}

say() { printf 'dev: %s\n' "$*" >&2; }

die() {
    printf 'dev: error: %s\n' "$*" >&2
    exit 1
}

# quietly LOG COMMAND…: the command's output goes to LOG and is shown only when the command fails.
quietly() {
    local log=$1 status=0
    shift
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 200 "$log" >&2
        say "failed ($status): $*"
    fi
    return "$status"
}

have() { command -v "$1" >/dev/null 2>&1; }

# A Python from elsewhere in PATH may lack the modules that Debian's packages bring, so the system's goes first.
system_python() {
    if [ -x /usr/bin/python3 ]; then echo /usr/bin/python3; else command -v python3; fi
}

# short_sha FILE…: names a cache entry after the content it was made from.
short_sha() { cat "$@" | sha256sum | cut -c1-12; }

# once NAME MAKE: runs `MAKE DIR` unless the cache has a complete entry NAME; safe when two clones do it at once.
# The entry counts only when its stamp is there, so an interrupted run is simply made again.
once() {
    local dir=$cache/$1 make=$2
    [ ! -e "$dir/.complete" ] || return 0
    mkdir -p "$cache"
    (
        flock 9
        [ ! -e "$dir/.complete" ] || exit 0
        rm -rf "$dir"
        mkdir "$dir"
        "$make" "$dir" || exit 1
        touch "$dir/.complete"
    ) 9>"$cache/$1.lock"
}
