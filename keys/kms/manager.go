package kms

import (
	"context"

	"go.step.sm/crypto/kms"
	"go.step.sm/crypto/kms/apiv1"

	"github.com/caddy-payermax/caddy-payermax/keys/kms/internal/reopen"
)

// openKey opens a key management system and a key in it. The name of the key must not
// contain a secret, because the libraries repeat it in their errors.
func openKey(options apiv1.Options, name string) (reopen.Opened, error) {
	manager, err := kms.New(context.Background(), options)
	if err != nil {
		return reopen.Opened{}, err
	}
	signer, err := manager.CreateSigner(&apiv1.CreateSignerRequest{SigningKey: name})
	if err != nil {
		_ = manager.Close() // the first error is the helpful one
		return reopen.Opened{}, err
	}
	return reopen.Opened{Signer: signer, Close: manager.Close}, nil
}
