package protocol

// The application and the merchant in PayerMax's examples (applyDropinSession,
// request example). The sandbox knows them where nobody else is configured.
const (
	ExampleAppID      = "3b242b56a8b64274bcc37dac281120e3"
	ExampleMerchantNo = "020213827212251"
)
