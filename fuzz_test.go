package payermax

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// Adapting any Caddyfile ends with a config or an error. An error does not repeat a key
// that was written in place of its path.
func FuzzCaddyfile(f *testing.F) {
	files, err := filepath.Glob("testdata/adapt/payermax*.caddyfiletest")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds: ", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		config, _, _ := strings.Cut(string(content), "----------")
		f.Add(config)
	}
	adapter := caddyconfig.GetAdapter("caddyfile")
	const key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCANARY"
	f.Fuzz(func(t *testing.T, config string) {
		if strings.Contains(config, "import") {
			return // import reads files
		}
		_, _, _ = adapter.Adapt([]byte(config), map[string]any{"filename": "Caddyfile"})

		config = ":80 {\npayermax_sign {\n" + strings.NewReplacer("{", "", "}", "", "\n", " ").Replace(config) + "\nprivate_key " + key + "\n}\n}\n"
		if _, _, err := adapter.Adapt([]byte(config), map[string]any{"filename": "Caddyfile"}); err != nil && strings.Contains(err.Error(), key) {
			t.Errorf("the error repeats the key: %v", err)
		}
	})
}

// Whatever an application posts, there are two outcomes. Either exactly the signed bytes
// are sent once, with the data byte for byte; or nothing is sent, and the application
// gets a refusal.
func FuzzHandler(f *testing.F) {
	for _, seed := range []string{
		sessionBody, sessionBody + "\n", `{"data":{}}`, `{"data":{"a":[1e400,"\u2028",{"data":null}]},"appId":"app"}`,
		`{"version":"1.1","keyVersion":"1","requestTime":"x","appId":"app","data":{"\u0061":1.0}}`,
		`{"data":{"a":1,"a":2}}`, `{"data":{},"data":{}}`, `{"data":[]}`, `{"appId":"other","data":{}}`, "{", "",
	} {
		f.Add([]byte(seed))
	}
	h, _ := benchmarked(f, nil)
	h.Validation = "off" // otherwise, hardly anything would be signed
	key := h.merchants.only.keyring.Current().Signing.Private.Public().(*rsa.PublicKey)
	f.Fuzz(func(t *testing.T, body []byte) {
		var sent []byte
		calls := 0
		w, r := incoming()
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			calls++
			var err error
			if sent, err = io.ReadAll(r.Body); err != nil {
				t.Fatal(err)
			}
			if d := delivery.From(r.Context()); !isSignedBy(key, sent, d.Signed().Signature) {
				t.Fatalf("what is sent is not what was signed: %s", sent)
			}
			_, err = io.WriteString(w, `{"code":"SYSTEM_BUSY"}`) // not a session: one session for several users would be withheld
			return err
		}))
		if err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusOK {
			var said reply.Refusal
			if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil || said.Code == "" || said.Msg == "" || calls > 0 {
				t.Fatalf("%d calls, and the refusal is %s", calls, w.Body)
			}
			return
		}
		var asked, done struct{ Data json.RawMessage }
		if json.Unmarshal(body, &asked) != nil || json.Unmarshal(sent, &done) != nil || !bytes.Equal(asked.Data, done.Data) || calls != 1 {
			t.Fatalf("%d calls with the data %s, of %s", calls, done.Data, asked.Data)
		}
	})
}

// isSignedBy verifies SHA256withRSA, written from its definition.
func isSignedBy(key *rsa.PublicKey, body []byte, signature string) bool {
	raw, err := base64.StdEncoding.Strict().DecodeString(signature)
	digest := sha256.Sum256(body)
	return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], raw) == nil
}

// signedByGateway returns PayerMax's signature of a body.
func signedByGateway(t *testing.T, body []byte) string {
	signature, err := signer.Sign(context.Background(), gatewayKey(), body)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// Whatever a gateway answers, the application gets one of three things: an answer that
// PayerMax has signed, byte for byte; a rewritten code and message; or a refusal by the
// sidecar. It never gets a success that PayerMax has not signed, nor any header field of
// the answer.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		sessionAnswer, `{"code":"PARAMS_INVALID","msg":""}`, `{"code":"PARAMS_INVALID","Code":"APPLY_SUCCESS"}`, `{"code":"apply_success "}`,
		`{"c\u006fde":"APPLY_SUCCESS"}`, `[{"code":"APPLY_SUCCESS"}]`, `{"code":1}`, `<html>`, "",
		`{"code":"PARAMS_INVALID","co_de":"APPLY_SUCCESS"}`, `{"code":"PARAMS_INVALID","msg":"\",\"code\":\"APPLY_SUCCESS"}`,
	} {
		f.Add(200, true, "", "", []byte(seed))
		f.Add(200, false, "", "application/json; charset=utf-7", []byte(seed))
		f.Add(502, false, "AAAA", "", []byte(seed))
		f.Add(307, true, "", "", []byte(seed))
	}
	h, _ := benchmarked(f, []*rsa.PublicKey{&gatewayKey().PublicKey})
	f.Fuzz(func(t *testing.T, status int, signed bool, signature, contentType string, body []byte) {
		if status < 200 || status > 599 {
			return // the reverse proxy does not pass on such a status as an answer
		}
		if signed {
			signature = signedByGateway(t, body)
		}
		w, r := incoming()
		err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
			if signature != "" {
				w.Header()["Sign"] = []string{signature}
			}
			w.Header()["Content-Type"] = []string{contentType}
			w.Header()["Location"] = []string{"https://elsewhere.example/"}
			w.WriteHeader(status)
			_, err := w.Write(body)
			return err
		}))
		if err != nil {
			t.Fatal(err)
		}

		var said map[string]any
		header := w.Result().Header
		if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil || header.Get("Content-Type") != "application/json" || header.Get("Location") != "" {
			t.Fatalf("%v %s: %s", err, header, w.Body)
		}
		if status/100 == 3 && !strings.Contains(header.Get("Proxy-Status"), "error=http_protocol_error") {
			t.Fatalf("a redirect became %d %s", w.Code, w.Body)
		}
		passed := header.Get("Sign") != ""
		if passed && (!signed || !bytes.Equal(w.Body.Bytes(), body) || header.Get("Sign") != signature) {
			t.Fatalf("PayerMax's answer %d %q became %d %q", status, body, w.Code, w.Body)
		}
		if passed && status == http.StatusOK {
			return // PayerMax has signed it, so it may say anything
		}
		for name, value := range said {
			if code, _ := value.(string); lookalike.Fold(name) == "CODE" && lookalike.Fold(code) == "APPLYSUCCESS" {
				t.Fatalf("the application got a success that is not PayerMax's: %s", w.Body)
			}
		}
		if _, hasErrors := said["errors"]; !passed && (said["code"] == nil || said["msg"] == nil || len(said) > 2 || hasErrors) {
			t.Fatalf("what the sidecar writes is more than a code and a message: %s", w.Body)
		}
	})
}
