// Package protocol has the facts of PayerMax's gateway that the sidecar relies on:
// its endpoints, codes, hosts, header fields and limits, each with where PayerMax
// says so.
//
// Each fact stands here once. A new endpoint is one row of the table in
// endpoints.go, and a table of its fields in package validate if they are to be
// validated. The package knows neither Caddy nor any other part of the sidecar.
// The sandbox has facts of its own: it judges the sidecar, and a mistake here must
// not hide there.
package protocol
