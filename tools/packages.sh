#!/bin/sh
# Installs the Debian packages that a part of this project needs, and only those that are missing.
#
#   sh tools/packages.sh SET...    sets: base (virtual environment), test (unit tests), web (browser tests), lab (real hosts),
#                                  bench (peers of benchmarks)
#
# As root it installs them; otherwise it says what to install. Exits 1 if something is missing in the end.
set -eu
PATH=$PATH:/usr/sbin:/sbin

GUARD=/usr/sbin/policy-rc.d
missing=

# need PACKAGE COMMAND...: the package is missing if the command fails.
need() {
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

look() {
    missing=
    for set in "$@"; do
        case $set in
            base)
                need python3-venv python3 -c 'import ensurepip, venv'
                need git command -v git
                need openssh-client command -v ssh-keygen
                ;;
            test)
                need strace command -v strace
                need openssh-server command -v sshd
                need wireguard-tools command -v wg
                need nftables command -v nft
                need caddy command -v caddy
                need nix-bin command -v nix-instantiate
                need knot command -v knotd
                need pebble command -v pebble
                need systemd command -v systemd-analyze
                need prometheus command -v promtool
                need postgresql sh -c 'ls /usr/lib/postgresql/*/bin/initdb'
                ;;
            bench)
                need gcc command -v cc
                need libc6-dev test -e /usr/include/stdio.h
                need nginx-light command -v nginx
                need borgbackup command -v borg
                need restic command -v restic
                ;;
            web)
                need chromium command -v chromium
                ;;
            lab)
                need systemd-container command -v systemd-nspawn
                need debootstrap command -v debootstrap
                need iproute2 command -v ip
                need util-linux command -v setpriv
                need mount command -v mount
                need gpg command -v gpg
                need gpg-agent command -v gpg-agent
                need nmap command -v nmap
                need curl command -v curl
                need openssh-client command -v ssh-keygen
                ;;
            *)
                echo "packages.sh: no set is called $set (base, test, web, lab, bench)" >&2
                exit 2
                ;;
        esac
    done
}

# Packages must not start services here: whatever policy there is stands aside while they are installed. A guard of
# ours that a killed run left is not mistaken for the machine's own.
guard() {
    [ ! -e "$GUARD" ] || grep -q '^# noc packages.sh' "$GUARD" || mv "$GUARD" "$GUARD.before-noc"
    printf '#!/bin/sh\n# noc packages.sh\nexit 101\n' >"$GUARD"
    chmod 755 "$GUARD"
}

restore() {
    rm -f "$GUARD"
    [ ! -e "$GUARD.before-noc" ] || mv "$GUARD.before-noc" "$GUARD"
}

install() {
    export DEBIAN_FRONTEND=noninteractive
    echo "installing:$missing" >&2
    trap restore EXIT
    trap 'exit 130' INT TERM HUP
    guard
    apt-get update -qq >&2
    # shellcheck disable=SC2086 # a list of package names
    apt-get install -qq --yes --no-install-recommends $missing >&2
}

[ $# -gt 0 ] || {
    echo "usage: packages.sh SET... (base, test, web, lab, bench)" >&2
    exit 2
}
look "$@"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing on this machine; as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
install
look "$@"
[ -z "$missing" ] || {
    echo "still missing:$missing" >&2
    exit 1
}
