package e2e

import (
	"encoding/json"
	"strings"
)

// knownClients are the clients and what they send. The SDKs' envelopes are in sdk_*_test.go. Each
// order is a hosted checkout's, which the test settles before it is refunded.
var knownClients = []knownClient{
	{"Java SDK 1.0.15", javaSDK.base, []knownCall{
		{name: "`ApplyDropinSessionRequest`", send: javaSends("applyDropinSession", javaBean{
			"totalAmount": "10000", "currency": "IDR", "country": "ID", "userId": "U1", "tokenForFutureUse": "true", "componentList": []any{"CARD"},
		})},
		{name: "`TradeOrderRequest`", send: javaSends("orderAndPay", javaTradeOrder)},
		{name: "`OrderQueryRequest`", send: javaSends("orderQuery", javaBean{"outTradeNo": "P1"})},
		{name: "`RefundApplyRequest`", send: javaSends("refund", javaBean{
			"outRefundNo": "R1", "outTradeNo": "P1", "refundAmount": json.Number("100"), "refundCurrency": "IDR", "refundType": int64(1),
		})},
		{name: "`RefundRequest`", send: javaSends("refund", javaBean{
			"outRefundNo": "R2", "outTradeNo": "P1", "refundAmount": int64(100), "refundCurrency": "IDR",
		})},
		{name: "`RefundQueryRequest`", send: javaSends("refundQuery", javaBean{"outRefundNo": "R1"})},
		{name: "`OrderAndPayRequest`", send: javaSends("orderAndPay", javaBean{
			"outTradeNo": "P2", "integrate": "Hosted_Checkout", "subject": "Shoes", "totalAmount": int64(10000), "currency": "IDR", "country": "ID",
			"userId": "U1", "frontCallbackUrl": "https://shop.example/paid", "notifyUrl": "https://shop.example/payermax",
		})},
		{name: "the order of its README and its test", send: func(c sdkConfig) sdkCall { return javaSDK.send(c, "orderAndPay", javaReadme) },
			refused: "/data/billingInfo/country pattern", why: "the country is the Chinese word for address"},
		{name: "the same order, with a country", send: func(c sdkConfig) sdkCall {
			return javaSDK.send(c, "orderAndPay", strings.Replace(javaReadme, `"地址"`, `"ID"`, 1))
		}},
	}},
	{"Go SDK", goSDK.base, []knownCall{
		{name: "the session of a subscription guide", send: goSends("applyDropinSession", guideSession)},
		{name: "the order of its README", send: goSends("orderAndPay", readmeOrder)},
		{name: "query", send: goSends("orderQuery", `{"outTradeNo":"P1"}`)},
		{name: "refund", send: goSends("refund", `{"outRefundNo":"R1","outTradeNo":"P1","refundAmount":"0.10","refundCurrency":"USD"}`)},
		{name: "query of the refund", send: goSends("refundQuery", `{"outRefundNo":"R1"}`)},
	}},
	{"PHP SDK", phpSDK.base, []knownCall{
		{name: "the session of a subscription guide", send: phpSends("applyDropinSession", guideSession)},
		{name: "the order of its README", send: phpSends("orderAndPay", readmeOrder)},
		{name: "query", send: phpSends("orderQuery", `{"outTradeNo":"P1"}`)},
		{name: "refund", send: phpSends("refund", `{"outRefundNo":"R1","outTradeNo":"P1","refundAmount":"0.10","refundCurrency":"USD"}`)},
		{name: "query of the refund", send: phpSends("refundQuery", `{"outRefundNo":"R1"}`)},
	}},
	{"PayerMax's plugin for WooCommerce", "/aggregate-pay/api/gateway", []knownCall{
		{name: "order of goods that are shipped", send: wooSends("orderAndPay", wooOrder)},
		{name: "query", send: wooSends("orderQuery", `{"outTradeNo":"P1"}`)},
		{name: "order of goods that are not", send: wooSends("orderAndPay", strings.NewReplacer(
			`"P1"`, `"P2"`, `"Street 1"`, `""`, `"Ankara"`, `""`, `"TR"`, `""`, `"06700"`, `""`, `"James"`, `""`, `"Smith"`, `""`).Replace(wooOrder))},
	}},
	{"xnevz/Payermax_woocommerce", "", []knownCall{
		{name: "order of a guest", send: olderPHPSends("orderAndPay", xnevzOrder)},
	}},
	{"Nafezly/payments (Laravel)", "/aggregate-pay/api/gateway", []knownCall{
		{name: "order", send: laravelSends("orderAndPay", laravelOrder), refused: "/data type", why: "`data` is a string of JSON instead of an object"},
		{name: "query", send: laravelSends("orderQuery", `{"outTradeNo":"P1"}`), refused: "/data type", why: "the same"},
	}},
	{"TIZ36/payermax-sdk-go", "/aggregate-pay/api/gateway", []knownCall{
		{name: "order", send: communitySends("orderAndPay", communityOrder)},
		{name: "query", send: communitySends("orderQuery", `{"outTradeNo":"P1"}`)},
		{name: "refund", send: communitySends("refund", `{"outRefundNo":"R1","refundAmount":0.10,"refundCurrency":"USD","outTradeNo":"P1"}`)},
		{name: "order with an account", send: communitySends("orderAndPay", strings.NewReplacer(`"P1"`, `"P2"`, `"goodsDetails":null`,
			`"paymentDetail":{"payAccountInfo":{"accountNo":"1","accountNoType":"EMAIL"}},"goodsDetails":null`).Replace(communityOrder)),
			refused: "/data/paymentDetail/payAccountInfo type", why: "it has one account, but all of PayerMax's documents have a list"},
	}},
	{"Serialisers that write null (Jackson, System.Text.Json)", "/aggregate-pay/api/gateway", []knownCall{
		{name: "session", send: nullSends("applyDropinSession",
			`{"totalAmount":"10000","mitType":null,"currency":"IDR","country":"ID","userId":"U1","referralCode":null,"tokenForFutureUse":null,"componentList":null}`)},
		{name: "order", send: nullSends("orderAndPay", `{"outTradeNo":"P1","integrate":"Hosted_Checkout","captureMode":null,"authorizationType":null,
			"subject":"Shoes","totalAmount":10000,"currency":"IDR","country":null,"userId":"U1","expireTime":null,"referralCode":"","mitManagementUrl":"",
			"subscriptionPlan":null,"paymentDetail":null,"goodsDetails":null,"shippingInfo":null,"billingInfo":null,"envInfo":null,"language":"",
			"reference":null,"terminalType":null,"osType":"","frontCallbackUrl":"https://shop.example/paid","notifyUrl":""}`)},
		{name: "refund", send: nullSends("refund", `{"outRefundNo":"R1","refundAmount":100,"refundCurrency":"IDR","outTradeNo":"P1","tradeToken":null,"comments":null,"refundNotifyUrl":""}`)},
	}},
}

