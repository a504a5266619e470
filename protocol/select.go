package protocol

import (
	"fmt"
	"slices"
	"strings"
)

// The names of groups of endpoints.
const (
	groupDropIn = "drop_in"
	groupAll    = "all"
)

// Select returns the endpoints for these names of endpoints and groups, each once and in the
// order in which they are first named. The groups are "drop_in" and "all". suggest returns
// the known name that an unknown one was probably meant to be, or "".
func Select(names []string, suggest func(name string, known []string) string) ([]Endpoint, error) {
	var selected []Endpoint
	for _, name := range names {
		named, err := members(name, suggest)
		if err != nil {
			return nil, err
		}
		for _, e := range named {
			if !slices.ContainsFunc(selected, func(s Endpoint) bool { return s.Name == e.Name }) {
				selected = append(selected, e)
			}
		}
	}
	return selected, nil
}

// members returns the endpoints of a group, or the single endpoint with that name.
func members(name string, suggest func(name string, known []string) string) ([]Endpoint, error) {
	switch name {
	case groupAll:
		return endpoints, nil
	case groupDropIn:
		return slices.DeleteFunc(Endpoints(), func(e Endpoint) bool { return !e.DropIn }), nil
	}
	if e, ok := Lookup(name); ok {
		return []Endpoint{e}, nil
	}
	choice := []string{groupDropIn, groupAll}
	for _, e := range endpoints {
		choice = append(choice, e.Name)
	}
	if meant := suggest(name, choice); meant != "" {
		return nil, fmt.Errorf("%q is neither an endpoint nor a group; did you mean %s?", name, meant)
	}
	return nil, fmt.Errorf("%q is neither an endpoint nor a group; choose from %s", name, strings.Join(choice, ", "))
}
