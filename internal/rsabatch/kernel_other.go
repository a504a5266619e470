//go:build !amd64 || purego

package rsabatch

// Without kernels no [Engine] is created, so these are never called.
var wide, narrow kernel

func hasIFMA() bool { return false }
