package embedded

import "slices"

// Halves describes which parts of a setup with embedded sandboxes a config has.
type Halves struct {
	// Sandboxes is the number of embedded sandboxes, which sign notifications, and Merchants
	// are the merchants that they are known to serve.
	Sandboxes int
	Merchants []Merchant
	// Verifying has an element for each handler that verifies notifications with the
	// sandboxes' key: the addressees that it accepts them for.
	Verifying []Addressees
	// ByFile is the number of handlers that verify notifications with a key in a file
	// instead.
	ByFile int
}

// Merchant is a merchant that a sandbox notifies. MerchantNo is empty if it is not
// configured and comes with the merchant's calls.
type Merchant struct{ AppID, MerchantNo string }

// Addressees are the appIds and merchantNos whose notifications are accepted. An empty
// list accepts any.
type Addressees struct{ AppIDs, MerchantNos []string }

// include reports whether a notification for the merchant can be accepted.
func (a Addressees) include(m Merchant) bool {
	return (len(a.AppIDs) == 0 || slices.Contains(a.AppIDs, m.AppID)) &&
		(len(a.MerchantNos) == 0 || m.MerchantNo == "" || slices.Contains(a.MerchantNos, m.MerchantNo))
}

// Mismatch explains what is wrong if one half is missing or is for other merchants, and
// what to do, or returns "". Caddy loads such a config nevertheless, but notifications
// are refused.
func (h Halves) Mismatch() (message, next string) {
	switch {
	case len(h.Verifying) > 0 && h.Sandboxes == 0:
		return "payermax_notify verifies the notifications of the embedded sandbox, but no payermax of this config has gateway sandbox, so every notification is refused as wrong_signature",
			"write gateway sandbox into payermax; for the notifications of PayerMax, or of a sandbox in another process or site, write gateway_public_key instead of sandbox into payermax_notify"
	case h.Sandboxes > 0 && len(h.Verifying) == 0 && h.ByFile > 0:
		return "payermax_notify verifies notifications by gateway_public_key, but the embedded sandbox of this config signs with a key of its own, so that its notifications are refused, as wrong_signature",
			"write sandbox instead of gateway_public_key into payermax_notify"
	case h.hasStranger():
		return "payermax_notify verifies the notifications of the embedded sandbox, but its app_id or merchant_no is not that of a merchant of the sandbox, so every notification is refused as other_merchant",
			"write into payermax_notify the app_id and merchant_no of payermax, or neither; the sandbox needs none"
	}
	return "", ""
}

// hasStranger reports whether a handler accepts notifications for none of the sandboxes'
// merchants.
func (h Halves) hasStranger() bool {
	return len(h.Merchants) > 0 && slices.ContainsFunc(h.Verifying, func(a Addressees) bool { return !slices.ContainsFunc(h.Merchants, a.include) })
}
