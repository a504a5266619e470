package validate

// The data block of POST /aggregate-pay/api/gateway/orderAndPay, which pays an
// order.
//
// PayerMax publishes this one path on several pages, by integration: the cashier (integrate
// Hosted_Checkout), direct API and Drop-In (integrate Direct_Payment), and each of the three
// again for auth-capture. A suffix in the address of a page, such as
// orderAndPay(for-drop-dont-copy-me), is not part of the path. The gateway cannot know which
// page was read, so this is one table for every integration. A row is required if all pages
// agree on it, or under the condition that distinguishes the integrations. The largest
// maxLength counts. If an example of PayerMax contradicts one of its tables, the example
// passes, and the row says so.

// orderAndPay14 is the table of PayerMax's own OpenAPI file, api.json in the
// payermax-server-sdk repository (March 2026), which declares version 1.4.
var orderAndPay14 = newTable(cashierOrder,
	field{
		name: "outTradeNo", kind: text, required: true, maxLength: 64, check: orderNumber, decides: true,
		expects: "the merchant's own number of the order, 1 to 64 letters, digits and underscores",
	},
	field{
		name: "integrate", kind: text, required: true, enum: []string{"Hosted_Checkout", "Direct_Payment"}, decides: true,
		disputes: []dispute{leftOut(sdkReadmes)}, // and the WooCommerce plugin
		expects:  "Direct_Payment for Drop-In and direct API, or Hosted_Checkout for the cashier",
	},
	captureMode,
	authorizationType,
	field{
		name: "subject", kind: text, required: true, maxLength: 256,
		expects: "the title of the order, a string of 1 to 256 characters",
	},
	field{
		name: "totalAmount", kind: number, required: true, check: amountOfOrder, moves: "currency",
		disputes: []dispute{sentAs(text, directExamples)}, // and the READMEs of the SDKs
		expects:  `an amount such as 19.99 or "19.99"`,
	},
	field{ // maxLength 3, capital letters
		name: "currency", kind: text, required: true, check: currencyCode, covered: currencies,
		expects: `3 capital letters, such as "IDR"`,
	},
	field{ // maxLength 2, capital letters; required on the Drop-In and direct pages
		name: "country", source: directOrder, kind: text, requiredWhen: directPayment, check: countryOfOrder, covered: countries,
		disputes: []dispute{leftOut(planGuides)},
		expects:  `2 capital letters, such as "ID"`,
	},
	userID,
	field{
		name: "expireTime", kind: text, check: wholeSeconds,
		expects: `whole seconds in a string, such as "1800"`,
	},
	referralCode,
	field{ // marked optional in the subscription guides' examples for Drop-In
		name: "mitManagementUrl", source: dropInOrder, kind: text, requiredWhen: paidWithDropIn, check: webURL,
		disputes: []dispute{leftOut(dropInExample)},
		expects:  `an absolute URL, such as "https://shop.example/subscriptions"`,
	},
	field{
		name: "subscriptionPlan", kind: object, members: subscriptionPlan,
		expects: "an object with a subscriptionNo, or with a plan of your own",
	},
	field{
		name: "paymentDetail", kind: object, members: paymentDetail, requiredWhen: directPayment,
		expects: "an object that says how the order is paid, with paymentToken and sessionKey for Drop-In",
	},
	field{
		name: "goodsDetails", kind: array, expects: "an array of goods",
		items: &field{kind: object, members: goods, expects: "an object with goodsId, goodsName, quantity and price"},
	},
	field{
		name: "subMerchant", kind: object, expects: "an object with subMerchantNo",
		members: newTable(cashierOrder, field{name: "subMerchantNo", kind: text, maxLength: 64, decides: true}),
	},
	field{name: "shippingInfo", kind: object, members: shippingInfo, expects: "an object with a name and an address"},
	field{name: "billingInfo", kind: object, members: billingInfo, expects: "an object with an email and an address"},
	field{
		name: "envInfo", kind: object, expects: `an object such as {"deviceLanguage":"en"}`,
		members: newTable(cashierOrder,
			field{name: "deviceId", kind: text},
			field{name: "deviceLanguage", kind: text},
			field{name: "screenHeight", kind: text, disputes: []dispute{sentAs(number, directExamples)}},
			field{name: "screenWidth", kind: text, disputes: []dispute{sentAs(number, directExamples)}},
		),
	},
	field{name: "language", kind: text, maxLength: 16},
	field{ // its content is agreed with PayerMax's risk control
		name: "riskParams", kind: object, members: newTable(cashierOrder),
	},
	field{ // maxLength 3; only on the direct and Drop-In pages
		name: "terminalType", source: directOrder, kind: text, requiredWhen: directPayment, enum: []string{"WEB", "WAP", "APP"},
	},
	field{ // "ANDROID or IOS", which the Drop-In page spells Andriod: no enum
		name: "osType", source: directOrder, kind: text,
	},
	field{name: "reference", kind: text, maxLength: 512},
	field{
		// PayerMax's Java class TradeOrderRequest writes both names, with one value.
		name: "frontCallbackUrl", kind: text, requiredWhen: is("integrate", "Hosted_Checkout"), maxLength: 1024, check: appURL,
		aliases: []alias{{"frontCallbackURL", javaClasses + ".TradeOrderRequest"}},
		expects: `the URL that the user comes back to, such as "https://shop.example/paid", at most 1024 characters`,
	},
	field{ // a second one could decide who is notified of the payment
		name: "notifyUrl", kind: text, maxLength: 256, check: webURL, decides: true,
		expects: `an absolute URL, such as "https://shop.example/payermax/callback", at most 256 characters`,
	},
)

// directPayment makes a field required for orders that are not paid on
// PayerMax's own page.
var directPayment = is("integrate", "Direct_Payment")

// paidWithDropIn makes a field required for orders that are paid with the tokens of a Drop-In
// component.
var paidWithDropIn = &condition{
	says:  "to pay with Drop-In",
	holds: func(siblings *members) bool { return dropIn.holds(siblings.object("paymentDetail")) },
}

// amountOfOrder judges totalAmount, number or string. The guides say when it may be 0: when a
// payment method is bound for later charges (mitType), and when a subscription begins with a
// free trial. A charge that the merchant initiates "must be greater than 0".
var amountOfOrder = amountWithZero(func(w *walker, v value) {
	detail := v.siblings.object("paymentDetail")
	switch {
	case detail.isTrue("merchantInitiated"):
		w.report(ruleMinimum, "must be greater than 0 when merchantInitiated is true; send the amount to charge")
	case !detail.filled("mitType") && !v.siblings.filled("subscriptionPlan"):
		w.report(ruleMinimum, "must be greater than 0 when neither mitType nor a subscriptionPlan is sent; send the amount")
	}
})

// The rows for auth-capture. PayerMax documents only these values.
var (
	captureMode = field{
		// Required on the direct page for auth-capture and optional on the other two. No
		// example has authorizationType without it, which would mean to authorise and capture
		// at once.
		name: "captureMode", source: captureCashier, kind: text, requiredWhen: with("authorizationType"), enum: []string{"MANUAL"}, decides: true,
	}

	authorizationType = field{name: "authorizationType", source: captureCashier, kind: text, enum: []string{"FINAL_AUTH"}, decides: true}
)
