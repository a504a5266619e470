package redis

import (
	"context"
	"errors"

	"github.com/caddy-payermax/caddy-payermax/stores"
)

// Reserve is not there yet.
func (*server) Reserve(context.Context, stores.Reservation) (stores.Ticket, error) {
	return stores.Ticket{}, errors.ErrUnsupported
}

// Settle is not there yet.
func (*server) Settle(context.Context, stores.Ticket, stores.Settlement) error {
	return errors.ErrUnsupported
}
