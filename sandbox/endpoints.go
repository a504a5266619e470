package sandbox

// endpoint is one of PayerMax's interfaces.
type endpoint struct {
	// versions are those the interface was ever documented with.
	versions []string

	// serve judges the data of a verified request of one of these versions and returns the data of the answer.
	serve func(version string, data object) (any, *refusal)
}

// endpoints are the interfaces that the gateway serves, by the last element of their path.
var endpoints = map[string]endpoint{
	"applyDropinSession": {
		versions: []string{"1.1", "1.4", "1.5", "1.6"},
		serve:    applyDropinSession,
	},
}
