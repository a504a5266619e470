package envelope

// How long the members of the envelope may be, in characters (applyDropinSession,
// request body).
const (
	// MaxVersion bounds version and keyVersion.
	MaxVersion = 8
	// MaxAppID bounds appId.
	MaxAppID = 64
	// MaxMerchantNo bounds merchantNo and spMerchantNo.
	MaxMerchantNo = 32
)