// guideSession comes from PayerMax's subscription guide for CARD, with our own user.
const guideSession = `{"totalAmount":"10","mitType":"UNSCHEDULED","currency":"USD","country":"US","userId":"U1","tokenForFutureUse":true,"componentList":["CARD"]}`

// readmeOrder is the order in the READMEs of the Go and PHP SDKs, with our own number.
const readmeOrder = `{"outTradeNo":"P1","subject":"hello","totalAmount":"0.99","currency":"USD","country":"HK","userId":"100000002",
	"goodsDetails":[{"goodsId":"com.corps.gp.60","goodsName":"60鑽石","quantity":"1","price":"0.99","goodsCurrency":"USD","showUrl":"httpw://www.okgame.com"}],
	"language":"en","reference":"300011","frontCallbackUrl":"https://payapi.okgame.com/v2/PayerMax/result.html",
	"notifyUrl":"https://payapi.okgame.com/v2/PayerMax/Callback.ashx"}`

// javaReadme is the order in the Java SDK's README and in its SdkTest.
const javaReadme = `{"outTradeNo":"out1254125412","subject":"this is subject","totalAmount":"10000","currency":"IDR","country":"ID","userId":"userId",
	"language":"","reference":"","frontCallbackURL":"https://www.qq2ddsdfsadfsdfsd.com","notifyUrl":"https://www.noticddddasdfasdfe.com",
	"goodsDetails":[{"goodsId":"D002","goodsName":"韩版修身牛仔裤男","quantity":"2","price":"500","goodsCurrency":"IDR","showUrl":"https://xxxx.light.png"}],
	"shippingInfo":{"firstName":"zhang","middleName":"shang","lastName":"feng","phoneNo":"13009090980","email":"bacde@ushareit.com","address1":"二仙桥",
		"address2":"成华大道","city":"成都市","region":"武侯区","state":"州","country":"ID","zipCode":"000000"},
	"billingInfo":{"firstName":"账单各","middleName":"账单中间名","lastName":"账单姓","email":"abse@ushareit.com","phone":"182927192799","address1":"账单地址1",
		"address2":"账单地址2","city":"账单地址所在城市","region":"账单地址所在区域","state":"账单地址所在州","country":"地址","zipCode":"710603"}}`

