#!/bin/bash
# deploy_prod.sh - builds and pushes the image of one component for production.
#
#   HEAT_REGISTRY=registry.example.net/noc infra/deploy_prod.sh [--dry-run] COMPONENT
#
# Does what infra/deploy.sh does (see there for COMPONENT and the environment), adds the tag "release", and refuses a clone
# with anything that is not committed.
set -euo pipefail
folder=$(dirname "$(readlink -f "$0")")
for argument in "$@"; do
    case $argument in
        -h | --help)
            sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//;p}' "$folder/deploy_prod.sh"
            exit 0
            ;;
    esac
done
exec "$folder/deploy.sh" --release "$@"
