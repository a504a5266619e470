package validate

// The data block of POST /aggregate-pay/api/gateway/applyDropinSession, which
// opens a session for PayerMax's Drop-In payment components.
//
// PayerMax publishes two tables that contradict each other about totalAmount. The version
// that the merchant declares decides whether it is required. Both tables leave its JSON type
// to the client: the table of 1.5 says number, and every published body that declares 1.5
// sends a string.

// applyDropinSession15 is the table of the English page, version 1.5:
// https://docs.payermax.com/public/api/New%20Version/en/v1.0/aggregate-pay_api_gateway_applyDropinSession.html
//
// The page's own example omits totalAmount although the table requires it. Here the table is
// followed.
var applyDropinSession15 = newTable(session15Page,
	field{
		name: "totalAmount", kind: number, required: true, check: amountOfSession, moves: "currency", announced: true,
		disputes:  []dispute{sentAs(text, sessionGuides), aboveZero(sessionTable)},
		expects:   `an amount such as 19.99 or "19.99"`,
		otherwise: "configure API version 1.6, where it is optional",
	},
	field{
		name: "mitType", kind: text, maxLength: 64, decides: true,
		expects: `a string of at most 64 characters, such as "UNSCHEDULED"`,
	},
	field{ // maxLength 3, "capital letter"
		name: "currency", kind: text, required: true, check: currencyCode, covered: currencies,
		expects: `3 capital letters, such as "IDR"`,
	},
	field{ // maxLength 2, "capital letters"
		name: "country", kind: text, required: true, check: countryCode, covered: countries,
		expects: `2 capital letters, such as "ID"`,
	},
	userID,
	referralCode,
	field{
		name: "tokenForFutureUse", kind: boolean, decides: true,
		disputes: []dispute{sentAs(text, javaClasses, "true", "false")},
		expects:  "true or false without quotes, or omit it",
	},
	field{ // array[string] without an enum; an empty string names no component
		name: "componentList", kind: array,
		items: &field{
			kind: text, required: true, covered: components,
			expects: `a payment method type such as "CARD"`,
		},
		expects: `an array of payment method types, such as ["CARD","APPLEPAY"]`,
	},
)

// applyDropinSession16 is the table of version 1.6: the Chinese page and
// PayerMax's own OpenAPI file, api.json in the payermax-server-sdk repository
// (March 2026).
var applyDropinSession16 = newTable(sessionTable,
	field{
		name: "totalAmount", kind: text, check: amountOfSession, moves: "currency", announced: true,
		disputes: []dispute{sentAs(number, session15Page)},
		expects:  `an amount such as "19.99" or 19.99, or omit it`,
	},
	field{
		// Both versions of this table spell it UNSCHDULED; the subscription guide for this
		// very endpoint and the orderAndPay table say UNSCHEDULED. Which of them the gateway
		// accepts is not documented, so both pass.
		name: "mitType", kind: text, enum: []string{"SCHEDULED", "UNSCHDULED"}, decides: true,
		disputes: []dispute{spelled(sessionGuides, "UNSCHEDULED")},
		expects:  "SCHEDULED or UNSCHEDULED",
	},
	// The auth-capture variant of the page, which is the same endpoint, adds
	// captureMode and authorizationType with these values only.
	field{
		name: "captureMode", source: captureSession, kind: text, enum: []string{"MANUAL"}, decides: true,
		expects: "MANUAL, or omit it",
	},
	field{
		name: "authorizationType", source: captureSession, kind: text, enum: []string{"FINAL_AUTH"}, decides: true,
		expects: "FINAL_AUTH, or omit it",
	},
	field{ // maxLength 3, capital letters
		name: "currency", kind: text, required: true, check: currencyCode, covered: currencies,
		expects: `3 capital letters, such as "IDR"`,
	},
	field{ // maxLength 2, capital letters
		name: "country", kind: text, required: true, check: countryCode, covered: countries,
		expects: `2 capital letters, such as "ID"`,
	},
	userID,
	referralCode,
	field{ // Type: boolean|null
		name: "tokenForFutureUse", kind: boolean, decides: true,
		disputes: []dispute{sentAs(text, javaClasses, "true", "false")},
		expects:  "true or false without quotes, or omit it",
	},
	field{
		name: "componentList", kind: array,
		items: &field{
			kind: text, enum: []string{"CARD", "APPLEPAY", "GOOGLEPAY"}, covered: components,
			expects: "CARD, APPLEPAY or GOOGLEPAY",
		},
		expects: `an array of CARD, APPLEPAY and GOOGLEPAY, such as ["CARD","APPLEPAY"]`,
	},
)

// The rows that are the same in both versions.
var (
	// userID must be unique for each user: PayerMax uses it to recommend a user's saved
	// cards, so a shared ID shows them to others. No rule can detect that.
	userID = field{
		name: "userId", kind: text, required: true, maxLength: 64, decides: true,
		expects: "the merchant's own ID of the user, a string of 1 to 64 characters",
	}

	referralCode = field{
		name: "referralCode", kind: text, maxLength: 32,
		expects: "a string of at most 32 characters, such as a device ID",
	}
)
