# Where Heat's database is, for backup.sh and restore.sh. To be sourced.
# shellcheck shell=bash

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# decoded TEXT: without percent encoding.
decoded() {
    local text=${1//\\/\\\\}
    printf '%b' "${text//%/\\x}"
}

# Sets libpq's variables from HEAT_DATABASE_URL or HEAT_DATABASE_URL_FILE: as an argument the password would be in the list of
# processes. Whatever is set already (PGHOST, PGPASSFILE, PGSSLMODE, …) counts where the URL says nothing, and without a URL.
connect_by_url() {
    local url=${HEAT_DATABASE_URL:-} login='' rest
    [ -z "${HEAT_DATABASE_URL_FILE:-}" ] || url=$(<"$HEAT_DATABASE_URL_FILE")
    [ -n "$url" ] || { [ -n "${PGDATABASE:-}" ] && return 0; } ||
        die "HEAT_DATABASE_URL is not set: postgres://user:password@host:5432/database, or a file by HEAT_DATABASE_URL_FILE"
    case $url in
        postgres://* | postgresql://*) rest=${url#*://} ;;
        *) die "HEAT_DATABASE_URL must begin with postgres://" ;;
    esac
    case $rest in *\?*)
        [[ "&${rest#*\?}" =~ \&sslmode=([a-z-]+) ]] && export PGSSLMODE=${BASH_REMATCH[1]}
        rest=${rest%%\?*}
        ;;
    esac
    case $rest in */*)
        PGDATABASE=$(decoded "${rest#*/}")
        export PGDATABASE
        rest=${rest%%/*}
        ;;
    esac
    case $rest in *@*)
        login=${rest%@*}
        rest=${rest##*@}
        PGUSER=$(decoded "${login%%:*}")
        export PGUSER
        case $login in *:*)
            PGPASSWORD=$(decoded "${login#*:}")
            export PGPASSWORD
            ;;
        esac
        ;;
    esac
    case $rest in
        \[*\]*)
            export PGHOST="${rest%%]*}"
            PGHOST=${PGHOST#[}
            rest=${rest##*]}
            ;;
        *) export PGHOST="${rest%%:*}" ;;
    esac
    case $rest in *:*) export PGPORT="${rest##*:}" ;; esac
    # A database that does not answer is an error, and not a wait.
    export PGCONNECT_TIMEOUT="${PGCONNECT_TIMEOUT:-10}" PGAPPNAME="${0##*/}"
}

# tool NAME: the newest of Postgres' programs of that name: an older one refuses a newer server. PG_BIN names a folder.
tool() {
    local found
    if [ -n "${PG_BIN:-}" ]; then
        found=$PG_BIN/$1
    else
        found=$(compgen -G "/usr/lib/postgresql/*/bin/$1" | sort -V | tail -n 1) || true
        [ -n "$found" ] || found=$(command -v "$1") || die "$1 is missing: install Debian's package postgresql-client"
    fi
    printf '%s' "$found"
}
