# What infra/run and infra/test need of a machine: a bare Debian 12 with Rust and Node.js. To be sourced.
# shellcheck shell=bash

die() {
    printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# step TEXT: says what begins, with the time since the script's start.
step() { printf '[%4d s] %s\n' "$SECONDS" "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "only root can do this, and there is no sudo: $*"
    fi
}

# has_files PATTERN...: whether every pattern matches something.
has_files() {
    local pattern
    for pattern in "$@"; do
        compgen -G "$pattern" >/dev/null || return 1
    done
}

# need PACKAGE FILE...: notes a Debian package as missing unless all the files are there.
MISSING=()
need() { has_files "${@:2}" || MISSING+=("$1"); }

# What the build and the local stack need.
need_for_the_stack() {
    need gcc /usr/bin/cc
    need libc6-dev /usr/include/stdlib.h
    need mold /usr/bin/mold
    need ca-certificates /etc/ssl/certs/ca-certificates.crt
    need postgresql-15 /usr/lib/postgresql/15/bin/postgres
    need redis-server /usr/bin/redis-server
    need mariadb-server /usr/sbin/mariadbd /usr/bin/mariadb-install-db
    need mariadb-client /usr/bin/mariadb
    need nginx /usr/sbin/nginx /etc/nginx/mime.types
    need git /usr/bin/git
}

# Installs what `need` noted. No service is started: Heat starts servers of its own, on ports of its own.
install_missing() {
    [ ${#MISSING[@]} -gt 0 ] || return 0
    [ -r /etc/debian_version ] || die "this is not Debian; install what corresponds to: ${MISSING[*]}"
    step "installing ${MISSING[*]}"
    local policy=/usr/sbin/policy-rc.d log made='' ok=''
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
    local install=("${apt[@]}" install -y --no-install-recommends "${MISSING[@]}")
    log=$(mktemp)
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
        made=1
    fi
    # The package lists may be there and good; on a bare machine they are not.
    if as_root "${install[@]}" </dev/null >"$log" 2>&1; then
        ok=1
    elif as_root "${apt[@]}" update </dev/null >>"$log" 2>&1 && as_root "${install[@]}" </dev/null >>"$log" 2>&1; then
        ok=1
    fi
    [ -z "$made" ] || as_root rm -f $policy
    if [ -z "$ok" ]; then
        tail -n 20 "$log" >&2
        die "apt-get could not install ${MISSING[*]}; its whole log is $log"
    fi
    rm -f "$log"
}

# Rust by rustup, so that rust-toolchain.toml chooses the version; Node.js from anywhere.
check_toolchains() {
    if ! command -v cargo >/dev/null && [ -r "$HOME/.cargo/env" ]; then
        # shellcheck source=/dev/null
        . "$HOME/.cargo/env"
    fi
    command -v cargo >/dev/null || die "Rust is missing: install it with https://rustup.rs, which takes a minute, and run this again"
    # rustup fetches the pinned version; where it cannot, the installed one may be the same under another name.
    local pinned
    pinned=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
    if ! cargo --version >/dev/null 2>&1; then
        [ "$(RUSTUP_TOOLCHAIN=stable rustc --version 2>/dev/null | cut -d' ' -f2)" = "$pinned" ] ||
            die "Rust $pinned cannot be had: run 'rustup toolchain install $pinned'"
        export RUSTUP_TOOLCHAIN=stable
    fi
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        die "Node.js is missing: install version 20.19 or later, with npm (https://nodejs.org), and run this again"
    fi
    node -e '
        const [a, b] = process.versions.node.split(".").map(Number);
        process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1);' ||
        die "Node.js $(node --version) is too old: the page's build needs 20.19 or later"
}

# Installs the page's packages if the lock file changed since they were installed.
install_page_packages() {
    [ static/node_modules/.package-lock.json -nt static/package-lock.json ] && return 0
    npm --prefix static ci --no-audit --no-fund --loglevel=error
}

# Builds the page if one of its sources is newer than the built one.
build_page() {
    local built=static/dist/index.html
    if [ -f $built ] && [ -z "$(find static lib/openapi.json -newer $built -type f \
        -not -path 'static/node_modules/*' -not -path 'static/dist/*' -print -quit)" ]; then
        return 0
    fi
    npm --prefix static run --silent build
}
