//go:build amd64 && !purego

package rsabatch

import "golang.org/x/sys/cpu"

//go:generate sh -c "go run ./gen >kernel_amd64.s"

// wide is for three or four operations at once, narrow for one or two: it takes half
// the registers' width, and on many CPUs half the time.
var (
	wide   = kernel{8, multiply8, square8, choose8}
	narrow = kernel{4, multiply4, square4, choose4}
)

// hasIFMA reports whether the CPU has the instructions, and the operating system keeps
// the registers: x/sys/cpu asks for both. GODEBUG=cpu.avx512ifma=off turns them off,
// and so does cpu.avx512=off, which leaves the other three as they are.
func hasIFMA() bool {
	return cpu.X86.HasAVX512 && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512IFMA
}

// The functions of kernel_amd64.s, for 8 and for 4 lanes. The pointers are to the
// first limbs of vectors, which need no alignment, but are slower without.
//
// multiply sets result to a number that is a*b/2^1040 modulo m: not the least one, but
// one below 2m if a*b is below m*2^1040. square does the same with a*a. m points to the
// modulus and, after its limbs, to its inverse; columns to room for 40 limbs. result may
// be one of the factors.
//
// choose sets result to the entry of the table, 16 vectors one after another, that the
// index names, in each lane by itself.

//go:noescape
func multiply8(result, a, b, m *uint64)

//go:noescape
func square8(result, a, m, columns *uint64)

//go:noescape
func choose8(result, table, index *uint64)

//go:noescape
func multiply4(result, a, b, m *uint64)

//go:noescape
func square4(result, a, m, columns *uint64)

//go:noescape
func choose4(result, table, index *uint64)
