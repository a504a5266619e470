package embedded

import "slices"

// Halves are the halves of a set-up with embedded sandboxes that a config has.
type Halves struct {
	// Sandboxes counts the embedded sandboxes, which sign notifications, and Merchants
	// are those that they know, as far as that can be told.
	Sandboxes int
	Merchants []Merchant
	// Verifying are the handlers that verify notifications by the sandboxes' key: each is
	// for whom it lets them pass.
	Verifying []Addressees
	// ByFile counts the handlers that verify them by a key in a file instead.
	ByFile int
}

// Merchant is one that a sandbox notifies. MerchantNo is empty if only its calls have it.
type Merchant struct{ AppID, MerchantNo string }

// Addressees are those whose notifications pass. An empty list lets any pass.
type Addressees struct{ AppIDs, MerchantNos []string }

// include reports whether a notification for the merchant may pass.
func (a Addressees) include(m Merchant) bool {
	return (len(a.AppIDs) == 0 || slices.Contains(a.AppIDs, m.AppID)) &&
		(len(a.MerchantNos) == 0 || m.MerchantNo == "" || slices.Contains(a.MerchantNos, m.MerchantNo))
}

// Mismatch says what is wrong if one half lacks the other, or is for somebody else, and
// what to do; or nothing. Caddy loads the config all the same, and no notification is
// accepted.
func (h Halves) Mismatch() (message, next string) {
	switch {
	case len(h.Verifying) > 0 && h.Sandboxes == 0:
		return "payermax_notify verifies the notifications of the embedded sandbox, but no payermax of this config has gateway sandbox, so that every notification is refused, as wrong_signature",
			"write gateway sandbox into payermax; for the notifications of PayerMax, or of a sandbox in another process or site, write gateway_public_key instead of sandbox into payermax_notify"
	case h.Sandboxes > 0 && len(h.Verifying) == 0 && h.ByFile > 0:
		return "payermax_notify verifies notifications by gateway_public_key, but the embedded sandbox of this config signs with a key of its own, so that its notifications are refused, as wrong_signature",
			"write sandbox instead of gateway_public_key into payermax_notify"
	case h.hasStranger():
		return "payermax_notify verifies the notifications of the embedded sandbox, but its app_id or merchant_no is that of no merchant of the sandbox, so that every notification is refused, as other_merchant",
			"write into payermax_notify the app_id and merchant_no of payermax, or neither; the sandbox needs none"
	}
	return "", ""
}

// hasStranger reports whether a handler lets notifications pass for none of the merchants
// that the sandboxes know.
func (h Halves) hasStranger() bool {
	return len(h.Merchants) > 0 && slices.ContainsFunc(h.Verifying, func(a Addressees) bool { return !slices.ContainsFunc(h.Merchants, a.include) })
}
