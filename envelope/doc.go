// Package envelope turns the JSON that an application posts into the JSON that
// PayerMax's gateway is sent.
//
// PayerMax wraps every call in the same envelope (docs: developer/api-desc):
//
//	{"version":"1.5","keyVersion":"1","requestTime":"2022-01-17T09:05:52.194+00:00",
//	 "appId":"3b24…","merchantNo":"0202…","data":{ … }}
//
// The application only has to send data. [Read] understands what it sent,
// strictly; [Envelope.Fill] writes the members that are the sidecar's to write
// and copies data byte for byte. Bytes in, bytes out: nothing is decoded into
// Go values and written back, so no number is rounded, no member is reordered
// and no escape is rewritten.
//
// The package knows nothing of Caddy, of HTTP or of signatures.
package envelope
