package vault

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// ParseAddress reads the address of a server: https, or http if the server is on
// this machine, since everything that is sent carries a token.
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
	// keyName is the form of names that the transit engine can route.
	keyName = regexp.MustCompile(`^\w([\w.-]*\w)?$`)

	// mountPath is a path of one or more such names.
	mountPath = regexp.MustCompile(`^\w([\w.-]*\w)?(/\w([\w.-]*\w)?)*$`)

	// namespacePath is what can stand in the header that selects a namespace.
	namespacePath = regexp.MustCompile(`^[!-~]+$`)
)

// CheckKeyName says what is wrong with the name of a transit key, if anything.
func CheckKeyName(name string) error {
	if !keyName.MatchString(name) {
		return fmt.Errorf("%q is not a name of a transit key: letters, digits, \"_\", \"-\" and \".\" are allowed, the last two not at an end", name)
	}
	return nil
}

// CheckMount says what is wrong with a mount path, if anything.
func CheckMount(path string) error {
	if !mountPath.MatchString(path) {
		return fmt.Errorf("%q is not a mount path; write it as the server lists it, without slashes around it and without \"v1/\"", path)
	}
	return nil
}

// CheckNamespace says what is wrong with the path of a namespace, if anything.
func CheckNamespace(path string) error {
	if !namespacePath.MatchString(path) {
		return fmt.Errorf("%q is not the path of a namespace", path)
	}
	return nil
}
