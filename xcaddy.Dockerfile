# The sidecar as a container image: Caddy with its standard modules and this one.
#
#   docker build -f xcaddy.Dockerfile -t caddy-payermax .
#
# For several platforms, without emulation, since Go compiles for each of them on
# the machine that builds; and with where it comes from. The labels, `caddy
# payermax-version`, /readyz and the metrics have both:
#
#   docker buildx build -f xcaddy.Dockerfile -t caddy-payermax \
#     --platform linux/amd64,linux/arm64 \
#     --build-arg VERSION=v1.0.0 --build-arg REVISION="$(git rev-parse HEAD)" .
#
# It runs Caddyfile.example, which takes its values from the environment and has no
# default for PAYERMAX_GATEWAY: without it, the container ends at once and says so.
# It listens on 127.0.0.1 only: give it the network namespace of the application, as
# a pod does, or mount a Caddyfile of your own at /etc/caddy/Caddyfile.

# The release of Caddy, whose builder has its own versions of Go and xcaddy. A tag
# can be moved. No digest stands here, since nobody has verified one for this project;
# docs/supply-chain.md has the command that pins the one that you have looked at.
ARG CADDY_VERSION=2.11.9
ARG BUILDER=caddy:${CADDY_VERSION}-builder

FROM --platform=$BUILDPLATFORM ${BUILDER} AS build
ARG CADDY_VERSION
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# The module comes from the build context; its version is only a name, and v0.0.0
# the placeholder for none. Without cgo the binary needs no C library.
#
# The base image has XCADDY_SETCAP=1, which gives the binary a capability to bind
# ports below 1024. COPY keeps that, and a pod that drops all capabilities then
# cannot start the binary at all. It binds no such port.
#
# The binary may be for another platform than this one, so it is asked for its
# modules by Go.
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=v0.0.0
# xcaddy knows no commit of a folder, so the linker is given it. With flags of one's own,
# xcaddy leaves out its usual ones: all but the last are those.
ARG REVISION=unknown
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
	GOOS=${TARGETOS} GOARCH=${TARGETARCH} XCADDY_SETCAP=0 CGO_ENABLED=0 \
	XCADDY_GO_BUILD_FLAGS="-trimpath -tags=nobadger,nomysql,nopgx '-ldflags=-w -s -X github.com/caddy-payermax/caddy-payermax/internal/build.revision=${REVISION}'" \
	xcaddy build v${CADDY_VERSION} \
	--with github.com/caddy-payermax/caddy-payermax@${VERSION}=. \
	--output /caddy \
	&& capabilities=$(getcap /caddy) \
	&& if [ -n "$capabilities" ]; then echo "the binary must have no file capability, but has: $capabilities" >&2; exit 1; fi \
	&& go version -m /caddy | grep -q github.com/caddy-payermax/caddy-payermax \
	&& mkdir /empty

FROM scratch
ARG VERSION=v0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="caddy-payermax" \
	org.opencontainers.image.description="A sidecar that signs PayerMax API calls" \
	org.opencontainers.image.source="https://github.com/caddy-payermax/caddy-payermax" \
	org.opencontainers.image.licenses="Apache-2.0" \
	org.opencontainers.image.version="${VERSION}" \
	org.opencontainers.image.revision="${REVISION}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /caddy /usr/bin/caddy
COPY --from=build /src/Caddyfile.example /etc/caddy/Caddyfile
# Caddy looks for these even where it keeps nothing in them.
COPY --from=build --chown=65532:65532 /empty /config
COPY --from=build --chown=65532:65532 /empty /data
ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
# Garbage is collected half as often as by default, for some 9 MB more. Caddy keeps
# the heap below 90 % of the container's memory limit, unless GOMEMLIMIT says
# otherwise.
ENV GOGC=200
USER 65532:65532
EXPOSE 8080
# For Docker and Compose; Kubernetes has probes of its own and ignores it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["/usr/bin/caddy", "payermax-health"]
ENTRYPOINT ["/usr/bin/caddy"]
CMD ["run", "--config", "/etc/caddy/Caddyfile"]
