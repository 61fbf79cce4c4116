# syntax=docker/dockerfile:1
# The updater, and heat-templates for the authors of templates. Writes to /tmp alone, where git works: with a read-only
# root file system give it a tmpfs there.
#   docker build --file infra/docker/updater.Dockerfile .      (infra/deploy.sh updater does it with tags and labels)
# The stage `build` is the same, letter by letter, as that of the API, and is built once for both.
FROM rust:1.95.0-slim-bookworm AS build
# mold links, as .cargo/config.toml asks.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev mold \
    && rm -rf /var/lib/apt/lists/*
ENV CARGO_PROFILE_RELEASE_DEBUG=false
WORKDIR /heat
# The dependencies: this layer stays until Cargo.lock or a manifest changes.
COPY .cargo/config.toml .cargo/
COPY Cargo.toml Cargo.lock ./
COPY lib/Cargo.toml lib/
COPY handlers/Cargo.toml handlers/
COPY jobs/Cargo.toml jobs/
COPY infra/devkit/Cargo.toml infra/devkit/
COPY infra/docker/build-dependencies infra/docker/
RUN infra/docker/build-dependencies heat-handlers heat-jobs
# Heat itself. Both crates in both images: what cargo builds depends on what it is asked for together.
COPY migrations migrations
COPY lib lib
COPY handlers handlers
COPY jobs jobs
RUN cargo build --release --locked --package heat-handlers --package heat-jobs

FROM debian:bookworm-slim
# git and ssh read the templates' repository; the certificates are for every upstream system.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin heat
COPY infra/docker/healthy /usr/local/bin/
COPY --from=build /heat/target/release/heat-updater /heat/target/release/heat-templates /usr/local/bin/
USER 10001:10001
ENV HEAT_METRICS_LISTEN=0.0.0.0:9100
EXPOSE 9100
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s --retries=3 CMD ["/bin/bash", "-c", "healthy \"$HEAT_METRICS_LISTEN\" /healthz"]
ENTRYPOINT ["heat-updater"]
