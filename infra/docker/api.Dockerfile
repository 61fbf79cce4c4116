# syntax=docker/dockerfile:1
# The API replica. Stateless; its root file system may be read-only, it writes nothing.
#   docker build --file infra/docker/api.Dockerfile .          (infra/deploy.sh api does it with tags and labels)
# The stage `build` is the same, letter by letter, as that of the updater, and is built once for both.
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
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin heat
COPY infra/docker/healthy /usr/local/bin/
COPY --from=build /heat/target/release/heat-api /usr/local/bin/
USER 10001:10001
ENV HEAT_LISTEN=0.0.0.0:8081 HEAT_METRICS_LISTEN=0.0.0.0:9100
EXPOSE 8081 9100
# The process alone: whether it has a picture to show is what /readyz tells a load balancer.
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s --retries=3 CMD ["/bin/bash", "-c", "healthy \"$HEAT_LISTEN\" /healthz"]
ENTRYPOINT ["heat-api"]
