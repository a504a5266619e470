package envelope

// The maximum lengths of the envelope's members, in characters (applyDropinSession,
// request body).
const (
	// MaxVersion is the maximum length of version and keyVersion.
	MaxVersion = 8
	// MaxAppID is the maximum length of appId.
	MaxAppID = 64
	// MaxMerchantNo is the maximum length of merchantNo and spMerchantNo.
	MaxMerchantNo = 32
)
