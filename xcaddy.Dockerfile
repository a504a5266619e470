# The sidecar as a container image: Caddy with its standard modules and this one.
#
#   docker build -f xcaddy.Dockerfile -t caddy-payermax .
#
# It runs Caddyfile.example, which takes its values from the environment and has no
# default for PAYERMAX_GATEWAY: without it, the container ends at once and says so.
# It listens on 127.0.0.1 only: give it the network namespace of the application, as
# a pod does, or mount a Caddyfile of your own at /etc/caddy/Caddyfile.

FROM caddy:2.11-builder AS build
ARG CADDY_VERSION=v2.11.9
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The module comes from the build context; v0.0.0 only keeps xcaddy from looking
# for a published version. Without cgo the binary needs no C library.
#
# The base image has XCADDY_SETCAP=1, which gives the binary a capability to bind
# ports below 1024. COPY keeps that, and a pod that drops all capabilities then
# cannot start the binary at all. It binds no such port.
RUN XCADDY_SETCAP=0 CGO_ENABLED=0 xcaddy build ${CADDY_VERSION} \
	--with github.com/caddy-payermax/caddy-payermax@v0.0.0=. \
	--output /caddy \
	&& capabilities=$(getcap /caddy) \
	&& if [ -n "$capabilities" ]; then echo "the binary must have no file capability, but has: $capabilities" >&2; exit 1; fi \
	&& /caddy list-modules | grep -q http.handlers.payermax \
	&& mkdir /empty

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /caddy /usr/bin/caddy
COPY --from=build /src/Caddyfile.example /etc/caddy/Caddyfile
# Caddy looks for these even where it keeps nothing in them.
COPY --from=build --chown=65532:65532 /empty /config
COPY --from=build --chown=65532:65532 /empty /data
ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
# Garbage is collected half as often as by default, for some 7 MB more. Caddy keeps
# the heap below 90 % of the container's memory limit, unless GOMEMLIMIT says
# otherwise.
ENV GOGC=200
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/bin/caddy"]
CMD ["run", "--config", "/etc/caddy/Caddyfile"]
