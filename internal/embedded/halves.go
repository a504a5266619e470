package embedded

// Halves are the halves of a set-up with embedded sandboxes that a config has.
type Halves struct {
	// Sandboxes counts the embedded sandboxes, which sign notifications.
	Sandboxes int
	// Verifying counts the handlers that verify notifications by the sandboxes' key.
	Verifying int
	// ByFile counts the handlers that verify them by a key in a file instead.
	ByFile int
}

// Mismatch says what is wrong if one half lacks the other, and what to do; or nothing.
// Caddy loads the config all the same, and no notification is accepted.
func (h Halves) Mismatch() (message, next string) {
	switch {
	case h.Verifying > 0 && h.Sandboxes == 0:
		return "payermax_notify verifies the notifications of the embedded sandbox, but no payermax of this config has gateway sandbox, so that every notification is refused, as wrong_signature",
			"write gateway sandbox into payermax; for the notifications of PayerMax, or of a sandbox in another process or site, write gateway_public_key instead of sandbox into payermax_notify"
	case h.Sandboxes > 0 && h.Verifying == 0 && h.ByFile > 0:
		return "payermax_notify verifies notifications by gateway_public_key, but the embedded sandbox of this config signs with a key of its own, so that its notifications are refused, as wrong_signature",
			"write sandbox instead of gateway_public_key into payermax_notify"
	}
	return "", ""
}
