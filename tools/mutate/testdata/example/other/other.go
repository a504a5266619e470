// Package other is there for its tests, which judge example as well.
package other
