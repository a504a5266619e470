package protocol

// KeyVersion is the version of the signature algorithm that a request declares
// (keyVersion). It is the only one that PayerMax documents.
const KeyVersion = "1"