// javaTradeOrder is a TradeOrderRequest. The class has two getters for the URL that the buyer
// returns to, so fastjson writes both.
var javaTradeOrder = javaBean{
	"outTradeNo": "P1", "integrate": "Hosted_Checkout", "subject": "Shoes", "totalAmount": "10000", "currency": "IDR", "country": "ID", "userId": "U1",
	"frontCallbackURL": "https://shop.example/paid", "frontCallbackUrl": "https://shop.example/paid", "notifyUrl": "https://shop.example/payermax",
	"paymentDetail": javaBean{"paymentMethod": "CARD", "paymentMethodType": "CARD"},
	"subMerchant":   javaBean{"subMerchantNo": "S1", "subMerchantName": "Shop"}, "separateIndicate": "N",
}

// wooOrder is the order that api/Api.php builds: strings for all amounts, no integrate, no phone
// number and no email for the shipment, and "" for what WooCommerce does not know.
// github.com/shareit-payermax/woocommerce-gateway-payermax@2211e964 api/Api.php
const wooOrder = `{"outTradeNo":"P1","subject":"Shoes","totalAmount":"19.99","currency":"USD","country":"US","userId":"NA",
	"paymentDetail":{"paymentMethod":"CARD"},"goodsDetails":[{"goodsId":"7","goodsName":"Shoes","quantity":"1","price":"19.99"}],
	"shippingInfo":{"firstName":"James","lastName":"Smith","address1":"Street 1","city":"Ankara","state":"","country":"TR","zipCode":"06700"},
	"billingInfo":{"firstName":"James","lastName":"Smith","phoneNo":"903124360628","email":"james@shop.example","address1":"Street 1","city":"Ankara",
		"state":"","country":"TR","zipCode":"06700"},
	"language":"en","reference":"12","frontCallbackUrl":"https://shop.example/paid","notifyUrl":"https://shop.example/wc-api/payermax/"}`

// xnevzOrder is what payermax_get_secure_url builds for an order without a customer and without a
// country of shipment.
// github.com/xnevz/Payermax_woocommerce@40bbb429 api/App.php
const xnevzOrder = `{"outTradeNo":"wc_order_Ab1Cd2Ef3Gh4I1662115609","subject":"Buying goods","totalAmount":"19.99","currency":"USD","country":"SA",
	"userId":"0","language":"ar","frontCallbackURL":"https://shop.example/checkout/order-received/12/?key=wc_order_Ab1Cd2Ef3Gh4I",
	"notifyUrl":"https://shop.example?wc-api=payermax&nonce=0a1b2c3d4e5f&order_id=12"}`

// laravelOrder is what PayermaxPayment::pay sends, with its members in the order of ksort.
// github.com/Nafezly/payments@1410ce99 src/Classes/PayermaxPayment.php
const laravelOrder = `{"country":"US","currency":"USD","email":"james@shop.example","frontCallbackURL":"https://shop.example/payments/verify/payermax/P1",` +
	`"language":"en","notifyUrl":"https://shop.example/payments/verify/payermax/P1","outTradeNo":"P1","subject":"Payment","totalAmount":"19.99","userId":"U1"}`

// communityOrder is an OrderAndPayApiReqData. Without goods, the slice that it always sends is
// null.
// github.com/TIZ36/payermax-sdk-go@e31a60e4 api/order_and_pay.go
const communityOrder = `{"outTradeNo":"P1","integrate":"Hosted_Checkout","subject":"Shoes","totalAmount":19.99,"currency":"USD","country":"US",` +
	`"userId":"U1","frontCallbackURL":"https://shop.example/paid","notifyUrl":"https://shop.example/payermax","goodsDetails":null}`

func javaSends(endpoint string, data javaBean) func(sdkConfig) sdkCall {
	return func(c sdkConfig) sdkCall { return javaTyped(c, endpoint, data) }
}

func goSends(endpoint, data string) func(sdkConfig) sdkCall {
	return func(c sdkConfig) sdkCall { return goSDK.send(c, endpoint, data) }
}

