package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
)

// javaSDK is the Java SDK, com.payermax:payermax-server-sdk, with the client of
// github.com/shareit-payermax/payermax-server-sdk@8ad0da08ae70
// src/main/java/com/payermax/sdk/client/DefaultPayermaxClient.java, the envelope of @5595c2dffc13
// src/main/java/com/payermax/sdk/domain/GatewayRequest.java, and the requests of
// github.com/payermax-all/payermax-server-sdk@7f0556c9 (1.0.15) src/main/java/com/payermax/sdk/req.
// It serialises with fastjson 1.2.83 and sends with OkHttp 4.12.0.
var javaSDK = officialSDK{
	base: "/aggregate-pay/api/gateway",
	send: func(c sdkConfig, endpoint, data string) sdkCall { // client.send(endpoint, JSON.parseObject(data))
		return javaCall(c, endpoint, parseJavaObject(data))
	},
	read: readUnlessForged, // needCheckSign is on
}

// javaTyped sends like send() with one of the SDK's request classes.
func javaTyped(c sdkConfig, endpoint string, data javaBean) sdkCall {
	return javaCall(c, endpoint, data)
}

// javaCall sends like DefaultPayermaxClient.send: baseUrl.concat("/").concat(apiName).
func javaCall(c sdkConfig, endpoint string, data any) sdkCall {
	return okHTTPCall(c, endpoint, "1.0.6", toJSONString(javaBean{
		"requestTime": javaTime(c.now), "version": "1.4", "appId": orNil(c.appID), "merchantNo": orNil(c.merchantNo),
		"spMerchantNo": orNil(c.spMerchantNo), "keyVersion": "1", "data": data,
	}))
}

// javaSDK100 sends like the SDK before version 1.1 of the API, which called the appId
// merchantAppId: @ef220fca0b7c src/main/java/com/payermax/sdk/domain/GatewayRequest.java
func javaSDK100(c sdkConfig, endpoint, data string) sdkCall {
	return okHTTPCall(c, endpoint, "1.0.0", toJSONString(javaBean{
		"requestTime": javaTime(c.now), "version": "1.0", "merchantAppId": orNil(c.appID), "merchantNo": orNil(c.merchantNo),
		"keyVersion": "1", "data": parseJavaObject(data),
	}))
}

// okHTTPCall returns a request with the header fields that OkHttp adds after the SDK's.
func okHTTPCall(c sdkConfig, endpoint, version, body string) sdkCall {
	fields := []string{"sign: " + sign(c.key, []byte(body)), "sdk-ver: " + version}
	if c.authToken != "" {
		fields = append(fields, "merchant_auth_token: "+c.authToken)
	}
	return sdkCall{c.base + "/" + endpoint, append(fields, "Content-Type: application/json; charset=utf-8",
		"Connection: Keep-Alive", "Accept-Encoding: gzip", "User-Agent: okhttp/4.12.0"), body}
}

// javaTime formats like DateFormatUtils.format(new Date(), "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"), in the
// JVM's time zone, which is written as Z if it is UTC.
func javaTime(now time.Time) string { return now.Format("2006-01-02T15:04:05.000Z07:00") }

// inShanghai sets the JVM's time zone to Shanghai's.
func inShanghai(c *sdkConfig) { c.now = c.now.In(time.FixedZone("", 8*60*60)) }

// orNil returns nil, for null, if nothing was configured.
func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// javaBean is an object whose class has getters. fastjson writes its members sorted by name
// (SortField is on), without those that are null (WriteMapNullValue is off).
type javaBean map[string]any

// javaObject is a com.alibaba.fastjson.JSONObject: a HashMap, written in its own iteration order
// (MapSortField is off).
type javaObject struct {
	names  []string // in insertion order
	values map[string]any
}

// toJSONString works like com.alibaba.fastjson.JSON.toJSONString with its defaults.
func toJSONString(value any) string {
	switch value := value.(type) {
	case javaBean:
		return toJSONObject(slices.Sorted(maps.Keys(value)), value)
	case javaObject:
		return toJSONObject(hashMapOrder(value.names), value.values)
	case []any:
		items := make([]string, len(value))
		for i, item := range value {
			items[i] = toJSONString(item)
		}
		return "[" + strings.Join(items, ",") + "]"
	case string:
		return quoteAsFastjson(value)
	case nil:
		return "null"
	default: // Boolean; Long; BigDecimal, whose toString these amounts do not change
		return fmt.Sprint(value)
	}
}

