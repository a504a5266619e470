// Package other exists for its tests, which judge example as well.
package other
