package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
)

// phpSDK is the PHP SDK, payermax/sdk, with the client of
// github.com/shareit-payermax/payermax-server-sdk-php@55f7110e110b src/client/PayermaxClient.php
// and the envelope of @a9da4db984b2 src/domain/GatewayReq.php. It serialises with json_encode and
// no flags, and sends with Guzzle.
var phpSDK = officialSDK{
	send: func(c sdkConfig, endpoint, data string) sdkCall { // PayermaxClient::send($endpoint, json_decode($data, true))
		body := jsonEncode(phpArray{
			names: []string{"requestTime", "version", "appId", "merchantNo", "spMerchantNo", "keyVersion", "data"},
			values: map[string]any{
				"requestTime": c.now.Format("2006-01-02T15:04:05.000-07:00"), // Y-m-d\TH:i:s.vP
				"version":     "1.2", "appId": orNil(c.appID), "merchantNo": orNil(c.merchantNo), "spMerchantNo": orNil(c.spMerchantNo),
				"keyVersion": "1", "data": jsonDecode(data),
			},
		})
		fields := []string{"User-Agent: GuzzleHttp/7", "sign: " + sign(c.key, []byte(body)), "content-type: application/json", "sdk-ver: php-1.1.0"}
		if c.authToken != "" {
			fields = append(fields, "merchantAuthToken: "+c.authToken)
		}
		return sdkCall{resolve(c.base, "/aggregate-pay/api/gateway/"+endpoint), fields, body}
	},
	read: func(res *response) (string, error) {
		if res.status >= http.StatusBadRequest { // Guzzle throws, with the answer in the exception
			return "", fmt.Errorf("%d, %s", res.status, res.body)
		}
		var answer struct{ Code string }
		err := json.Unmarshal(res.body, &answer)
		if err != nil || answer.Code != "APPLY_SUCCESS" || verify(&testkeys.Gateway().PublicKey, res.body, res.header.Get("sign")) != nil {
			return "", fmt.Errorf("RuntimeException: %s", res.body)
		}
		return string(res.body), nil
	},
	members: []string{"spMerchantNo"}, // null unless one is configured
}

// resolve combines base_uri and a path as Guzzle does.
func resolve(base, path string) string {
	u, err := url.Parse(base)
	if err != nil {
		panic(err)
	}
	return u.ResolveReference(&url.URL{Path: path}).String()
}

// phpArray is an associative array, or an object.
type phpArray struct {
	names  []string
	values map[string]any
}

// jsonDecode works like json_decode($text, true), which turns an empty object into an empty array.
func jsonDecode(text string) any {
	return parseJSON(text, func(names []string, values map[string]any) any {
		if len(names) == 0 {
			return []any{}
		}
		return phpArray{names, values}
	})
}

// jsonEncode works like json_encode($value).
func jsonEncode(value any) string {
	switch value := value.(type) {
	case phpArray:
		members := make([]string, len(value.names))
		for i, name := range value.names {
			members[i] = jsonEncode(name) + ":" + jsonEncode(value.values[name])
		}
		return "{" + strings.Join(members, ",") + "}"
	case []any:
		items := make([]string, len(value))
		for i, item := range value {
			items[i] = jsonEncode(item)
		}
		return "[" + strings.Join(items, ",") + "]"
	case string:
		return quoteAsPHP(value)
	case json.Number:
		if _, err := value.Int64(); err == nil {
			return value.String()
		}
		float, err := value.Float64()
		if err != nil {
			panic(err)
		}
		// PHP writes it like this unless it needs an exponent, and no amount does.
		return strconv.FormatFloat(float, 'f', -1, 64)
	case nil:
		return "null"
	default:
		return fmt.Sprint(value)
	}
}

// quoteAsPHP escapes slashes, and escapes non-ASCII characters as UTF-16 code units.
func quoteAsPHP(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, unit := range utf16.Encode([]rune(text)) {
		switch short := strings.IndexRune("\b\f\n\r\t\"\\/", rune(unit)); {
		case short >= 0:
			out.WriteByte('\\')
			out.WriteByte(`bfnrt"\/`[short])
		case unit < ' ' || unit > '~'+1:
			fmt.Fprintf(&out, `\u%04x`, unit)
		default:
			out.WriteByte(byte(unit))
		}
	}
	out.WriteByte('"')
	return out.String()
}

// PHP itself writes the same.
func TestPHPSDKWriter(t *testing.T) {
	t.Parallel()
	testtool.Find(t, "php")
	for _, text := range []string{
		sdkOrder, sdkSession, `{}`,
		`{"a":{},"b":[],"c":[1.50,15.00,19.99,0.1,10000,123456789012.34,-1],"d":"/<&>'€鑽😀\"\\\n\u0001\u007f\u0085\u2028","e":[true,false,null]}`,
	} {
		encode := exec.Command("php", "-n", "-r", `echo json_encode(json_decode(stream_get_contents(STDIN), true));`)
		encode.Stdin = strings.NewReader(text)
		said, err := encode.Output()
		require.NoError(t, err)
		assert.Equal(t, string(said), jsonEncode(jsonDecode(text)))
	}
}
