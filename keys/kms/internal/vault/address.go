package vault

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// ParseAddress parses the address of a server. It must be https, or http if the server is
// on this machine, since nearly every request carries a token.
func ParseAddress(text string) (*url.URL, error) {
	address, err := url.Parse(text)
	if err != nil {
		// The error of net/url would repeat the text, and with it a password.
		return nil, errors.New("is not a URL; write it as https://host:8200")
	}
	switch {
	case address.User != nil:
		return nil, errors.New("contains credentials; the server takes a token, which is read from a file")
	case address.Scheme != "https" && address.Scheme != "http", address.Hostname() == "":
		return nil, errors.New("must be a URL such as https://host:8200")
	case address.RawQuery != "" || address.Fragment != "":
		return nil, errors.New("must not have a query or a fragment; write it as https://host:8200")
	case address.Scheme == "http" && !isLoopback(address.Hostname()):
		return nil, fmt.Errorf("would send the token to %s in plain text; use https (http is only for a server on this machine)", address.Hostname())
	}
	address.Path = strings.TrimRight(address.Path, "/")
	address.RawPath = ""
	return address, nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

var (
	// keyName matches the names that the transit engine can route.
	keyName = regexp.MustCompile(`^\w([\w.-]*\w)?$`)

	// mountPath matches a path of one or more such names.
	mountPath = regexp.MustCompile(`^\w([\w.-]*\w)?(/\w([\w.-]*\w)?)*$`)

	// namespacePath matches what the header that selects a namespace can contain.
	namespacePath = regexp.MustCompile(`^[!-~]+$`)
)

// CheckKeyName returns an error if name is not a valid name of a transit key.
func CheckKeyName(name string) error {
	if !keyName.MatchString(name) {
		return fmt.Errorf("%q is not a name of a transit key: letters, digits, \"_\", \"-\" and \".\" are allowed, the last two not at an end", name)
	}
	return nil
}

// CheckMount returns an error if path is not a valid mount path.
func CheckMount(path string) error {
	if !mountPath.MatchString(path) {
		return fmt.Errorf("%q is not a mount path; write it as the server lists it, without slashes around it and without \"v1/\"", path)
	}
	return nil
}

// CheckNamespace returns an error if path is not a valid path of a namespace.
func CheckNamespace(path string) error {
	if !namespacePath.MatchString(path) {
		return fmt.Errorf("%q is not the path of a namespace", path)
	}
	return nil
}
