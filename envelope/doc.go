// Package envelope turns the JSON that an application posts into the JSON that is sent to
// PayerMax's gateway.
//
// PayerMax wraps every call in the same envelope (docs: developer/api-desc):
//
//	{"version":"1.5","keyVersion":"1","requestTime":"2022-01-17T09:05:52.194+00:00",
//	 "appId":"3b24…","merchantNo":"0202…","data":{ … }}
//
// The application only has to send data. [Read] parses the request strictly;
// [Envelope.Fill] writes the members that the sidecar supplies, and copies data byte for
// byte. Nothing is decoded into Go values and encoded again, so no number is rounded, no
// member is reordered and no escape is rewritten.
//
// The package does not depend on Caddy, HTTP or signatures.
package envelope
