package payermax

// The Caddy modules that come with the handler, though no call needs them.
import (
	_ "github.com/caddy-payermax/caddy-payermax/modules/buffered"
	_ "github.com/caddy-payermax/caddy-payermax/modules/landlock"
)
