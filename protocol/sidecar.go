package protocol

// How sidecars recognise one another, if one is called in PayerMax's place.
const (
	// SidecarName is the sidecar's name in User-Agent to the gateway, and in Proxy-Status
	// (RFC 9209) to the application.
	SidecarName = "caddy-payermax"
	// CodeLoopDetected refuses a request that was sent by a sidecar. It is a code of the
	// sidecar, not of PayerMax.
	CodeLoopDetected = "LOOP_DETECTED"
)
