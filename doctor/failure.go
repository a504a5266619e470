package doctor

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// lookupFailure explains why a name could not be resolved.
func lookupFailure(err error) string {
	dnsError, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case isDNS && dnsError.IsNotFound:
		return "there is no host with this name"
	case isTimeout(err):
		return nameServer(dnsError) + " does not answer"
	}
	if reason := unreachable(dnsError); reason != "" {
		return nameServer(dnsError) + " could not be reached: " + reason
	}
	if dnsError == nil || dnsError.Server == "" {
		return "the name could not be resolved: the name servers could not be reached, or returned an error"
	}
	return nameServer(dnsError) + " returned an error"
}

// nameServer names the server that a lookup asked last, if it is known.
func nameServer(err *net.DNSError) string {
	if err == nil || err.Server == "" {
		return "the name server"
	}
	return "the name server " + err.Server
}

// unreachable returns why a name server could not be asked, or "". The resolver keeps
// only the text of the operating system's error, so this compares texts.
func unreachable(err *net.DNSError) string {
	if err == nil {
		return ""
	}
	for _, number := range []syscall.Errno{
		syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ECONNREFUSED, syscall.ENETDOWN, syscall.EADDRNOTAVAIL, syscall.EACCES, syscall.EPERM,
	} {
		if strings.HasSuffix(err.Err, ": "+number.Error()) {
			return number.Error()
		}
	}
	return ""
}

// nextAfterLookup says what to do about a name that could not be resolved. resolvers is
// the path of the file that names the DNS servers; if it is missing, Go's resolver asks
// this machine itself.
func nextAfterLookup(err error, host, resolvers string) string {
	dnsError, isDNS := errors.AsType[*net.DNSError](err)
	if isDNS && dnsError.IsNotFound {
		return "check the spelling of gateway, and whether this machine can resolve names: getent hosts " + host
	}
	if _, missing := os.Stat(resolvers); errors.Is(missing, fs.ErrNotExist) {
		return "write the name servers into " + resolvers + ", which is missing"
	}
	return "check this machine's network and " + resolvers
}

// connectFailure explains why there is no connection.
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

// exchangeFailure explains why there is no HTTP answer.
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

// reasonOf returns the innermost part of an error if it comes from the operating system,
// or else a fixed text: other errors may quote what the other side has sent.
func reasonOf(err error) string {
	if number, isErrno := errors.AsType[syscall.Errno](err); isErrno {
		return number.Error()
	}
	return "the connection broke before the answer was complete"
}
