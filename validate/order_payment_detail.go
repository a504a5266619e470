package validate

// paymentDetail says how an order is paid. With Direct_Payment there are three ways that do
// not need the user's card number here: the tokens of Drop-In's components (paymentToken and
// sessionKey), the token of an earlier payment (paymentTokenID), and methods that the user
// completes elsewhere (paymentMethodType, targetOrg).
var paymentDetail = newTable(cashierOrder,
	field{ // "from the component's canMakePayment"; no length on the page
		name: "paymentToken", source: dropInOrder, kind: text, decides: true, requiredWhen: dropInWith("sessionKey"),
		expects: "the paymentToken that the component's canMakePayment returned, or pay another way, with paymentMethodType or paymentTokenID",
	},
	field{
		name: "sessionKey", source: dropInOrder, kind: text, decides: true, requiredWhen: dropInWith("paymentToken"),
		expects: "the sessionKey of applyDropinSession",
	},
	field{
		name: "paymentTokenID", kind: text, maxLength: 64, requiredWhen: chargedWithoutTheUser, decides: true,
		aliases: []alias{{"paymentTokenId", communityGo}},
		expects: "the token of an earlier payment, a string of at most 64 characters",
	},
	field{
		// Required on the direct page. The sentence "If targetOrg is specified,
		// paymentMethodType must be specified as well" is from the cashier page.
		name: "paymentMethodType", kind: text, maxLength: 16, requiredWhen: with("targetOrg"), covered: components,
		expects: `a payment method type such as "CARD", at most 16 characters`,
	},
	field{name: "targetOrg", kind: text, maxLength: 16, disputes: []dispute{longer(directOrder, 32)}},
	field{
		name: "allowedCardOrg", kind: array, items: &field{kind: text, expects: `a card organisation such as "VISA"`},
		expects: `an array of card organisations, such as ["VISA"]`,
	},
	field{
		// A community client sends a single account here instead of a list.
		name: "payAccountInfo", kind: array, expects: "an array of accounts",
		items: &field{
			kind: object, expects: "an object with accountNo and accountNoType",
			members: newTable(cashierOrder,
				field{name: "accountNo", kind: text, maxLength: 32},
				field{ // maxLength 255; no list of words on the direct page
					name: "accountNoType", kind: text, enum: []string{"EMAIL", "PHONE", "ACCOUNT"},
					disputes: []dispute{spelled(directOrder)},
				},
			),
		},
	},
	field{
		name: "cardInfo", source: directOrder, decides: true, kind: object, expects: "an object with the card's number, name and dates",
		members: newTable(directOrder,
			field{name: "cardIdentifierNo", kind: text, maxLength: 19},
			field{name: "cardHolderFullName", kind: text, maxLength: 64},
			field{name: "cardExpirationMonth", kind: text, maxLength: 2},
			field{name: "cardExpirationYear", kind: text, maxLength: 2},
			field{name: "cvv", kind: text, maxLength: 4},
			field{name: "stored", kind: text, maxLength: 1},
			field{name: "dynamic3DS", kind: text, maxLength: 64},
		),
	},
	field{
		// The guides' examples for Drop-In always include it.
		name: "buyerInfo", source: directOrder, kind: object, members: buyerInfo, requiredWhen: directPayment,
		disputes: []dispute{leftOut(walletGuides).unless(dropIn)},
		expects:  "an object with the user's clientIp and userAgent",
	},
	field{
		name: "tokenForFutureUse", kind: boolean, decides: true,
		expects: "true or false without quotes, or omit it",
	},
	field{
		name: "merchantInitiated", kind: boolean, decides: true,
		expects: "true or false without quotes, or omit it",
	},
	field{ // maxLength 16 on the cashier page, whose text names the same values
		name: "mitType", source: directOrder, kind: text, enum: []string{"SCHEDULED", "UNSCHEDULED"}, decides: true,
	},
	field{
		name: "info3DSecure", source: directOrder, kind: object, expects: "an object with the result of your own 3-D Secure",
		members: newTable(directOrder,
			field{name: "threeDSVersion", kind: text},
			field{name: "eci", kind: text},
			field{name: "cavv", kind: text},
			field{name: "dsTransactionId", kind: text},
			field{name: "xid", kind: text},
		),
	},
	field{
		name: "applePayPaymentData", source: directOrder, kind: object, expects: "an object with Apple Pay's decrypted token",
		members: newTable(directOrder,
			field{name: "applicationExpirationDate", kind: text},
			field{name: "applicationPrimaryAccountNumber", kind: text},
			field{name: "currencyCode", kind: text}, // numeric, of ISO 4217
			field{name: "deviceManufacturerIdentifier", kind: text},
			field{
				name: "paymentData", kind: object, expects: "an object with eciIndicator and onlinePaymentCryptogram",
				members: newTable(directOrder,
					field{name: "eciIndicator", kind: text},
					field{name: "onlinePaymentCryptogram", kind: text},
				),
			},
			field{name: "paymentDataType", kind: text},
			field{name: "transactionAmount", kind: text}, // signed by the wallet; totalAmount is what is paid
			field{name: "network", kind: text, required: true, disputes: []dispute{leftOut(directExamples)}},
			field{name: "type", kind: text, required: true, disputes: []dispute{leftOut(directExamples)}},
			field{name: "displayName", kind: text},
		),
	},
	field{ // the example has eciIndicator and cryptogram instead of cardNetwork
		name: "googlePayDetails", source: directOrder, kind: object, expects: "an object with Google Pay's decrypted token",
		members: newTable(directOrder,
			field{name: "authMethod", kind: text},
			field{name: "pan", kind: text},
			field{name: "expirationMonth", kind: text},
			field{name: "expirationYear", kind: text},
			field{name: "cryptogram", source: directExamples, kind: text},
			field{name: "eciIndicator", source: directExamples, kind: text},
			field{name: "description", kind: text},
			field{name: "cardNetwork", kind: text, required: true, disputes: []dispute{leftOut(directExamples)}},
			field{name: "cardHolderFullName", kind: text},
		),
	},
)

