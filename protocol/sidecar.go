package protocol

// What a sidecar knows another one by, where it is called in PayerMax's place.
const (
	// SidecarName is how the sidecar names itself: as User-Agent to the gateway, and
	// in Proxy-Status (RFC 9209) to the application.
	SidecarName = "caddy-payermax"
	// CodeLoopDetected refuses a request that a sidecar has sent. It is the sidecar's
	// code and not PayerMax's.
	CodeLoopDetected = "LOOP_DETECTED"
)
