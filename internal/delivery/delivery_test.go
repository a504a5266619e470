package delivery

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// What was sent on a connection that had been idle has not been heard of before the
// answer's first byte.
func TestFlightIsUnheard(t *testing.T) {
	for name, test := range map[string]struct{ kept, written, heard, want bool }{
		"silence":             {kept: true, written: true, want: true},
		"on a new connection": {written: true},
		"not written":         {kept: true},
		"answered":            {kept: true, written: true, heard: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := new(flight)
			f.kept.Store(test.kept)
			f.written.Store(test.written)
			if test.heard {
				now := time.Now()
				f.firstByte.Store(&now)
			}
			assert.Equal(t, test.want, f.isUnheard())
		})
	}
}

// Every attempt but the first is signed anew and followed on its own.
func TestAttempts(t *testing.T) {
	d := new(Delivery)
	d.signed.Store(&Signed{Body: []byte("first"), Signature: "1"})
	d.again = func(context.Context) (*Signed, error) {
		return &Signed{Body: []byte("second"), Signature: "2"}, nil
	}
	first, err := d.Attempt(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "first", string(first.Body))
	assert.Nil(t, first.Trace, "the trace of the call follows it")
	d.kept.Store(true)
	d.written.Store(true)
	assert.True(t, first.IsUnheard())

	second, err := d.Attempt(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "second", string(second.Body))
	assert.Equal(t, "2", second.Signature)
	assert.NotNil(t, second.Trace)
	assert.False(t, second.IsUnheard(), "it is another flight")

	d.again = func(context.Context) (*Signed, error) { return nil, errors.New("no key") }
	_, err = d.Attempt(t.Context())
	assert.EqualError(t, err, "no key")
}

// A call may be sent until something of it was written, and after that if it may be
// received twice.
func TestMayRetry(t *testing.T) {
	for _, test := range []struct{ written, option, repeatable, want bool }{
		{false, false, false, true},
		{true, false, true, false},
		{true, true, false, false},
		{true, true, true, true},
	} {
		d := &Delivery{endpoint: protocol.Endpoint{Repeatable: test.repeatable}, retryRepeatable: test.option}
		d.written.Store(test.written)
		assert.Equal(t, test.want, d.MayRetry(), "%+v", test)
	}
}