// buyerInfo is the user who pays. The cashier page does not have it: the cashier asks the
// user itself for what it needs.
var buyerInfo = newTable(directOrder,
	field{
		name: "clientIp", kind: text, requiredWhen: directPayment, check: ipAddress,
		expects: `the user's IP address, such as "59.82.59.92"`,
	},
	field{
		name: "userAgent", kind: text, requiredWhen: directPayment,
		expects: "the User-Agent of the user's browser",
	},
	field{name: "firstName", kind: text, maxLength: 64},
	field{name: "middleName", kind: text, maxLength: 64},
	field{name: "lastName", kind: text, maxLength: 64},
	field{name: "email", kind: text, maxLength: 255},
	field{name: "phoneNo", kind: text, maxLength: 32},
	field{name: "phoneNoRegion", kind: text, maxLength: 16},
	field{name: "idType", kind: text, maxLength: 32},
	field{name: "idNo", kind: text, maxLength: 64},
	field{name: "taxType", kind: text, maxLength: 32},
	field{name: "taxNo", kind: text, maxLength: 64},
	field{name: "address", kind: text, maxLength: 1024},
	field{name: "city", kind: text, maxLength: 64},
	field{name: "region", kind: text, maxLength: 64},
	field{name: "zipCode", kind: text, maxLength: 32},
)

// dropIn makes a field required if either of Drop-In's tokens is sent.
var dropIn = &condition{
	says: "to pay with Drop-In",
	holds: func(siblings *members) bool {
		return siblings.filled("sessionKey") || siblings.filled("paymentToken")
	},
}

// dropInWith makes one of Drop-In's two tokens required with the other. A direct payment that
// names no other way to pay can only be Drop-In.
func dropInWith(other string) *condition {
	return &condition{
		says: "together with " + other + " to pay with Drop-In",
		holds: func(siblings *members) bool {
			return siblings.filled(other) ||
				directPayment.holds(siblings) && !siblings.filled("paymentMethodType") && !siblings.filled("paymentTokenID")
		},
	}
}

// chargedWithoutTheUser makes paymentTokenID required: "for a token payment or a later charge
// of the merchant's". Merchants that store cards themselves send the card instead.
var chargedWithoutTheUser = &condition{
	says: "when merchantInitiated is true",
	holds: func(siblings *members) bool {
		return siblings.isTrue("merchantInitiated") && !siblings.filled("cardInfo")
	},
}
