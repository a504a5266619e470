//go:build linux

package netfaults

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer resolves the gateway's name, and the backup's.
type nameServer struct {
	conn net.PacketConn
	// known is the zone that it answers with.
	known atomic.Pointer[zone]
}

// zone is a name server's answer to every query.
type zone struct {
	addresses []netip.Addr
	code      dnsmessage.RCode
	silent    bool
}

func newNameServer(t *testing.T, in *namespace, address string, known zone) *nameServer {
	n := &nameServer{conn: in.listenPackets(t, address)}
	n.known.Store(&known)
	go n.serve()
	return n
}

func (n *nameServer) serve() {
	for buffer := make([]byte, 1500); ; {
		size, from, err := n.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if answer := n.known.Load().answer(buffer[:size]); answer != nil {
			_, _ = n.conn.WriteTo(answer, from)
		}
	}
}

// answer returns the response to a query, or nil for none. Addresses have a TTL of 0, so each
// connection asks again.
func (z *zone) answer(question []byte) []byte {
	var asked dnsmessage.Message
	if z.silent || asked.Unpack(question) != nil || len(asked.Questions) != 1 {
		return nil
	}
	q := asked.Questions[0]
	said := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: asked.ID, Response: true, RecursionAvailable: true, RCode: z.code},
		Questions: asked.Questions,
	}
	header := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type}
	addresses := z.addresses
	if q.Name.String() == backup+"." {
		addresses = []netip.Addr{second}
	}
	for _, address := range addresses {
		switch {
		case q.Type == dnsmessage.TypeA && address.Is4():
			said.Answers = append(said.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: address.As4()}})
		case q.Type == dnsmessage.TypeAAAA && address.Is6():
			said.Answers = append(said.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}})
		}
	}
	packed, err := said.Pack()
	if err != nil {
		return nil
	}
	return packed
}
