# syntax=docker/dockerfile:1
# For demonstrations only, and in no other image: the simulated Zabbix, Juggler and Startrek of the devkit, and the page
# that plays scenarios in them. The profile `demo` of infra/compose.yaml builds it.
FROM rust:1.95.0-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev mold \
    && rm -rf /var/lib/apt/lists/*
ENV CARGO_PROFILE_RELEASE_DEBUG=false
WORKDIR /heat
COPY .cargo/config.toml .cargo/
COPY Cargo.toml Cargo.lock ./
COPY lib/Cargo.toml lib/
COPY handlers/Cargo.toml handlers/
COPY jobs/Cargo.toml jobs/
COPY infra/devkit/Cargo.toml infra/devkit/
COPY infra/docker/build-dependencies infra/docker/
RUN infra/docker/build-dependencies heat-devkit
COPY migrations migrations
COPY lib lib
COPY handlers handlers
COPY jobs jobs
COPY infra/OPERATIONS.md infra/
COPY infra/nginx infra/nginx
COPY infra/devkit infra/devkit
RUN cargo build --release --locked --package heat-devkit

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin heat
COPY infra/docker/healthy /usr/local/bin/
COPY --from=build /heat/target/release/heat-dev /usr/local/bin/
USER 10001:10001
EXPOSE 18080 18081 18082 18083
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s --retries=3 CMD ["/bin/bash", "-c", "healthy 18080 /demo/"]
ENTRYPOINT ["heat-dev", "simulate", "--listen", "0.0.0.0"]
