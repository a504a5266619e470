# The sidecar as a container image: Caddy with its standard modules and this one.
#
#   docker build -f xcaddy.Dockerfile -t caddy-payermax .
#
# It runs Caddyfile.example, which listens on 127.0.0.1 only: give it the network
# namespace of the application, as a pod does, or mount a Caddyfile of your own at
# /etc/caddy/Caddyfile.

FROM caddy:2.11-builder AS build
ARG CADDY_VERSION=v2.11.9
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The module comes from the build context; v0.0.0 only keeps xcaddy from looking
# for a published version. Without cgo the binary needs no C library.
RUN CGO_ENABLED=0 xcaddy build ${CADDY_VERSION} \
	--with github.com/caddy-payermax/caddy-payermax@v0.0.0=. \
	--output /caddy \
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
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/bin/caddy"]
CMD ["run", "--config", "/etc/caddy/Caddyfile"]
