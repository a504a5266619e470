package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Lease is a token and its validity.
type Lease struct {
	Token Secret

	// TTL is how long the token was valid for when it was obtained or renewed; 0 if it
	// does not expire, or if that is not known.
	TTL time.Duration

	// Granted is the TTL that the login gave. If a renewal gives much less, the token's
	// max TTL is near.
	Granted time.Duration

	// Renewable says whether the token can be renewed at all.
	Renewable bool

	// Since is when the TTL began.
	Since time.Time
}

// Due returns when to renew the token: after two thirds of its TTL, which leaves time for
// a server that is away for a while. It returns false if the token does not expire.
func (l Lease) Due() (time.Time, bool) {
	return l.Since.Add(l.TTL * 2 / 3), l.TTL > 0
}

// authAnswer is the answer to a login or a renewal.
type authAnswer struct {
	Auth *struct {
		ClientToken   string  `json:"client_token"`
		LeaseDuration seconds `json:"lease_duration"`
		Renewable     bool    `json:"renewable"`
	} `json:"auth"`
}

// seconds is a duration as the API writes it.
type seconds int64

func (s seconds) duration() time.Duration { return time.Duration(max(s, 0)) * time.Second }

// LoginKubernetes exchanges a service account's JWT for a token.
func (c *Client) LoginKubernetes(ctx context.Context, mount, role string, jwt Secret) (Lease, error) {
	const operation = "logging in with the Kubernetes service account"
	since := time.Now()
	var answer authAnswer
	err := c.do(ctx, request{
		operation: operation,
		method:    http.MethodPost,
		path:      "auth/" + mount + "/login",
		body: struct {
			Role string `json:"role"`
			JWT  string `json:"jwt"`
		}{role, jwt.reveal()},
		hints: hints{
			denied:  fmt.Sprintf("check that the role %q allows this service account, its namespace and the audience of its token", role),
			missing: fmt.Sprintf("there is no Kubernetes auth method under the mount %q; check the mount and the namespace", mount),
		},
	}, &answer)
	if err != nil {
		return Lease{}, err
	}
	if answer.Auth == nil || checkSecret([]byte(answer.Auth.ClientToken)) != nil {
		return Lease{}, errors.New(operation + ": the answer has no token; check that the address is that of Vault or OpenBao")
	}
	ttl := answer.Auth.LeaseDuration.duration()
	return Lease{
		Token:     newSecret(answer.Auth.ClientToken),
		TTL:       ttl,
		Granted:   ttl,
		Renewable: answer.Auth.Renewable,
		Since:     since,
	}, nil
}

// Renew renews a token. The token itself does not change.
func (c *Client) Renew(ctx context.Context, lease Lease) (Lease, error) {
	const operation = "renewing the token"
	since := time.Now()
	var answer authAnswer
	err := c.do(ctx, request{
		operation: operation,
		method:    http.MethodPost,
		path:      "auth/token/renew-self",
		token:     lease.Token,
		body:      struct{}{},
		hints: hints{
			denied:  "the token is not valid any more, or no policy of it allows \"update\" on auth/token/renew-self",
			missing: "the server has no auth/token; check the address and the namespace",
		},
	}, &answer)
	if err != nil {
		return Lease{}, err
	}
	if answer.Auth == nil {
		return Lease{}, errors.New(operation + ": the answer has no lease; check that the address is that of Vault or OpenBao")
	}
	lease.TTL = answer.Auth.LeaseDuration.duration()
	lease.Renewable = answer.Auth.Renewable
	lease.Since = since
	return lease, nil
}

// LookUp asks the server how long a token is valid.
func (c *Client) LookUp(ctx context.Context, token Secret) (Lease, error) {
	since := time.Now()
	var answer struct {
		Data struct {
			TTL       seconds `json:"ttl"`
			Renewable bool    `json:"renewable"`
		} `json:"data"`
	}
	err := c.do(ctx, request{
		operation: "looking up the token",
		method:    http.MethodGet,
		path:      "auth/token/lookup-self",
		token:     token,
		hints: hints{
			denied:  "the token is not valid, or no policy of it allows \"read\" on auth/token/lookup-self",
			missing: "the server has no auth/token; check the address and the namespace",
		},
	}, &answer)
	if err != nil {
		return Lease{}, err
	}
	ttl := answer.Data.TTL.duration()
	return Lease{Token: token, TTL: ttl, Granted: ttl, Renewable: answer.Data.Renewable, Since: since}, nil
}
