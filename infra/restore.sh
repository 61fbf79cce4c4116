#!/bin/bash
# restore.sh - puts what infra/backup.sh wrote into an empty database.
#
#   HEAT_DATABASE_URL=postgres://… infra/restore.sh FILE
#
# Stop every updater and replica first, make an empty database (createdb), restore, then `heat-updater migrate --roles`: it brings
# a backup of an older version up to date, and gives the programs their rights again. Then start the updaters and the replicas.
# All of the backup arrives, or nothing. A database that holds anything is refused: drop it yourself if you mean it.
#
# Tickets that were asked for before the backup and made after it are not made twice: each is asked for by a name that the
# tracker knows.
#
#   HEAT_DATABASE_URL, HEAT_DATABASE_URL_FILE   the database, with the user who shall own everything
#   PG_BIN                                      the folder of pg_restore, if not the newest installed
set -euo pipefail
# shellcheck source=infra/database.sh
. "$(dirname "$(readlink -f "$0")")/database.sh"
case ${1:-} in
    -h | --help)
        sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//;p}' "$0"
        exit 0
        ;;
    '' | -*) die "name the file to read (--help)" ;;
esac
file=$1
[ -r "$file" ] || die "$file cannot be read"
connect_by_url
held=$("$(tool psql)" -XAtq -c "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')")
[ "$held" = 0 ] || die "$PGDATABASE holds $held tables already; restore into an empty database"
"$(tool pg_restore)" --no-owner --no-privileges --exit-on-error --single-transaction --dbname="$PGDATABASE" "$file"
"$(tool psql)" -XAtq -c 'analyze'
printf '%s: %s\n' "$PGDATABASE" "$("$(tool psql)" -XAtq -c "select count(*) || ' comments, ' || (select count(*) from tickets) || ' tickets, ' || (select count(*) from openings) || ' openings' from comments")"
