# The gateway in a container: built on Debian 12, run on Debian 12 with only the libraries it links.
#
#   docker build -t canary-gateway .
#   docker run -p 8080:8080 -v ./gateway.yaml:/etc/canary-gateway/gateway.yaml:ro \
#     -v canary-state:/var/lib/canary-gateway canary-gateway
#
# The admin listener stays on the container's loopback: docker exec ... canary-gateway status.
# Mount the directory instead of the file when the file is edited by renaming.
FROM debian:12 AS build
WORKDIR /src
COPY deploy/packages.sh deploy/packages.sh
RUN deploy/packages.sh build
COPY . .
RUN cmake --preset release && cmake --build --preset release && strip build/release/canary-gateway

FROM debian:12-slim
COPY deploy/packages.sh /tmp/packages.sh
RUN /tmp/packages.sh run && rm -rf /tmp/packages.sh /var/lib/apt/lists/* \
  && useradd --system --uid 10001 --home-dir /var/lib/canary-gateway --create-home canary
COPY --from=build /src/build/release/canary-gateway /usr/local/bin/canary-gateway
USER 10001
VOLUME /var/lib/canary-gateway
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["canary-gateway", "status", "--json"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["canary-gateway"]
CMD ["run", "-c", "/etc/canary-gateway/gateway.yaml"]
