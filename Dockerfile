# Signpost as a container. Build it:   docker build -t signpost .
# Run it on your own routing table:    docker run -d --name signpost -p 5060:5060/udp -p 5060:5060/tcp \
#                                          -v "$PWD/conf:/etc/signpost:ro" signpost
# conf/ holds rules.yaml and, if the settings of the image do not suit, a signpost.yaml (both readable by
# everybody: the server is not root). Reload after a change: docker kill -s HUP signpost
FROM debian:bookworm-slim AS build
WORKDIR /src
# What the Makefile calls the build's packages; make itself is all it takes to ask it.
COPY Makefile tests/packages.sh ./
RUN apt-get update && apt-get install -y --no-install-recommends make \
    && mkdir tests && mv packages.sh tests/ && make deps && rm -rf /var/lib/apt/lists/*
COPY . .
ARG VERSION=
RUN make -j"$(nproc)" install DESTDIR=/out PREFIX=/usr/local ${VERSION:+VERSION="$VERSION"}

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Signpost" \
      org.opencontainers.image.description="A stateless SIP redirect server with a routing table in YAML" \
      org.opencontainers.image.licenses="MIT"
RUN apt-get update && apt-get install -y --no-install-recommends \
        libsofia-sip-ua0 libyaml-0-2 libpcre2-8-0 libsodium23 \
        libevent-core-2.1-7 libevent-extra-2.1-7 libevent-openssl-2.1-7 libssl3 libseccomp2 libc-ares2 tzdata \
    && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
COPY --from=build /out/usr/local /usr/local
COPY deploy/container/signpost.yaml /usr/local/share/signpost/signpost.yaml
COPY deploy/container/rules.yaml /etc/signpost/rules.yaml
COPY deploy/container/start.sh /usr/local/bin/signpost-start
# A number, so that Kubernetes can tell that it is not root.
USER 5060:5060
EXPOSE 5060/udp 5060/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=2s --retries=3 \
    CMD ["signpost", "ping", "udp:127.0.0.1:5060"]
ENTRYPOINT ["signpost-start"]
