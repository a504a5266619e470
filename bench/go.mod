module github.com/caddy-payermax/caddy-payermax/bench

go 1.26
