package payermax

// The Caddy modules that come with the handler.
import (
	_ "github.com/caddy-payermax/caddy-payermax/modules/landlock"
	_ "github.com/caddy-payermax/caddy-payermax/modules/transport"
)
