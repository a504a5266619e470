package stores

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A new window starts with nothing used up, and an amount taken in the previous window cannot
// be given back to it.
func TestMemoryResetsWindows(t *testing.T) {
	for window, length := range map[Window]time.Duration{Hour: time.Hour, Day: 24 * time.Hour, Month: 30 * 24 * time.Hour} {
		t.Run(string(window), func(t *testing.T) {
			m := NewMemory()
			now := time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)
			m.Now = func() time.Time { return now }
			s := NewScope(t.Name())
			call := func() Reservation {
				return Reservation{Call: s.NewKey(), Lease: time.Minute, Budgets: []Budget{{Key: s.Key("b"), Window: window, Limit: 10, Amount: 10}}}
			}
			before := call()
			_, err := m.Reserve(t.Context(), before)
			require.NoError(t, err)
			_, err = m.Reserve(t.Context(), call())
			require.Error(t, err)

			now = now.Add(time.Second)
			left, err := m.Reserve(t.Context(), call())
			require.NoError(t, err)
			assert.Zero(t, left[0].Remaining)
			require.NoError(t, m.Settle(t.Context(), before, Refunded))
			_, err = m.Reserve(t.Context(), call())
			require.Error(t, err, "it was of the window before")

			now = now.Add(length + 24*time.Hour)
			m.spent.forget(now)
			assert.Empty(t, m.spent.entries, "what is over is forgotten")
		})
	}
}
