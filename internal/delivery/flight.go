package delivery

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// flight records how far a request gets on its way to the gateway. net/http reports it from
// its own goroutines, sometimes after the request has ended, so nothing else of a call is
// accessible to them.
type flight struct {
	// connecting is set once a connection to the gateway was asked for, and written once the
	// request's header may have been sent on it. Together they distinguish a request that was
	// certainly not sent from one that may have been.
	connecting, written atomic.Bool
	// connected is set once there is a new connection, and kept if an existing one is reused.
	connected, kept atomic.Bool
	// connectError is why there is no connection, which the reverse proxy's own error may not
	// say.
	connectError atomic.Pointer[error]
	// handshaking is set during the TLS handshake on a connection. handshakeFailed is set if
	// there is a connection, but the handshake failed.
	handshaking, handshakeFailed atomic.Bool
	// firstByte is when the answer began.
	firstByte atomic.Pointer[time.Time]
}

// watch returns the hooks that record how far the request gets.
func (f *flight) watch() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:      func(string) { f.connecting.Store(true) },
		GotConn:      func(got httptrace.GotConnInfo) { f.kept.Store(got.Reused) },
		WroteHeaders: func() { f.written.Store(true) },
		GotFirstResponseByte: func() {
			now := time.Now()
			f.firstByte.Store(&now)
		},
		DNSDone:           func(info httptrace.DNSDoneInfo) { f.cannotConnect(info.Err) },
		ConnectDone:       func(_, _ string, err error) { f.connectDone(err) },
		TLSHandshakeStart: func() { f.handshaking.Store(true) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			f.handshaking.Store(false)
			f.cannotConnect(err)
			f.handshakeFailed.Store(err != nil)
		},
	}
}

// connectDone records the result of an attempt to connect to one of the gateway's addresses.
// Failures of other addresses do not matter once there is a connection.
func (f *flight) connectDone(err error) {
	switch {
	case err == nil:
		f.connected.Store(true)
		f.connectError.Store(nil)
	case !f.connected.Load():
		f.cannotConnect(err)
	}
}

// cannotConnect records why there is no connection, if err is not nil.
func (f *flight) cannotConnect(err error) {
	if err != nil {
		f.connectError.Store(&err)
	}
}

// inHandshake adds to an unspecific error that it occurred during the TLS handshake.
func (f *flight) inHandshake(err error) error {
	failed := f.handshakeFailed.Load()
	switch {
	case failed && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		return fmt.Errorf("the connection was closed during the TLS handshake: %w", err)
	case (failed || f.handshaking.Load()) && errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the time ran out during the TLS handshake: %w", err)
	}
	return err
}

// isUnheard reports whether a request was sent on a connection that had been idle, and
// nothing has been received on it.
func (f *flight) isUnheard() bool {
	return f.kept.Load() && f.written.Load() && f.firstByte.Load() == nil
}
