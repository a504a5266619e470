package protocol

const (
	// SignHeader carries the signature of a request, an answer or a notification.
	// PayerMax writes it sign (docs: developer/api-desc); this is the canonical form.
	SignHeader = "Sign"

	// AuthTokenHeader carries a service provider's authorisation to call for a
	// merchant. PayerMax writes it with underscores and in small letters (docs:
	// developer/isv-integration), and so it must be sent.
	AuthTokenHeader = "merchant_auth_token"
	// CanonicalAuthTokenHeader is what a server or a reverse proxy makes of
	// AuthTokenHeader.
	CanonicalAuthTokenHeader = "Merchant_auth_token"
)
