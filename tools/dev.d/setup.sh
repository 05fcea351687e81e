# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, and says what: Debian packages by group, and the Boost.PFR headers.

packages_of() { awk -v groups=" $* " '!/^#/ && NF && index(groups, " " $1 " ") {print $2}' "$parts/packages.txt" | sort -u; }

missing_packages() {
    local wanted
    mapfile -t wanted < <(packages_of "$@")
    comm -23 <(printf '%s\n' "${wanted[@]}" | sort) \
        <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null | awk '$1=="installed"{print $2}' | sort)
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "this needs root, and sudo is not installed. As root, run: $*"
    fi
}

# need_packages GROUP…: installs the missing packages of these groups; returns at once when there are none.
need_packages() {
    if ! have apt-get || ! have dpkg-query; then
        say "no apt here; on this system see that you have what these Debian packages hold: $(packages_of "$@" | tr '\n' ' ')"
        return 0
    fi
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing Debian packages: ${missing[*]}"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
    local log=$cache/apt.log
    # The password is asked for here, where it can be seen: the calls below write to a log.
    [ "$(id -u)" -eq 0 ] || ! have sudo || sudo -v || die "sudo refused. As root, run: apt-get install ${missing[*]}"
    # A failed update may still leave usable lists (one of several sources down): the install decides.
    quietly "$log" as_root "${apt[@]}" update || say "apt-get update failed; trying with the lists that are there"
    quietly "$log" as_root "${apt[@]}" install -y --no-install-recommends "${missing[@]}" ||
        die "apt-get could not install them (log: $log)"
}

pfr_entry() { echo "pfr-$(short_sha "$parts/pfr.txt")"; }

make_pfr() {
    local dir=$1 work
    work=$(mktemp -d)
    quietly "$work/log" "$(system_python)" -m venv "$work/venv" &&
        quietly "$work/log" "$work/venv/bin/pip" download -q --no-deps --only-binary=:all: --require-hashes \
            -r "$parts/pfr.txt" -d "$work" &&
        "$(system_python)" "$parts/unpack.py" "$work"/*.whl "$dir/include" --strip boost_headers/include/ --only boost/pfr || {
        rm -rf "$work"
        return 1
    }
    rm -rf "$work"
    mkdir -p "$dir/pkgconfig"
    # A pkg-config file lets Meson find the headers as it would find a system's.
    cat >"$dir/pkgconfig/boost-pfr.pc" <<EOF
Name: boost-pfr
Description: Field names and values of plain structs (headers of Boost 1.85)
Version: 1.85.0
Cflags: -isystem $dir/include
EOF
}

need_pfr() {
    [ ! -e "$cache/$(pfr_entry)/.complete" ] || return 0
    need_packages peers
    say "fetching the Boost.PFR headers from PyPI into $cache/$(pfr_entry)"
    once "$(pfr_entry)" make_pfr
}

run_setup() {
    case ${1:-} in
    "")
        need_packages build test
        need_pfr || die "the Boost.PFR headers could not be fetched"
        say "ready: tools/dev build, tools/dev demo, tools/dev test"
        ;;
    peers)
        say "peers: $(peers_python)"
        say "files: $(peer_files)"
        ;;
    style) need_packages style ;;
    *) die "setup takes nothing, 'peers' or 'style', not '$1'" ;;
    esac
}
