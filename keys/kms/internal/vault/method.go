package vault

import (
	"context"
	"fmt"
)

// Method is a way to come by a token.
type Method interface {
	// Login returns a token that was obtained just now.
	Login(ctx context.Context, c *Client) (Lease, error)

	// Replaced reports whether there is another token than this one to be had,
	// which the server did not tell us about.
	Replaced(token Secret) (bool, error)
}

// TokenFile takes the token from a file that somebody else writes, such as Vault
// Agent.
type TokenFile struct {
	Path string
}

// Login reads the file, and asks the server how long the token is good for.
func (m TokenFile) Login(ctx context.Context, c *Client) (Lease, error) {
	token, err := ReadSecret(m.Path)
	if err != nil {
		return Lease{}, fmt.Errorf("token_file: %w", err)
	}
	lease, err := c.LookUp(ctx, token)
	if IsDenied(err) {
		// A token without the default policy may not look itself up and can sign
		// all the same. Whoever wrote the file has to renew it then. If it is not
		// valid at all, the next request says so.
		return Lease{Token: token}, nil
	}
	return lease, err
}

// Replaced reports whether the file has another token by now.
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

	// Role is the role to log in for.
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

// Replaced returns false: a new JWT does not make the token of the old one any
// worse.
func (Kubernetes) Replaced(Secret) (bool, error) { return false, nil }
