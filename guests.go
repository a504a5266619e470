package payermax

// The Caddy modules that come with the handler, though no call needs them.
import (
	_ "github.com/caddy-payermax/caddy-payermax/modules/handover"
	_ "github.com/caddy-payermax/caddy-payermax/modules/health"
	_ "github.com/caddy-payermax/caddy-payermax/modules/landlock"
	_ "github.com/caddy-payermax/caddy-payermax/modules/sandbox"
)
