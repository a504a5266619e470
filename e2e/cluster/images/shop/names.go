package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"
)

// lookUp asks one name server for the IPv4 addresses of a name, over UDP or TCP. Over UDP it uses
// the source port to which the policies apply.
func lookUp(network, server, name string) {
	dialer := net.Dialer{}
	if network == "udp" {
		dialer.LocalAddr = &net.UDPAddr{Port: 5300}
	}
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, server)
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	addresses, err := resolver.LookupNetIP(ctx, "ip4", name)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(addresses)
}
