#!/bin/bash
# deploy.sh - builds and pushes the image of one component.
#
#   HEAT_REGISTRY=registry.example.net/noc infra/deploy.sh [--dry-run] COMPONENT
#
#   COMPONENT   api, updater or static: built from this clone with infra/docker/COMPONENT.Dockerfile
#               redis: the official image at the tag that Heat is run with, passed on to your registry
#   --dry-run   prints the commands and runs none of them
#
# Pushed are the tags VERSION and "latest". VERSION is what `git describe` says: the last tag, how many commits after it, and
# the commit; "-dirty" where the clone holds more than the commit. The image says the same in its labels. Of redis, VERSION
# is the tag of the official image.
#
#   HEAT_REGISTRY         registry and folder; images are HEAT_REGISTRY/heat-api, -updater, -static, -redis
#   HEAT_IMAGE_API        another name for one image, without a tag; HEAT_IMAGE_UPDATER, _STATIC, _REDIS likewise
#   HEAT_REDIS_TAG        another tag of the official redis
#   HEAT_BUILD_CACHE      where the layers of all stages are kept between builds on machines that begin empty: a repository,
#                         such as registry.example.net/noc/cache; needs `docker buildx`. Without it the machine's own layers
#                         and those of "latest" are used
#
# infra/deploy_prod.sh COMPONENT does the same, refuses what is not committed, and adds the tag "release".
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

REDIS_TAG=${HEAT_REDIS_TAG:-7.2.11-bookworm}

die() {
    printf 'deploy.sh: %s\n' "$*" >&2
    exit 1
}

usage() { sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//;p}' infra/deploy.sh; }

DRY='' RELEASE='' COMPONENT=''
for argument in "$@"; do
    case $argument in
        -h | --help)
            usage
            exit 0
            ;;
        --dry-run) DRY=1 ;;
        # What deploy_prod.sh adds.
        --release) RELEASE=1 ;;
        api | updater | static | redis)
            [ -z "$COMPONENT" ] || die "one component at a time: $COMPONENT or $argument"
            COMPONENT=$argument
            ;;
        *) die "unknown argument $argument: name api, updater, static or redis (--help)" ;;
    esac
done
[ -n "$COMPONENT" ] || die "name a component: api, updater, static or redis (--help)"

name=HEAT_IMAGE_${COMPONENT^^}
IMAGE=${!name:-}
if [ -z "$IMAGE" ]; then
    [ -n "${HEAT_REGISTRY:-}" ] || die "HEAT_REGISTRY is not set: the registry and folder to push to, such as registry.example.net/noc"
    IMAGE=${HEAT_REGISTRY%/}/heat-$COMPONENT
fi

# run COMMAND...: shows it, and runs it unless only shown.
run() {
    printf '+'
    printf ' %q' "$@"
    printf '\n'
    [ -n "$DRY" ] || "$@"
}

git rev-parse --git-dir >/dev/null 2>&1 || die "this is no clone of a git repository; the version comes from git"
if [ -n "$RELEASE" ] && [ -n "$(git status --porcelain)" ]; then
    git status --short >&2
    die "these are not committed; only a commit can be released"
fi

if [ "$COMPONENT" = redis ]; then
    VERSION=$REDIS_TAG
    run docker pull "redis:$REDIS_TAG"
    run docker tag "redis:$REDIS_TAG" "$IMAGE:$VERSION"
    run docker tag "redis:$REDIS_TAG" "$IMAGE:latest"
    if [ -n "$RELEASE" ]; then run docker tag "redis:$REDIS_TAG" "$IMAGE:release"; fi
else
    REVISION=$(git rev-parse HEAD)
    VERSION=$(git describe --tags --always --abbrev=12)
    # `git describe --dirty` does not see files that are not added yet, and they are built in too.
    [ -z "$(git status --porcelain)" ] || VERSION=$VERSION-dirty
    # A tag of git may have characters that one of an image may not.
    VERSION=${VERSION//[^A-Za-z0-9_.-]/-}
    build=(docker build)
    cache=(--cache-from "$IMAGE:latest" --build-arg BUILDKIT_INLINE_CACHE=1)
    if [ -n "${HEAT_BUILD_CACHE:-}" ]; then
        build=(docker buildx build --load)
        ref=type=registry,ref=$HEAT_BUILD_CACHE:heat-$COMPONENT
        cache=(--cache-from "$ref" --cache-to "$ref,mode=max")
    fi
    tags=(--tag "$IMAGE:$VERSION" --tag "$IMAGE:latest")
    if [ -n "$RELEASE" ]; then tags+=(--tag "$IMAGE:release"); fi
    run env DOCKER_BUILDKIT=1 "${build[@]}" --pull --file "infra/docker/$COMPONENT.Dockerfile" \
        --label "org.opencontainers.image.title=heat-$COMPONENT" \
        --label "org.opencontainers.image.version=$VERSION" \
        --label "org.opencontainers.image.revision=$REVISION" \
        --label "org.opencontainers.image.created=$(git log -1 --format=%cI)" \
        --label "org.opencontainers.image.licenses=Apache-2.0" \
        "${cache[@]}" "${tags[@]}" .
fi
# The moving tags last: whoever follows them finds the version there too.
run docker push "$IMAGE:$VERSION"
run docker push "$IMAGE:latest"
if [ -n "$RELEASE" ]; then run docker push "$IMAGE:release"; fi
printf '%s\n' "$IMAGE:$VERSION"
