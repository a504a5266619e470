package payermax

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// Whatever stands in a Caddyfile, adapting it ends with a config or an error, and
// an error does not repeat a key that stands where its path belongs.
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
			return // which reads files
		}
		_, _, _ = adapter.Adapt([]byte(config), map[string]any{"filename": "Caddyfile"})

		config = ":80 {\npayermax_sign {\n" + strings.NewReplacer("{", "", "}", "", "\n", " ").Replace(config) + "\nprivate_key " + key + "\n}\n}\n"
		if _, _, err := adapter.Adapt([]byte(config), map[string]any{"filename": "Caddyfile"}); err != nil && strings.Contains(err.Error(), key) {
			t.Errorf("the error repeats the key: %v", err)
		}
	})
}
