// Command names is a cluster's name server, as far as tests need one: it answers
// what stands in a file of hosts, which may change, and knows no other name.
package main

import (
	"log"
	"net"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

func main() {
	socket, err := net.ListenPacket("udp4", ":53")
	if err != nil {
		log.Fatal(err)
	}
	buffer := make([]byte, 1500)
	for {
		n, from, err := socket.ReadFrom(buffer)
		if err != nil {
			log.Fatal(err)
		}
		if reply, err := answer(buffer[:n], os.Args[1]); err == nil {
			_, _ = socket.WriteTo(reply, from)
		}
	}
}

// answer answers a question about an address. Other types have no answer.
func answer(question []byte, hosts string) ([]byte, error) {
	var message dnsmessage.Message
	if err := message.Unpack(question); err != nil {
		return nil, err
	}
	message.Response, message.RecursionAvailable = true, true
	message.Answers, message.Additionals = nil, nil
	for _, q := range message.Questions {
		address, known := lookUp(hosts, strings.TrimSuffix(q.Name.String(), "."))
		header := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 5}
		switch {
		case !known:
			message.RCode = dnsmessage.RCodeNameError
		case q.Type == dnsmessage.TypeA && address.Is4():
			message.Answers = append(message.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: address.As4()}})
		case q.Type == dnsmessage.TypeAAAA && address.Is6():
			message.Answers = append(message.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}})
		}
	}
	return message.Pack()
}

// lookUp reads the file of hosts: an address and names on each line.
func lookUp(hosts, name string) (netip.Addr, bool) {
	text, err := os.ReadFile(hosts)
	if err != nil {
		return netip.Addr{}, false
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		for _, known := range words[1:] {
			if strings.EqualFold(known, name) {
				address, err := netip.ParseAddr(words[0])
				return address, err == nil
			}
		}
	}
	return netip.Addr{}, false
}
