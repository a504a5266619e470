module github.com/caddy-payermax/caddy-payermax/e2e/model

go 1.26.0

require (
	github.com/caddy-payermax/caddy-payermax v0.0.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/sys v0.49.0
	pgregory.net/rapid v1.3.0
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect

replace github.com/caddy-payermax/caddy-payermax => ../..
