# syntax=docker/dockerfile:1
# nginx with the page, in front of the API replicas. Writes to /run/heat alone: with a read-only root file system give it a
# tmpfs there. What it is told stands in infra/docker/serve-page.
#   docker build --file infra/docker/static.Dockerfile .       (infra/deploy.sh static does it with tags and labels)
FROM node:20-bookworm-slim AS build
WORKDIR /heat/static
# The dependencies: this layer stays until package-lock.json changes.
COPY static/package.json static/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY static ./
RUN npm run build

# Debian's nginx, with which the configuration is tested.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gettext-base nginx \
    && rm -rf /var/lib/apt/lists/* /etc/nginx/sites-enabled /var/www/html \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin heat \
    && install --directory --owner=10001 --group=10001 /run/heat
COPY infra/docker/healthy infra/docker/serve-page /usr/local/bin/
COPY infra/nginx/main.conf.template infra/nginx/heat.conf.template /etc/heat/nginx/
COPY infra/nginx/heat /etc/heat/nginx/heat
COPY --from=build /heat/static/dist /srv/heat
USER 10001:10001
ENV HEAT_NGINX_LISTEN=8080
EXPOSE 8080
# nginx alone: that no replica answers is no reason to restart it.
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s --retries=3 CMD ["/bin/bash", "-c", "healthy \"$HEAT_NGINX_LISTEN\" /alive"]
STOPSIGNAL SIGQUIT
ENTRYPOINT ["serve-page"]
