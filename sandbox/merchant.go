package sandbox

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
)

// Merchant is a registered merchant application, as in PayerMax's dashboard.
type Merchant struct {
	// AppID identifies the application in every request. A key is bound to an appId, not to a merchant ("ISV
	// integration" page).
	AppID string

	// MerchantNo is optional; when set, a request that names another merchantNo is refused. A request with no merchantNo,
	// or with an empty one as in PayerMax's Google Pay example, is accepted: the interface pages call the member optional.
	// MerchantNo is ignored for a service provider, whose requests name the sub-merchant that they are made for.
	MerchantNo string

	// SPMerchantNo makes the merchant a service provider ("ISV integration" page): when set, requests must name it as
	// spMerchantNo, and may name any merchantNo.
	SPMerchantNo string

	// MerchantAuthToken is the token of a service provider; when set, requests must send it in the header
	// merchant_auth_token, spelt like this. PayerMax issues one per sub-merchant; here, one token stands for all of them.
	// It is compared in constant time and never shown.
	MerchantAuthToken string

	// KeyVersion is the keyVersion that requests must name; empty means "1", the only one documented so far.
	KeyVersion string

	// PublicKey is the key that the merchant uploaded: 2048 bits or more.
	PublicKey *rsa.PublicKey

	// NotifyURL is the callback URL in PayerMax's dashboard. A notifyUrl in the request overrides it; with neither, no
	// notification is sent.
	NotifyURL string

	// TokenNotifyURL is notified when a card is saved or removed (page "tokenizationNotifyUrl"). PayerMax does not
	// document where this URL is configured, so neither NotifyURL nor an order's notifyUrl replaces it; without it, no
	// notifications about cards are sent.
	TokenNotifyURL string
}

// check returns an error if a merchant cannot be registered.
func (m Merchant) check() error {
	switch {
	case m.AppID == "":
		return errors.New("AppID is empty")
	case m.PublicKey == nil || m.PublicKey.N == nil:
		return fmt.Errorf("appId %q has no PublicKey", m.AppID)
	case m.PublicKey.N.BitLen() < minKeyBits:
		return fmt.Errorf("appId %q: PublicKey has %d bits; PayerMax uses %d", m.AppID, m.PublicKey.N.BitLen(), minKeyBits)
	case strings.ContainsFunc(m.MerchantAuthToken, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("appId %q: MerchantAuthToken must be visible ASCII without spaces, to fit into a header", m.AppID)
	}
	return nil
}

func (m Merchant) keyVersion() string {
	if m.KeyVersion == "" {
		return "1"
	}
	return m.KeyVersion
}

// merchant returns the merchant that a request names.
func (g *Gateway) merchant(env envelope) (Merchant, *refusal) {
	m, known := g.merchants[env.appID]
	if !known {
		return Merchant{}, refuse(codeMerchantAppInvalid)
	}
	if m.SPMerchantNo == "" && m.MerchantNo != "" && env.merchantNo != "" && env.merchantNo != m.MerchantNo {
		return Merchant{}, refuse(codeMerchantInvalid)
	}
	return m, nil
}
