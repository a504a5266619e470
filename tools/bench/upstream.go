package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
)

// serveUpstream answers every request with the same signed body, in plain on one port and over TLS
// on another. It prints both ports, and runs until its input ends.
func serveUpstream(signatureFile, certificate string) error {
	signature, err := os.ReadFile(signatureFile)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	overTLS, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port, overTLS.Addr().(*net.TCPAddr).Port)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	body, length := []byte(answer), strconv.Itoa(len(answer))
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		header := w.Header()
		header["Content-Type"] = []string{"application/json"}
		header["Content-Length"] = []string{length}
		header["Sign"] = []string{string(signature)}
		_, _ = w.Write(body)
	})
	// HTTP/1.1 for all contenders: nginx speaks no other version to an upstream.
	server := &http.Server{Handler: handler, TLSNextProto: make(map[string]func(*http.Server, *tls.Conn, http.Handler))}
	go func() { _ = server.ServeTLS(overTLS, certificate, certificate+".key") }()
	return server.Serve(listener)
}

// upstream is the process that runs serveUpstream.
type upstream struct {
	*process
	tlsPort int
	input   io.Closer
}

func startUpstream(ctx context.Context, m *material) (*upstream, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, self, "-upstream", m.signature, m.certificate)
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	u := &upstream{process: &process{command: command}, input: input}
	if _, err := fmt.Fscan(output, &u.port, &u.tlsPort); err != nil {
		u.stop()
		return nil, fmt.Errorf("the upstream does not start: %w", err)
	}
	return u, nil
}
