package main

import (
	"fmt"
	"io"
	"strings"
)

const (
	limbs    = 20 // of one number
	limbBits = 52
	entries  = 16 // in the table of powers, for a window of four bits
	// unrolled is how many rows a loop handles per iteration. Their accumulators are limbs +
	// unrolled registers, which is what fits into the register file.
	unrolled = 4
)

// The registers with a fixed use. The accumulators are registers 0 to 23.
const (
	factor   = limbs + unrolled // the multiplier of a row
	quotient = factor + 1       // the multiplier of the modulus in a row of the reduction
	inverse  = quotient + 1     // -1/modulus modulo 2^52
	loaded   = inverse + 1      // the first of the registers that limbs are loaded into
	loads    = 4
	mask     = loaded + loads // 2^52 - 1
)

// The general-purpose registers. All but the last hold pointers.
const (
	result  = "DI"
	first   = "SI"
	second  = "DX"
	modulus = "CX"
	columns = "BX"
	counter = "AX"
)

// kernel writes the functions for a number of lanes: 8 lanes fill a register of 512 bits, 4
// lanes one of 256 bits.
type kernel struct {
	file  io.Writer
	lanes int
}

// stride returns the size in bytes of one limb of all lanes.
func (k kernel) stride() int { return 8 * k.lanes }

// reg returns the name of a vector register.
func (k kernel) reg(number int) string {
	if k.lanes == 8 {
		return fmt.Sprintf("Z%d", number)
	}
	return fmt.Sprintf("Y%d", number)
}

// at returns the operand for a limb of the vector at the pointer.
func (k kernel) at(pointer string, limb int) string {
	return fmt.Sprintf("%d(%s)", limb*k.stride(), pointer)
}

// op writes one instruction. In Go's assembler, the destination is last.
func (k kernel) op(name string, operands ...string) {
	fmt.Fprintf(k.file, "\t%s %s\n", name, strings.Join(operands, ", "))
}

func (k kernel) load(from string, to int)  { k.op("VMOVDQU64", from, k.reg(to)) }
func (k kernel) store(from int, to string) { k.op("VMOVDQU64", k.reg(from), to) }
func (k kernel) move(from, to int)         { k.op("VMOVDQA64", k.reg(from), k.reg(to)) }
func (k kernel) zero(to int)               { k.op("VPXORQ", k.reg(to), k.reg(to), k.reg(to)) }
func (k kernel) add(a, to int)             { k.op("VPADDQ", k.reg(a), k.reg(to), k.reg(to)) }

// addLow adds the low 52 bits of the product of two limbs, and addHigh the high 52 bits. The
// CPU uses the low 52 bits of each factor.
func (k kernel) addLow(a, b, to int)  { k.op("VPMADD52LUQ", k.reg(a), k.reg(b), k.reg(to)) }
func (k kernel) addHigh(a, b, to int) { k.op("VPMADD52HUQ", k.reg(a), k.reg(b), k.reg(to)) }

// carry adds the bits of one accumulator beyond the low 52 to another.
func (k kernel) carry(from, to, scratch int) {
	k.op("VPSRLQ", fmt.Sprintf("$%d", limbBits), k.reg(from), k.reg(scratch))
	k.add(scratch, to)
}

// function begins a function whose arguments are pointers, and loads them into these
// registers.
func (k kernel) function(name string, names, registers []string) {
	fmt.Fprintf(k.file, "\n// func %s%d(%s *uint64)\n", name, k.lanes, strings.Join(names, ", "))
	fmt.Fprintf(k.file, "TEXT ·%s%d(SB), NOSPLIT, $0-%d\n", name, k.lanes, 8*len(names))
	for i, name := range names {
		k.op("MOVQ", fmt.Sprintf("%s+%d(FP)", name, 8*i), registers[i])
	}
}

func (k kernel) end() {
	fmt.Fprint(k.file, "\tVZEROUPPER\n\tRET\n")
}

// repeat writes a loop with a fixed number of iterations.
func (k kernel) repeat(label string, rounds int, body func()) {
	k.op("MOVQ", fmt.Sprintf("$%d", rounds), counter)
	fmt.Fprintf(k.file, "%s:\n", label)
	body()
	k.op("DECQ", counter)
	k.op("JNZ", label)
}

// advance moves a pointer forward by this many limbs.
func (k kernel) advance(pointer string, by int) {
	k.op("ADDQ", fmt.Sprintf("$%d", by*k.stride()), pointer)
}

// addProduct adds the product of the vector at the pointer and one limb, in a register, to
// the accumulators starting with from.
func (k kernel) addProduct(pointer string, by, from int) {
	for i := range limbs {
		limb := loaded + i%loads
		k.load(k.at(pointer, i), limb)
		k.addLow(limb, by, from+i)
		k.addHigh(limb, by, from+i+1)
	}
}

// reduce adds the multiple of the modulus that makes the low 52 bits of an accumulator zero,
// and carries the rest of the accumulator to the next one.
func (k kernel) reduce(from int) {
	k.zero(quotient)
	k.addLow(from, inverse, quotient)
	k.addProduct(modulus, quotient, from)
	k.carry(from, from+1, from)
}

