package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// expiresSoon is how long before its expiry a certificate is worth a warning: most are
// renewed earlier.
const expiresSoon = 14 * 24 * time.Hour

// checkTLS makes sure that nobody between here and the gateway can read the call or
// answer in the gateway's place. The connection cannot be used afterwards.
func checkTLS(ctx context.Context, g Gateway, conn net.Conn) Result {
	const name = "tls"
	if g.TLS == nil {
		if !protocol.IsLoopback(g.host()) {
			return problem(name, "there is no TLS: the sidecar refuses to send signed calls to another machine in plain text").
				then("write https:// in the gateway's URL")
		}
		return ok(name, "there is no TLS; a gateway on this machine does not need it")
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	client := tls.Client(conn, g.clientTLS())
	began := time.Now()
	if err := client.HandshakeContext(ctx); err != nil {
		message, next := tlsFailure(ctx, g, err)
		return problem(name, "%s", message).then("%s", next)
	}
	state := client.ConnectionState()
	leaf := state.PeerCertificates[0]
	described := fmt.Sprintf("%s in %s, %s", tls.VersionName(state.Version), rounded(time.Since(began)), describe(leaf))
	left := time.Until(leaf.NotAfter)
	switch {
	case g.TLS.InsecureSkipVerify:
		return problem(name, "%s; but tls_insecure_skip_verify is on, so the sidecar does not check that PayerMax answers", described).
			then("remove tls_insecure_skip_verify; to trust your own certificate authority, use tls_trust_pool")
	case left < expiresSoon:
		return warning(name, "%s, in %s", described, counted(int(left.Hours()/24), "day")).
			then("renew the certificate if it is yours; PayerMax renews its own")
	}
	return ok(name, "%s", described)
}

// describe says whom a certificate is for, who issued it, and until when it is valid.
func describe(c *x509.Certificate) string {
	return fmt.Sprintf("certificate for %s, issued by %s, valid until %s",
		namesOf(c), nameOf(c.Issuer.CommonName, c.Issuer.Organization), c.NotAfter.UTC().Format(time.DateOnly))
}

// namesOf lists the hosts that a certificate is for.
func namesOf(c *x509.Certificate) string {
	names := c.DNSNames
	for _, address := range c.IPAddresses {
		names = append(names, address.String())
	}
	const enough = 3
	if len(names) > enough {
		names = append(names[:enough:enough], counted(len(names)-enough, "other"))
	}
	if len(names) == 0 {
		return "no host"
	}
	return strings.Join(names, ", ")
}

func nameOf(commonName string, organization []string) string {
	switch {
	case commonName != "":
		return commonName
	case len(organization) > 0:
		return organization[0]
	}
	return "an authority with no name"
}

// tlsFailure explains why the TLS handshake failed, and what to do.
func tlsFailure(ctx context.Context, g Gateway, err error) (message, next string) {
	if refused, isVerification := errors.AsType[*tls.CertificateVerificationError](err); isVerification && len(refused.UnverifiedCertificates) > 0 {
		return certificateFailure(g, refused.UnverifiedCertificates[0], refused.Err)
	}
	if _, isPlain := errors.AsType[tls.RecordHeaderError](err); isPlain {
		return "the other side does not speak TLS", "check the port; for https:// it is usually 443"
	}
	if isTimeout(err) {
		return "the handshake does not end within " + handshakeTimeout.String(), "look for a firewall that allows connections but drops their data"
	}
	if version := oldVersion(ctx, g); version != "" {
		return fmt.Sprintf("the other side supports %s at most, and versions before TLS 1.2 are refused", version),
			"look for a proxy between here and PayerMax, which supports TLS 1.2 and newer"
	}
	return "the other side refuses the handshake", "look for a proxy between here and PayerMax, or whether the other side requires a client certificate"
}

// certificateFailure explains why a certificate is refused, and what to do.
func certificateFailure(g Gateway, c *x509.Certificate, err error) (message, next string) {
	const interception = "if your own proxy intercepts TLS, trust its authority with tls_trust_pool; otherwise find out which system answers"
	if wrong, isHostname := errors.AsType[x509.HostnameError](err); isHostname {
		return fmt.Sprintf("the certificate is for %s, not for %s", namesOf(c), wrong.Host),
			"check the gateway's host name, or tls_server_name if the certificate is right"
	}
	if invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err); isInvalid && invalid.Reason == x509.Expired {
		if time.Now().Before(c.NotBefore) {
			return fmt.Sprintf("the certificate is not valid before %s", c.NotBefore.UTC().Format(time.DateTime)), "check this machine's clock"
		}
		return fmt.Sprintf("the %s, so it has expired", describe(c)), "renew it if it is yours; otherwise check this machine's clock"
	}
	if _, isUnknown := errors.AsType[x509.UnknownAuthorityError](err); isUnknown {
		trusted := "this system does not trust"
		if g.TLS.RootCAs != nil {
			trusted = "is not in the transport's tls_trust_pool"
		}
		return fmt.Sprintf("the certificate was issued by %s, which %s", nameOf(c.Issuer.CommonName, c.Issuer.Organization), trusted), interception
	}
	if _, noRoots := errors.AsType[x509.SystemRootsError](err); noRoots {
		return "this system has no list of trusted authorities", "install ca-certificates in the container"
	}
	return fmt.Sprintf("the %s, cannot be verified", describe(c)), interception
}

// speaksTLS reports whether a gateway that is configured for plain text accepts a TLS
// handshake. Nothing else is sent on this connection.
func speaksTLS(ctx context.Context, g Gateway) bool {
	conn, err := g.connect(ctx)
	if err != nil {
		return false
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	err = tls.Client(conn, &tls.Config{
		ServerName: g.host(), MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, // whose certificate it is does not matter here
	}).HandshakeContext(ctx)
	refused, isNetwork := errors.AsType[*net.OpError](err)
	return err == nil || isNetwork && refused.Op == "remote error" // a TLS alert also proves TLS
}

// oldVersion returns the version of TLS that a gateway speaks if it is too old and
// refused, or "". Nothing but the handshake is sent on this connection.
func oldVersion(ctx context.Context, g Gateway) string {
	conn, err := g.connect(ctx)
	if err != nil {
		return ""
	}
	defer conn.Close()
	client := tls.Client(conn, &tls.Config{
		ServerName: g.clientTLS().ServerName, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
		InsecureSkipVerify: true, // whose certificate it is does not matter here
	})
	if err := client.HandshakeContext(ctx); err != nil {
		return ""
	}
	return tls.VersionName(client.ConnectionState().Version)
}
