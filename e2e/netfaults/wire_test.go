//go:build linux

package netfaults

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// packet is an IP packet on the wire.
type packet struct {
	bytes     []byte
	toGateway bool
	from, to  netip.AddrPort
	// isTCP is true if the following fields are set: whether the packet opens a connection, and how
	// many bytes of data it has.
	isTCP  bool
	opens  bool
	data   int
	header int // where the TCP header begins
}

// Protocol numbers, and offsets in the headers.
const (
	protocolTCP = 6
	protocolUDP = 17

	tcpFIN, tcpSYN, tcpRST, tcpACK = 1, 2, 4, 16
)

// parse reads what a fault needs to know about a packet.
func parse(raw []byte, toGateway bool) packet {
	p := packet{bytes: raw, toGateway: toGateway}
	var protocol byte
	var from, to netip.Addr
	switch {
	case len(raw) >= 20 && raw[0]>>4 == 4:
		p.header, protocol = int(raw[0]&15)*4, raw[9]
		from, to = netip.AddrFrom4([4]byte(raw[12:16])), netip.AddrFrom4([4]byte(raw[16:20]))
	case len(raw) >= 40 && raw[0]>>4 == 6:
		p.header, protocol = 40, raw[6]
		from, to = netip.AddrFrom16([16]byte(raw[8:24])), netip.AddrFrom16([16]byte(raw[24:40]))
	default:
		return p
	}
	if segment := raw[p.header:]; protocol == protocolTCP && len(segment) >= 20 {
		p.isTCP, p.opens = true, segment[13]&tcpSYN != 0
		p.data = len(segment) - int(segment[12]>>4)*4
	} else if protocol != protocolUDP || len(segment) < 8 {
		return p
	}
	p.from = netip.AddrPortFrom(from, binary.BigEndian.Uint16(raw[p.header:]))
	p.to = netip.AddrPortFrom(to, binary.BigEndian.Uint16(raw[p.header+2:]))
	return p
}

// inside returns the sidecar's address of the connection that the packet belongs to.
func (p packet) inside() netip.AddrPort {
	if p.toGateway {
		return p.from
	}
	return p.to
}

// fault decides whether a packet is forwarded, and after which delay. A nil fault forwards
// everything at once.
type fault func(w *wire, p packet) (after time.Duration, pass bool)

// wire connects two namespaces.
type wire struct {
	inside, outside *os.File
	fault           atomic.Pointer[fault]

	mutex sync.Mutex
	open  map[netip.AddrPort]bool // the connections seen so far, by the sidecar's address
	old   map[netip.AddrPort]bool // the connections that were open when the fault began
}

func newWire(t *testing.T, inside, outside *namespace) *wire {
	w := &wire{inside: inside.end, outside: outside.end, open: make(map[netip.AddrPort]bool)}
	w.heal()
	var ends sync.WaitGroup
	ends.Go(func() { w.carry(w.inside, true) })
	ends.Go(func() { w.carry(w.outside, false) })
	t.Cleanup(func() {
		_ = w.inside.SetReadDeadline(time.Now())
		_ = w.outside.SetReadDeadline(time.Now())
		ends.Wait()
	})
	return w
}

// begin begins a fault.
func (w *wire) begin(f fault) {
	w.mutex.Lock()
	w.old = w.open
	w.open = make(map[netip.AddrPort]bool)
	for connection := range w.old {
		w.open[connection] = true
	}
	w.mutex.Unlock()
	w.fault.Store(&f)
}

// heal ends the fault.
func (w *wire) heal() {
	var none fault
	w.fault.Store(&none)
}

// isOld reports whether the packet's connection was open when the fault began.
func (w *wire) isOld(p packet) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return p.isTCP && w.old[p.inside()]
}

// carry forwards what it reads from one end.
func (w *wire) carry(from *os.File, toGateway bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p := parse(append([]byte(nil), buffer[:n]...), toGateway)
		if p.isTCP {
			w.mutex.Lock()
			w.open[p.inside()] = true
			w.mutex.Unlock()
		}
		var after time.Duration
		pass := true
		if f := *w.fault.Load(); f != nil {
			after, pass = f(w, p)
		}
		switch {
		case !pass:
		case after > 0:
			time.AfterFunc(after, func() { w.pass(p) })
		default:
			w.pass(p)
		}
	}
}

// pass delivers a packet.
func (w *wire) pass(p packet) {
	to := w.inside
	if p.toGateway {
		to = w.outside
	}
	_, _ = to.Write(p.bytes) // fails if the end is closed, and then nobody needs the packet
}

// The faults.

