//go:build cgo && race

package openssl

func init() { withRaceDetector = true }
