package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const committed = "../kernel_amd64.s"

func TestKernelIsGenerated(t *testing.T) {
	file, err := os.ReadFile(committed)
	require.NoError(t, err)
	assert.True(t, string(generate()) == string(file), "kernel_amd64.s is not what the generator writes; run go generate ./internal/rsabatch")
}

// instruction is one line of the assembly.
type instruction struct {
	name     string
	operands []string
}

// functions parses the file: it returns the instructions of each function, and labels as
// instructions without operands.
func functions(t *testing.T) map[string][]instruction {
	t.Helper()
	file, err := os.ReadFile(committed)
	require.NoError(t, err)
	found, name := make(map[string][]instruction), ""
	for line := range strings.Lines(string(file)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "", strings.HasPrefix(line, "//"), strings.HasPrefix(line, "#include"):
		case strings.HasPrefix(line, "TEXT ·"):
			name, _, _ = strings.Cut(strings.TrimPrefix(line, "TEXT ·"), "(")
		default:
			op, rest, _ := strings.Cut(strings.TrimPrefix(line, "\t"), " ")
			i := instruction{name: op}
			if rest != "" {
				i.operands = strings.Split(rest, ", ")
			}
			found[name] = append(found[name], i)
		}
	}
	return found
}

var (
	pointers  = []string{"DI", "SI", "DX", "CX", "BX"}
	register  = regexp.MustCompile(`^[ZY]([12]?[0-9]|3[01])$`)
	memory    = regexp.MustCompile(`^[0-9]+\((DI|SI|DX|CX|BX)\)$`) // a pointer and a constant, no index
	argument  = regexp.MustCompile(`^[a-z]+\+[0-9]+\(FP\)$`)
	immediate = regexp.MustCompile(`^\$(0x)?[0-9A-F]+$`)
	label     = regexp.MustCompile(`^([a-zA-Z]+[48]):$`)
)

// onVectors are the instructions that see data: moves, logic, additions, shifts, comparisons
// into a mask, and multiplications. docs/engine.md says what is known about their timing.
// Masks are used only between registers: a masked load or store could take longer for some
// masks than for others.
var onVectors = []string{
	"VMOVDQU64", "VMOVDQA64", "VMOVDQA64.Z", "VPXORQ", "VPANDQ", "VPTERNLOGQ", "VPADDQ", "VPSRLQ", "VPCMPEQQ", "VPMADD52LUQ", "VPMADD52HUQ",
}

// No secret can reach an address or a branch: values from memory go into vector registers
// only, and pointers and the counter are computed only from arguments and constants. See
// docs/engine.md.
func TestKernelTakesTheSameTimeForAllNumbers(t *testing.T) {
	all := functions(t)
	require.Len(t, all, 6)
	for name, body := range all {
		t.Run(name, func(t *testing.T) {
			var labels []string
			for at, i := range body {
				text := i.name + " " + strings.Join(i.operands, ", ")
				switch {
				case label.MatchString(i.name):
					labels = append(labels, strings.TrimSuffix(i.name, ":"))
				case slices.Contains(onVectors, i.name):
					for _, operand := range i.operands {
						assert.True(t, register.MatchString(operand) || memory.MatchString(operand) || operand == "K1" || immediate.MatchString(operand), text)
					}
					assert.False(t, slices.Contains(i.operands, "K1") && slices.ContainsFunc(i.operands, memory.MatchString), text)
				case i.name == "MOVQ" && slices.Contains(pointers, i.operands[1]):
					assert.Regexp(t, argument, i.operands[0], text)
				case i.name == "MOVQ":
					assert.Equal(t, "AX", i.operands[1], text)
					assert.Regexp(t, immediate, i.operands[0], text)
				case i.name == "ADDQ":
					assert.Contains(t, pointers, i.operands[1], text)
					assert.Regexp(t, immediate, i.operands[0], text)
				case i.name == "DECQ":
					assert.Equal(t, []string{"AX"}, i.operands, text)
				case i.name == "JNZ":
					assert.Equal(t, "DECQ", body[at-1].name, "a branch depends on something else than the counter")
					assert.Contains(t, labels, i.operands[0], text)
				case i.name == "VZEROUPPER", i.name == "RET":
				default:
					assert.Fail(t, "an instruction that the argument does not know", text)
				}
			}
			assert.Len(t, labels, 1, "each function has one loop")
		})
	}
}

// The scan of the table reads every entry, in ascending order.
func TestChoiceReadsTheWholeTable(t *testing.T) {
	for name, body := range functions(t) {
		if !strings.HasPrefix(name, "choose") {
			continue
		}
		var read []string
		for _, i := range body {
			for _, operand := range i.operands {
				if strings.HasSuffix(operand, "(SI)") {
					read = append(read, operand)
				}
			}
		}
		lanes := int(name[len(name)-1] - '0')
		var want []string
		for entry := range entries {
			want = append(want, kernel{lanes: lanes}.at("SI", entry*limbs))
		}
		assert.Equal(t, want, read, name)
	}
}