// losing drops a share of all packets.
func losing(share float64) fault {
	return func(*wire, packet) (time.Duration, bool) { return 0, rand.Float64() >= share }
}

// delaying delays packets by up to twice the time, so that they overtake one another.
func delaying(by time.Duration) fault {
	return func(*wire, packet) (time.Duration, bool) { return rand.N(2 * by), true }
}

// doubling delivers packets twice.
func doubling(w *wire, p packet) (time.Duration, bool) {
	w.pass(p)
	return 0, true
}

// swallowing drops everything.
func swallowing(*wire, packet) (time.Duration, bool) { return 0, false }

// swallowingOld drops everything on the connections that were open, like a firewall that has
// forgotten them.
func swallowingOld(w *wire, p packet) (time.Duration, bool) { return 0, !w.isOld(p) }

// swallowingAnswers forwards only what goes to the gateway.
func swallowingAnswers(_ *wire, p packet) (time.Duration, bool) { return 0, p.toGateway }

// swallowingAnswersOfOld does the same on the connections that were open, and forwards everything
// else.
func swallowingAnswersOfOld(w *wire, p packet) (time.Duration, bool) {
	return 0, p.toGateway || !w.isOld(p)
}

// swallowingLarge silently drops packets larger than bytes, like a tunnel with a small MTU behind a
// firewall that drops ICMP.
func swallowingLarge(bytes int) fault {
	return func(_ *wire, p packet) (time.Duration, bool) { return 0, len(p.bytes) <= bytes }
}

// forgetting resets the connections that were open as soon as anything is sent on them, as after a
// restart of the gateway.
func forgetting(w *wire, p packet) (time.Duration, bool) {
	if !w.isOld(p) {
		return 0, true
	}
	if p.toGateway && p.data > 0 {
		w.pass(p.reset())
	}
	return 0, false
}

// resettingAfter delivers data to the gateway and then resets the connection, for a share of the
// packets.
func resettingAfter(share float64) fault {
	return func(w *wire, p packet) (time.Duration, bool) {
		if p.toGateway && p.data > 0 && rand.Float64() < share {
			w.pass(p)
			w.pass(p.reset())
			return 0, false
		}
		return 0, true
	}
}

// refusing resets connections when they are opened.
func refusing(w *wire, p packet) (time.Duration, bool) {
	if p.isTCP && p.opens && p.toGateway {
		w.pass(p.reset())
		return 0, false
	}
	return 0, true
}

// withoutIPv6 drops IPv6 packets.
func withoutIPv6(_ *wire, p packet) (time.Duration, bool) { return 0, p.bytes[0]>>4 == 4 }

// reset returns the answer of the gateway's kernel to a packet of a connection that it does not
// know (RFC 9293, section 3.10.7.1).
func (p packet) reset() packet {
	segment := p.bytes[p.header:]
	answer := append([]byte(nil), p.bytes[:p.header+20]...)
	out := answer[p.header:]
	copy(out[0:2], segment[2:4])
	copy(out[2:4], segment[0:2])
	copy(out[4:8], segment[8:12]) // the sequence number that the other side expects
	acknowledged := binary.BigEndian.Uint32(segment[4:8]) + uint32(p.data)
	if p.opens {
		acknowledged++
		copy(out[4:8], []byte{0, 0, 0, 0})
	}
	binary.BigEndian.PutUint32(out[8:12], acknowledged)
	out[12], out[13] = 5<<4, tcpRST|tcpACK
	copy(out[14:20], make([]byte, 6))

	size := 4
	if answer[0]>>4 == 6 {
		size = 16
	}
	addresses := answer[p.header-2*size : p.header]
	from := append([]byte(nil), addresses[:size]...)
	copy(addresses, addresses[size:])
	copy(addresses[size:], from)
	if size == 4 {
		binary.BigEndian.PutUint16(answer[2:4], uint16(len(answer)))
		copy(answer[10:12], []byte{0, 0})
		binary.BigEndian.PutUint16(answer[10:12], checksum(0, answer[:p.header]))
	} else {
		binary.BigEndian.PutUint16(answer[4:6], uint16(len(out)))
	}
	pseudo := uint32(protocolTCP + len(out))
	for i := 0; i < len(addresses); i += 2 {
		pseudo += uint32(binary.BigEndian.Uint16(addresses[i:]))
	}
	binary.BigEndian.PutUint16(out[16:18], checksum(pseudo, out))
	return parse(answer, !p.toGateway)
}

// checksum computes the Internet checksum (RFC 1071).
func checksum(sum uint32, of []byte) uint16 {
	for i := 0; i+1 < len(of); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(of[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
