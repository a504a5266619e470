package stores

import (
	"context"
	"errors"
)

// Reserve is not there yet.
func (*Memory) Reserve(context.Context, Reservation) (Ticket, error) {
	return Ticket{}, errors.ErrUnsupported
}

// Settle is not there yet.
func (*Memory) Settle(context.Context, Ticket, Settlement) error { return errors.ErrUnsupported }