func phpSends(endpoint, data string) func(sdkConfig) sdkCall {
	return func(c sdkConfig) sdkCall { return phpSDK.send(c, endpoint, data) }
}

// wooSends sends like Api::wc_post and Request::curl: the version 1.0 envelope, encoded by
// json_encode, over curl.
func wooSends(endpoint, data string) func(sdkConfig) sdkCall {
	return func(c sdkConfig) sdkCall {
		body := jsonEncode(phpArray{
			names: []string{"version", "keyVersion", "requestTime", "merchantAppId", "merchantNo", "data"},
			values: map[string]any{
				"version": "1.0", "keyVersion": "1", "requestTime": c.now.Format("2006-01-02T15:04:05.000-07:00"),
				"merchantAppId": c.appID, "merchantNo": c.merchantNo, "data": jsonDecode(data),
			},
		})
		return sdkCall{c.base + "/" + endpoint, []string{"Accept: */*", "Content-Type: application/json", "sign: " + sign(c.key, []byte(body))}, body}
	}
}

// olderPHPSends sends like the PHP SDK of 2022, of which that plugin contains a copy, with the
// version 1.0 envelope.
// github.com/xnevz/Payermax_woocommerce@40bbb429 api/src/client/PayermaxClient.php
func olderPHPSends(endpoint, data string) func(sdkConfig) sdkCall {
	return func(c sdkConfig) sdkCall {
		body := jsonEncode(phpArray{
			names: []string{"requestTime", "version", "merchantAppId", "merchantNo", "keyVersion", "data"},
			values: map[string]any{
				"requestTime": c.now.Format("2006-01-02T15:04:05.000-07:00"), "version": "1.0",
				"merchantAppId": c.appID, "merchantNo": c.merchantNo, "keyVersion": "1", "data": jsonDecode(data),
			},
		})
		fields := []string{"User-Agent: GuzzleHttp/7", "sign: " + sign(c.key, []byte(body)), "content-type: application/json"}
		return sdkCall{resolve(c.base, "/aggregate-pay/api/gateway/"+endpoint), fields, body}
	}
}

// laravelSends sends like formatJsonString, which sorts the members and encodes each array
// separately, so that data becomes a string, and like Laravel's HTTP client, which is Guzzle.
func laravelSends(endpoint, data string) func(sdkConfig) sdkCall {
	return func(c sdkConfig) sdkCall {
		encoded, err := json.Marshal(data)
		if err != nil {
			panic(err)
		}
		body := `{"appId":"` + c.appID + `","data":` + string(encoded) + `,"keyVersion":"1","merchantNo":"` + c.merchantNo +
			`","requestTime":"` + c.now.Format("2006-01-02T15:04:05.000-07:00") + `","version":"1.4"}`
		return sdkCall{c.base + "/" + endpoint, []string{
			"User-Agent: GuzzleHttp/7", "Accept: application/json", "Content-Type: application/json", "sign: " + sign(c.key, []byte(body)),
		}, body}
	}
}

// communitySends sends like DefaultPayerMaxClient.SendRequest, which uses resty.
func communitySends(endpoint, data string) func(sdkConfig) sdkCall {
	return func(c sdkConfig) sdkCall {
		body := `{"version":"1.4","keyVersion":"1","requestTime":"` + c.now.UTC().Format("2006-01-02T15:04:05.000Z07:00") +
			`","appId":"` + c.appID + `","merchantNo":"` + c.merchantNo + `","data":` + data + `}`
		return sdkCall{c.base + "/" + endpoint, []string{
			"User-Agent: go-resty/2.11.0 (https://github.com/go-resty/resty)", "Content-Type: application/json",
			"Sign: " + sign(c.key, []byte(body)), "Accept-Encoding: gzip",
		}, body}
	}
}

// nullSends sends like any client with its own envelope that writes null and "" for missing values.
func nullSends(endpoint, data string) func(sdkConfig) sdkCall {
	return func(c sdkConfig) sdkCall {
		body := `{"version":"1.5","keyVersion":"1","requestTime":"` + c.now.UTC().Format("2006-01-02T15:04:05.000-07:00") +
			`","appId":"` + c.appID + `","merchantNo":"` + c.merchantNo + `","spMerchantNo":null,"data":` + data + `}`
		return sdkCall{c.base + "/" + endpoint, []string{"Content-Type: application/json; charset=utf-8", "sign: " + sign(c.key, []byte(body))}, body}
	}
}
