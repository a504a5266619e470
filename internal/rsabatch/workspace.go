package rsabatch

import "encoding/binary"

const (
	// batchSize is the maximum number of signatures that are computed at once.
	batchSize = 4
	// maxLanes is two lanes for each signature: one for each prime.
	maxLanes = 2 * batchSize
)

// operation is the private operation (RSASP1 of RFC 8017, section 5.2.1) on one
// message, which must be below the key's modulus.
type operation struct {
	key    *Key
	input  [keyBits / 8]byte
	output [keyBits / 8]byte
}

// kernel is the arithmetic on a number of lanes. See kernel_amd64.go.
type kernel struct {
	lanes    int
	multiply func(result, a, b, m *uint64)
	square   func(result, a, m, columns *uint64)
	choose   func(result, table, index *uint64)
}

// vector holds a number in each lane: the lowest limbs of all lanes, then the next ones. With
// fewer lanes than maxLanes, the rest of it is unused.
type vector [limbs * maxLanes]uint64

// workspace is the memory for one batch at a time. It contains no pointers, so that Go's
// allocator places it such that vectors are aligned to cache lines.
type workspace struct {
	table         [powers * limbs * maxLanes]uint64
	a             vector
	columns       [2 * limbs * maxLanes]uint64
	modulus       [(limbs + 1) * maxLanes]uint64 // followed by its inverse
	b, c          vector
	index         [maxLanes]uint64
	squares, cube vector
}

// compute performs one to batchSize operations. Lane 2i computes message i modulo p, and the
// next lane modulo q. Remaining lanes repeat operations.
func (w *workspace) compute(batch []*operation) {
	k := &wide
	if len(batch) <= narrow.lanes/2 {
		k = &narrow
	}
	w.load(k, batch)
	w.tabulate(k)
	w.exponentiate(k, batch)
	w.recombine(k, batch)
}

func (k *kernel) put(lane int, value *number, to *vector) {
	for i, limb := range value {
		to[i*k.lanes+lane] = limb
	}
}

func (k *kernel) get(lane int, from *vector) (value number) {
	for i := range value {
		value[i] = from[i*k.lanes+lane]
	}
	return value
}

// of returns the operation and the prime of a lane.
func of(lane int, batch []*operation) (*operation, *prime) {
	op := batch[lane/2%len(batch)]
	return op, &op.key.primes[lane%2]
}

// load stores the keys' numbers in the workspace, and the messages' residues in a, in
// Montgomery form: for a message x + y*R, that is x*R + y*R*R.
func (w *workspace) load(k *kernel, batch []*operation) {
	for lane := range k.lanes {
		op, prime := of(lane, batch)
		for i, limb := range prime.modulus {
			w.modulus[i*k.lanes+lane] = limb
		}
		w.modulus[limbs*k.lanes+lane] = prime.inverse
		var message [2 * words]uint64
		setWords(&message, &op.input)
		low, high := split(&message)
		k.put(lane, &low, &w.a)
		k.put(lane, &high, &w.b)
		k.put(lane, &prime.square, &w.squares)
		k.put(lane, &prime.cube, &w.cube)
	}
	k.multiply(&w.a[0], &w.a[0], &w.squares[0], &w.modulus[0])
	k.multiply(&w.b[0], &w.b[0], &w.cube[0], &w.modulus[0])
	for lane := range k.lanes {
		x, y := k.get(lane, &w.a), k.get(lane, &w.b)
		sum := x.plus(&y)
		k.put(lane, &sum, &w.a)
	}
}

// tabulate computes the powers 0 to 15 of a.
func (w *workspace) tabulate(k *kernel) {
	power := func(n int) *uint64 { return &w.table[n*limbs*k.lanes] }
	k.setOne(&w.b)
	k.multiply(power(0), &w.b[0], &w.squares[0], &w.modulus[0])
	copy(w.table[limbs*k.lanes:], w.a[:limbs*k.lanes])
	for n := 2; n < powers; n += 2 {
		k.square(power(n), power(n/2), &w.modulus[0], &w.columns[0])
		k.multiply(power(n+1), power(n), &w.a[0], &w.modulus[0])
	}
}

// setOne sets all lanes to 1.
func (k *kernel) setOne(to *vector) {
	clear(to[:])
	for lane := range k.lanes {
		to[lane] = 1
	}
}

// exponentiate raises a to each lane's exponent, from the highest digit to the lowest, and
// converts it out of Montgomery form.
func (w *workspace) exponentiate(k *kernel, batch []*operation) {
	for digit := primeBits/windowBits - 1; digit >= 0; digit-- {
		for lane := range k.lanes {
			_, prime := of(lane, batch)
			w.index[lane] = uint64(prime.digits[digit])
		}
		k.choose(&w.b[0], &w.table[0], &w.index[0])
		if digit == primeBits/windowBits-1 {
			w.a = w.b
			continue
		}
		for range windowBits {
			k.square(&w.a[0], &w.a[0], &w.modulus[0], &w.columns[0])
		}
		k.multiply(&w.a[0], &w.a[0], &w.b[0], &w.modulus[0])
	}
	k.setOne(&w.b)
	k.multiply(&w.a[0], &w.a[0], &w.b[0], &w.modulus[0])
}

// recombine combines the residues modulo p and q into one number (Garner's formula, as in RFC
// 8017, section 5.1.2): m2 + q*h, where h is (m1 - m2)/q modulo p.
func (w *workspace) recombine(k *kernel, batch []*operation) {
	var residues [batchSize]number // modulo q
	clear(w.b[:])
	clear(w.c[:])
	for i, op := range batch {
		m1, m2 := k.get(2*i, &w.a), k.get(2*i+1, &w.a)
		residues[i] = m2.reduced(&op.key.primes[1].modulus)
		// m2 is below 2p, whichever prime is larger, since both have 1024 bits.
		sum := m1.plus(&op.key.twiceP)
		difference, _ := sum.minus(&residues[i])
		k.put(2*i, &difference, &w.b)
		k.put(2*i, &op.key.inverseQ, &w.c)
	}
	k.multiply(&w.a[0], &w.b[0], &w.c[0], &w.modulus[0])
	for i, op := range batch {
		h := k.get(2*i, &w.a)
		h = h.reduced(&op.key.primes[0].modulus)
		quotient, q, m2 := h.pack(), op.key.primes[1].modulus.pack(), residues[i].pack()
		result := multiplyAdd(&quotient, &q, &m2)
		for j, word := range result {
			binary.BigEndian.PutUint64(op.output[len(op.output)-8*(j+1):], word)
		}
	}
}