// shift moves the accumulators after the completed rows to the positions from 0 on.
func (k kernel) shift() {
	for i := range limbs {
		k.move(unrolled+i, i)
	}
}

// finish carries from limb to limb and stores the limbs, each below 2^52. Nothing is carried
// out of the last one, since the number fits.
func (k kernel) finish() {
	k.op("VPTERNLOGQ", "$255", k.reg(mask), k.reg(mask), k.reg(mask))
	k.op("VPSRLQ", fmt.Sprintf("$%d", 64-limbBits), k.reg(mask), k.reg(mask))
	for i := range limbs {
		if i < limbs-1 {
			k.carry(i, i+1, loaded+i%loads)
		}
		k.op("VPANDQ", k.reg(mask), k.reg(i), k.reg(i))
		k.store(i, k.at(result, i))
	}
	k.end()
}

// multiply writes the almost-Montgomery multiplication, row by row: each row adds the product
// of the first factor and one limb of the second, and reduces by one limb.
func (k kernel) multiply() {
	k.function("multiply", []string{"result", "a", "b", "m"}, []string{result, first, second, modulus})
	k.load(k.at(modulus, limbs), inverse)
	for i := range limbs {
		k.zero(i)
	}
	k.repeat(fmt.Sprintf("multiplyRows%d", k.lanes), limbs/unrolled, func() {
		for row := range unrolled {
			k.zero(limbs + row)
			k.load(k.at(second, row), factor)
			k.addProduct(first, factor, row)
			k.reduce(row)
		}
		k.shift()
		k.advance(second, unrolled)
	})
	k.finish()
}

// square writes multiply for two equal factors. Products of two different limbs are computed
// once and doubled. So the columns of the square are first completed and stored, and then
// reduced.
func (k kernel) square() {
	k.function("square", []string{"result", "a", "m", "columns"}, []string{result, first, modulus, columns})
	k.load(k.at(modulus, limbs), inverse)
	k.squareColumns()
	for i := range limbs {
		k.load(k.at(columns, i), i)
	}
	k.repeat(fmt.Sprintf("squareRows%d", k.lanes), limbs/unrolled, func() {
		for row := range unrolled {
			k.load(k.at(columns, limbs+row), limbs+row)
			k.reduce(row)
		}
		k.shift()
		k.advance(columns, unrolled)
	})
	k.finish()
}

// squareColumns stores the 40 columns of the square. Each limb is first used in its products
// with the limbs below it, so that it is not needed before the previous multiplication has
// stored it. With limb i, the columns i to 2i are in progress, for which 20 registers are
// enough, and column i is completed.
func (k kernel) squareColumns() {
	for i := range limbs {
		k.load(k.at(first, i), factor)
		if i > 0 {
			k.zero(column(2*i - 1))
		}
		k.zero(column(2 * i))
		for j := range i {
			other := loaded + j%loads
			k.load(k.at(first, j), other)
			k.addLow(other, factor, column(i+j))
			k.addHigh(other, factor, column(i+j+1))
		}
		k.completeColumn(i)
	}
	k.zero(column(2*limbs - 1))
	for c := limbs; c < 2*limbs; c++ {
		k.completeColumn(c)
	}
}

// column returns the register of a column of the square.
func column(c int) int { return c % limbs }

// completeColumn doubles a column of products of different limbs, adds its half of the square
// of a limb, and stores it.
func (k kernel) completeColumn(c int) {
	k.load(k.at(first, c/2), quotient)
	k.add(column(c), column(c))
	if c%2 == 0 {
		k.addLow(quotient, quotient, column(c))
	} else {
		k.addHigh(quotient, quotient, column(c))
	}
	k.store(column(c), k.at(columns, c))
}

// choose writes the function that reads the whole table, whatever the index, and keeps in
// each lane the entry whose number is the lane's index.
func (k kernel) choose() {
	const (
		index, number, one, ones, chosen = 16, 17, 18, 19, 20
	)
	k.function("choose", []string{"result", "table", "index"}, []string{result, first, second})
	k.load(k.at(second, 0), index)
	k.op("VPTERNLOGQ", "$255", k.reg(ones), k.reg(ones), k.reg(ones))
	k.op("VPSRLQ", "$63", k.reg(ones), k.reg(one))
	k.zero(number)
	for entry := range entries {
		k.op("VPCMPEQQ", k.reg(index), k.reg(number), "K1")
		k.op("VMOVDQA64.Z", k.reg(ones), "K1", k.reg(entry)) // all ones if this is the chosen entry
		k.add(one, number)
	}
	k.repeat(fmt.Sprintf("chooseLimbs%d", k.lanes), limbs, func() {
		k.op("VPANDQ", k.at(first, 0), k.reg(0), k.reg(chosen))
		for entry := 1; entry < entries; entry++ {
			// chosen | (table & mask)
			k.op("VPTERNLOGQ", "$0xF8", k.at(first, entry*limbs), k.reg(entry), k.reg(chosen))
		}
		k.store(chosen, k.at(result, 0))
		k.advance(first, 1)
		k.advance(result, 1)
	})
	k.end()
}