func toJSONObject(names []string, values map[string]any) string {
	var members []string
	for _, name := range names {
		if values[name] != nil {
			members = append(members, quoteAsFastjson(name)+":"+toJSONString(values[name]))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// quoteAsFastjson works like SerializeWriter.writeStringWithDoubleQuote: it escapes no slash, no
// HTML and no letter, but it escapes control characters up to U+009F, and the two line separators
// that JavaScript treats as line ends.
func quoteAsFastjson(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range text {
		short := strings.IndexRune("\b\f\n\r\t\"\\", r)
		switch {
		case short >= 0:
			out.WriteByte('\\')
			out.WriteByte(`bfnrt"\`[short])
		case r < ' ' || 0x7f <= r && r < 0xa0 || r == '\u2028' || r == '\u2029':
			fmt.Fprintf(&out, `\u%04X`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// parseJavaObject works like JSON.parseObject: numbers stay exact (UseBigDecimal is on).
func parseJavaObject(text string) javaObject {
	return parseJSON(text, func(names []string, values map[string]any) any { return javaObject{names, values} }).(javaObject)
}

// hashMapOrder returns keys in the iteration order of a java.util.HashMap created for 16 entries:
// by the bucket of their hash, and within a bucket by insertion.
func hashMapOrder(names []string) []string {
	capacity := 16
	for 4*len(names) > 3*capacity {
		capacity *= 2
	}
	bucket := func(name string) int {
		var hash uint32 // String.hashCode
		for _, unit := range utf16.Encode([]rune(name)) {
			hash = 31*hash + uint32(unit)
		}
		return int(hash^hash>>16) & (capacity - 1)
	}
	return slices.SortedStableFunc(slices.Values(names), func(a, b string) int { return bucket(a) - bucket(b) })
}

// parseJSON reads an object and keeps the order of its members. object constructs the language's
// own kind of object.
func parseJSON(text string, object func(names []string, values map[string]any) any) any {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	token := func() json.Token {
		read, err := decoder.Token()
		if err != nil {
			panic(err)
		}
		return read
	}
	var value func() any
	value = func() any {
		switch read := token(); read {
		case json.Delim('{'):
			var names []string
			values := make(map[string]any)
			for decoder.More() {
				name := token().(string)
				names = append(names, name)
				values[name] = value()
			}
			token()
			return object(names, values)
		case json.Delim('['):
			items := []any{}
			for decoder.More() {
				items = append(items, value())
			}
			token()
			return items
		default:
			return read
		}
	}
	return value()
}

// The expected orders are what OpenJDK 17 printed for new HashMap<>(16), and the expected strings
// are what fastjson writes.
func TestJavaSDKWriter(t *testing.T) {
	t.Parallel()
	for _, order := range []struct{ put, order string }{
		{"totalAmount currency country userId referralCode tokenForFutureUse componentList",
			"totalAmount country referralCode componentList currency userId tokenForFutureUse"},
		{"outTradeNo subject totalAmount currency country userId language reference frontCallbackURL notifyUrl goodsDetails shippingInfo billingInfo",
			"country goodsDetails frontCallbackURL subject shippingInfo language userId reference totalAmount billingInfo outTradeNo notifyUrl currency"},
		{"AaAa BBBB AaBB BBAa x y", "x y AaAa BBBB AaBB BBAa"},
	} {
		assert.Equal(t, strings.Fields(order.order), hashMapOrder(strings.Fields(order.put)))
	}
	assert.Equal(t, `{"a":"/<&>'€鑽😀\"\\\n\u0001\u007F\u0085\u2028","b":[1.50,true,{"c":10000}]}`, toJSONString(javaBean{
		"b": []any{json.Number("1.50"), true, javaBean{"c": int64(10000), "d": nil}},
		"a": "/<&>'€鑽😀\"\\\n\u0001\u007f\u0085\u2028",
	}))
}
