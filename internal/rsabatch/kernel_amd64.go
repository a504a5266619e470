//go:build amd64 && !purego

package rsabatch

import "golang.org/x/sys/cpu"

//go:generate sh -c "go run ./gen >kernel_amd64.s"

// wide is for three or four operations at once, narrow for one or two: it uses half the
// register width and, on many CPUs, half the time.
var (
	wide   = kernel{8, multiply8, square8, choose8}
	narrow = kernel{4, multiply4, square4, choose4}
)

// hasIFMA reports whether the CPU has the instructions and the operating system saves the
// registers: x/sys/cpu checks both. GODEBUG=cpu.avx512ifma=off turns the engine off, and so
// does cpu.avx512=off, which does not affect the other three flags.
func hasIFMA() bool {
	return cpu.X86.HasAVX512 && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512IFMA
}

// The functions of kernel_amd64.s, for 8 and for 4 lanes. The pointers are to the first limbs
// of vectors. Vectors need no alignment, but are slower without it.
//
// multiply sets result to a number congruent to a*b/2^1040 modulo m: not necessarily the
// least one, but one below 2m if a*b is below m*2^1040. square does the same with a*a. m
// points to the modulus, followed by its inverse; columns points to room for 40 limbs. result
// may be one of the factors.
//
// choose sets result, in each lane independently, to the table entry that the lane's index
// names. The table is 16 consecutive vectors.

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
