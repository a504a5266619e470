//go:build !amd64 || purego

package rsabatch

// There are no kernels, so no [Engine] is made, and nothing calls them.
var wide, narrow kernel

func hasIFMA() bool { return false }
