#!/bin/bash
# backup.sh - writes all that Heat must not lose into one file.
#
#   HEAT_DATABASE_URL=postgres://… infra/backup.sh FILE
#
# That is its Postgres database: comments, acknowledgements, notes, tickets, history, tokens, audit. Everything in Redis is read anew
# from the upstream systems. Heat goes on meanwhile; the file shows one moment. It is written whole or not at all, readable
# only for its owner, checked by reading it back, and a file that is there already is not overwritten.
#
# infra/restore.sh FILE is the way back. Configuration and secrets are the site's own to keep.
#
#   HEAT_DATABASE_URL, HEAT_DATABASE_URL_FILE   the database, with the owner of its tables; or libpq's own variables
#   PG_BIN                                      the folder of pg_dump, if not the newest installed
set -euo pipefail
# shellcheck source=infra/database.sh
. "$(dirname "$(readlink -f "$0")")/database.sh"
case ${1:-} in
    -h | --help)
        sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//;p}' "$0"
        exit 0
        ;;
    '' | -*) die "name the file to write (--help)" ;;
esac
file=$1
[ ! -e "$file" ] || die "$file is there already; a backup overwrites nothing"
connect_by_url
umask 077
part=$file.part
trap 'rm -f "$part"' EXIT
"$(tool pg_dump)" --format=custom --no-owner --no-privileges --file="$part"
"$(tool pg_restore)" --list "$part" | grep 'TABLE DATA public comments' >/dev/null ||
    die "the dump holds no comments: is $PGDATABASE Heat's database?"
sync "$part"
mv -n "$part" "$file"
trap - EXIT
printf '%s: %s\n' "$file" "$(du -h "$file" | cut -f1)"
