package clouds

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"hash/crc32"
	"net/http"
	"os"
	"strings"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
)

const gcpKeyName = "projects/shop/locations/europe-west3/keyRings/payermax/cryptoKeys/signing/cryptoKeyVersions/1"

// gcp is the part of Google Cloud KMS's gRPC API that a signer needs.
type gcp struct {
	kmspb.UnimplementedKeyManagementServiceServer
}

func serveGCP(certificate tls.Certificate) (address string) {
	listener := listen()
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&certificate)))
	kmspb.RegisterKeyManagementServiceServer(server, gcp{})
	go func() { check(server.Serve(listener)) }()
	return listener.Addr().String()
}

func (gcp) GetPublicKey(ctx context.Context, r *kmspb.GetPublicKeyRequest) (*kmspb.PublicKey, error) {
	der, fail := theKey.spki()
	if err := gcpCheck(ctx, r.GetName(), fail); err != nil {
		return nil, err
	}
	algorithm := kmspb.CryptoKeyVersion_RSA_SIGN_PKCS1_2048_SHA256
	if public, _ := theKey.public(); !isRSA(public) {
		algorithm = kmspb.CryptoKeyVersion_EC_SIGN_P256_SHA256
	}
	return &kmspb.PublicKey{
		Name:      r.GetName(),
		Algorithm: algorithm,
		Pem:       testkeys.PEM("PUBLIC KEY", der),
	}, nil
}

func (gcp) AsymmetricSign(ctx context.Context, r *kmspb.AsymmetricSignRequest) (*kmspb.AsymmetricSignResponse, error) {
	signature, fail := theKey.sign(r.GetDigest().GetSha256())
	if err := gcpCheck(ctx, r.GetName(), fail); err != nil {
		return nil, err
	}
	return &kmspb.AsymmetricSignResponse{
		Name:            r.GetName(),
		Signature:       signature,
		SignatureCrc32C: wrapperspb.Int64(int64(crc32.Checksum(signature, crc32.MakeTable(crc32.Castagnoli)))),
	}, nil
}

func gcpCheck(ctx context.Context, name string, fail int) error {
	incoming, _ := metadata.FromIncomingContext(ctx)
	switch authorization := incoming.Get("authorization"); {
	case len(authorization) != 1 || !strings.HasPrefix(authorization[0], "Bearer ey"):
		return status.Error(codes.Unauthenticated, "no token")
	case name != gcpKeyName:
		return status.Error(codes.NotFound, "no such key")
	case fail == http.StatusForbidden:
		return status.Error(codes.PermissionDenied, "refused")
	case fail != 0:
		return status.Error(codes.Internal, "refused")
	}
	return nil
}

func isRSA(public any) bool {
	_, ok := public.(*rsa.PublicKey)
	return ok
}

// gcpCredentials writes the key file of a service account. The client uses it to sign its
// own tokens, which Google's services accept.
func gcpCredentials(path string) string {
	content, err := json.Marshal(map[string]string{
		"type":           "service_account",
		"project_id":     "shop",
		"private_key_id": "1",
		"private_key":    testkeys.PrivatePEM(rsa2k2),
		"client_email":   "payermax@shop.iam.gserviceaccount.com",
		"token_uri":      "https://oauth2.googleapis.com/token",
	})
	check(err)
	check(os.WriteFile(path, content, 0o600))
	return path
}
