package stores_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/stores"
	"github.com/caddy-payermax/caddy-payermax/stores/storetest"
)

func TestMemoryReserves(t *testing.T) {
	storetest.TestReservations(t, func(*testing.T) stores.Reservations { return stores.NewMemory() })
}

func TestWindows(t *testing.T) {
	for _, test := range []struct {
		window          stores.Window
		now, begin, end string
	}{
		{stores.Hour, "2026-11-28T23:59:59+05:30", "2026-11-28T18:00:00Z", "2026-11-28T19:00:00Z"},
		{stores.Day, "2026-11-29T01:00:00+02:00", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"},
		{stores.Month, "2027-01-01T01:00:00+02:00", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{stores.Month, "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"},
	} {
		at := func(text string) time.Time {
			parsed, err := time.Parse(time.RFC3339, text)
			assert.NoError(t, err)
			return parsed
		}
		begin, end := test.window.Around(at(test.now))
		assert.Equal(t, at(test.begin), begin, test.now)
		assert.Equal(t, at(test.end), end, test.now)
	}
}
