package doctor

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// lookupFailure says in words why a name could not be resolved.
func lookupFailure(err error) string {
	dnsError, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case isDNS && dnsError.IsNotFound:
		return "there is no host with this name"
	case isTimeout(err):
		return "the name servers do not answer"
	}
	return "the name could not be resolved: the name servers returned an error"
}

// connectFailure says in words why there is no connection.
func connectFailure(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused: nothing listens on the port, or a firewall rejects the connection"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no route to the host"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "the operating system does not allow it"
	case isTimeout(err):
		return "no answer within " + dialTimeout.String() + ": a firewall drops the packets, or the host is down"
	}
	if dnsError, isDNS := errors.AsType[*net.DNSError](err); isDNS {
		return lookupFailure(dnsError)
	}
	return "it failed: " + reasonOf(err)
}

// exchangeFailure says in words why there is no HTTP answer.
func exchangeFailure(err error) string {
	switch {
	case isTimeout(err):
		return "no answer within " + answerTimeout.String()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the connection was closed without an answer"
	case strings.Contains(err.Error(), "malformed HTTP"):
		return "the other side does not speak HTTP"
	}
	return "it failed: " + reasonOf(err)
}

func isTimeout(err error) bool {
	netError, isNet := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || isNet && netError.Timeout()
}

// reasonOf is the innermost part of an error, if it is the operating system's.
// Others may quote what the other side has sent.
func reasonOf(err error) string {
	if number, isErrno := errors.AsType[syscall.Errno](err); isErrno {
		return number.Error()
	}
	return "the connection broke before the answer was complete"
}
