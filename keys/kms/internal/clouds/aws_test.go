package clouds

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

const (
	awsKeyID     = "1234abcd-12ab-34cd-56ef-1234567890ab"
	awsAccessKey = "AKIASTANDIN"
	awsSecretKey = "canary-aws-secret"
)

// serveAWS is the part of AWS KMS's API (AWS JSON 1.1) that a signer needs:
// https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html
func serveAWS(w http.ResponseWriter, r *http.Request) {
	var input struct {
		KeyID, SigningAlgorithm, MessageType string
		Message                              []byte
	}
	if err := json.NewDecoder(r.Body).Decode(&input); err != nil {
		awsError(w, http.StatusBadRequest, "SerializationException")
		return
	}
	switch authorization := r.Header.Get("Authorization"); {
	case !strings.HasPrefix(authorization, "AWS4-HMAC-SHA256 Credential="+awsAccessKey+"/") || !strings.Contains(authorization, "/eu-central-1/kms/aws4_request"):
		awsError(w, http.StatusBadRequest, "IncompleteSignatureException")
		return
	case input.KeyID != awsKeyID:
		awsError(w, http.StatusBadRequest, "NotFoundException")
		return
	}

	output := map[string]any{"KeyId": "arn:aws:kms:eu-central-1:111122223333:key/" + awsKeyID}
	var fail int
	switch target := r.Header.Get("X-Amz-Target"); target {
	case "TrentService.GetPublicKey":
		output["PublicKey"], fail = theKey.spki()
		output["KeyUsage"] = "SIGN_VERIFY"
	case "TrentService.Sign":
		if input.SigningAlgorithm != "RSASSA_PKCS1_V1_5_SHA_256" || input.MessageType != "DIGEST" || len(input.Message) != 32 {
			awsError(w, http.StatusBadRequest, "ValidationException")
			return
		}
		output["Signature"], fail = theKey.sign(input.Message)
		output["SigningAlgorithm"] = input.SigningAlgorithm
	default:
		awsError(w, http.StatusBadRequest, "UnknownOperationException")
		return
	}
	if fail != 0 {
		awsError(w, fail, "AccessDeniedException")
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	check(json.NewEncoder(w).Encode(output))
}

func awsError(w http.ResponseWriter, status int, name string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"__type":%q,"message":"refused"}`, name)
}
