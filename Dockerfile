# The image of Milepost: one binary and what it links to. Needs BuildKit, for the cache mounts.
#
#   docker build -t milepost .
#   docker run --rm -p 8420:8420 -e DATABASE_URL=postgres://... milepost
#
# There is no PostgreSQL server inside, so DATABASE_URL has to be given; docker-compose.yml brings both.

FROM node:22-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY openapi/milepost.json ../openapi/
COPY web ./
RUN npm run build

FROM rust:1-slim-bookworm AS build
# Versions of Debian's packages are those of the release; a pin would break with the next security update.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends libpq-dev make pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
COPY --from=web /src/web/dist web/dist
# target/ is a cache mount and not in the image, so the binary is copied out of it in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/usr/local/cargo/git,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --locked --profile dist -p milepost-cli \
 && install -D -m 0755 target/dist/milepost /out/milepost

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Milepost" \
      org.opencontainers.image.description="Tells how the installation of every host is going" \
      org.opencontainers.image.licenses="Apache-2.0"
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libpq5 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 milepost \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/milepost --shell /usr/sbin/nologin milepost \
 && install -d -m 0750 -o 10001 -g 10001 /var/lib/milepost
COPY --from=build /out/milepost /usr/local/bin/milepost
COPY LICENSE /usr/share/doc/milepost/LICENSE
# The data directory is $XDG_DATA_HOME/milepost: the volume, for the service and for `docker exec ... milepost status`.
ENV XDG_DATA_HOME=/var/lib
# As numbers: Kubernetes (runAsNonRoot) cannot tell from a name that it is not root.
USER 10001:10001
WORKDIR /var/lib/milepost
VOLUME /var/lib/milepost
EXPOSE 8420
# The image has no HTTP client; bash opens the connection itself. It asks whether the service lives, not whether its
# database does: a restart cannot mend a database. Another command than "serve" wants --no-healthcheck.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8420 && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r _ code _ <&3 && [ \"$code\" = 200 ]"]
ENTRYPOINT ["milepost"]
CMD ["serve", "--listen", "0.0.0.0:8420"]
