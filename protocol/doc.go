// Package protocol holds the facts about PayerMax's gateway that the sidecar relies on: its
// endpoints, codes, hosts, header fields and limits, each with PayerMax's source for it.
//
// Each fact is stated here once. A new endpoint is one row of the table in endpoints.go and,
// if its fields are to be validated, a table of them in package validate. The package depends
// on neither Caddy nor any other part of the sidecar. The sandbox has its own facts: it
// judges the sidecar, so a mistake here must not be repeated there.
package protocol
