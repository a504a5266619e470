package vault

import (
	"context"
	"fmt"
)

// Method is a way to obtain a token.
type Method interface {
	// Login obtains a token.
	Login(ctx context.Context, c *Client) (Lease, error)

	// Replaced reports whether the token has been replaced by another one outside of the
	// server, such as in a file.
	Replaced(token Secret) (bool, error)
}

// TokenFile reads the token from a file that another program writes, such as Vault Agent.
type TokenFile struct {
	Path string
}

// Login reads the file, and asks the server how long the token is valid.
func (m TokenFile) Login(ctx context.Context, c *Client) (Lease, error) {
	token, err := ReadSecret(m.Path)
	if err != nil {
		return Lease{}, fmt.Errorf("token_file: %w", err)
	}
	lease, err := c.LookUp(ctx, token)
	if IsDenied(err) {
		// A token without the default policy is not allowed to look itself up, but may
		// still be able to sign. The program that wrote the file must then renew it. If
		// the token is not valid at all, the next request fails.
		return Lease{Token: token}, nil
	}
	return lease, err
}

// Replaced reports whether the file now has another token.
func (m TokenFile) Replaced(token Secret) (bool, error) {
	current, err := ReadSecret(m.Path)
	if err != nil {
		return false, fmt.Errorf("token_file: %w", err)
	}
	return !current.Equal(token), nil
}

// Kubernetes logs in with the JWT of the pod's service account.
type Kubernetes struct {
	// Mount is where the auth method is mounted, such as "kubernetes".
	Mount string

	// Role is the role to log in with.
	Role string

	// ServiceAccountToken is the path of the file with the JWT. It is read for
	// each login, because Kubernetes replaces it every hour or so.
	ServiceAccountToken string
}

// Login exchanges the JWT for a token.
func (m Kubernetes) Login(ctx context.Context, c *Client) (Lease, error) {
	jwt, err := ReadSecret(m.ServiceAccountToken)
	if err != nil {
		return Lease{}, fmt.Errorf("service_account_token: %w", err)
	}
	return c.LoginKubernetes(ctx, m.Mount, m.Role, jwt)
}

// Replaced returns false: a new JWT does not invalidate the token from the old one.
func (Kubernetes) Replaced(Secret) (bool, error) { return false, nil }
