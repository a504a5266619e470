package validate

// subscriptionPlan binds a payment method to a subscription. There are three ways: PayerMax
// manages a plan that was made by subscriptionCreate (subscriptionNo); the merchant manages a
// plan, and describes it when it begins; or the merchant charges a later period of it
// (merchantSubscriptionNo and the fields after it, which are in PayerMax's integration guide
// but not in its table).
//
// The Type of every count is string, but every example sends a number.
var subscriptionPlan = newTable(cashierOrder,
	field{ // required on the pages for auth-capture
		name: "subscriptionNo", source: captureCashier, kind: text, maxLength: 64, decides: true,
		requiredWhen: is("captureMode", "MANUAL"), disputes: []dispute{leftOut(planGuides)},
	},
	field{name: "subject", kind: text, requiredWhen: planBegins},
	field{name: "description", kind: text, requiredWhen: planBegins},
	field{name: "totalPeriods", kind: text, requiredWhen: planBegins, check: wholeNumber, disputes: counted, expects: "a number of periods, such as 12"},
	field{name: "firstPeriodStartDate", kind: text}, // deprecated, and absent from newer examples
	field{
		name: "periodRule", kind: object, requiredWhen: planBegins, expects: "an object with periodUnit and periodCount",
		members: newTable(cashierOrder,
			field{
				name: "periodUnit", kind: text, required: true, enum: []string{"D", "W", "M", "Y"},
				expects: "D, W, M or Y, for days, weeks, months or years",
			},
			field{name: "periodCount", kind: text, required: true, check: wholeNumber, disputes: counted, expects: "a number of units, such as 1"},
		),
	},
	field{ // Type: object|null
		name: "periodAmount", kind: object, requiredWhen: planBegins, members: amountWithCurrency,
		expects: "an object with amount and currency",
	},
	field{ // Type: object|null
		name: "trialPeriodConfig", kind: object, expects: "an object with trialPeriodCount and trialPeriodAmount",
		members: newTable(cashierOrder,
			field{name: "trialPeriodCount", kind: text, required: true, check: wholeNumber, disputes: counted, expects: "a number of periods, such as 1"},
			field{
				name: "trialPeriodAmount", kind: object, required: true, expects: "an object with amount and currency",
				// Both are optional in the table, but neither has a meaning alone.
				members: newTable(cashierOrder,
					amountRow(field{requiredWhen: with("currency"), kind: number, disputes: []dispute{sentAs(text, trialTable)}}),
					currencyRow(field{requiredWhen: with("amount")}),
				),
			},
		),
	},
	field{ // Type: object|null
		name: "trialConfig", kind: object, expects: "an object with trialAmount and trialDays",
		members: newTable(cashierOrder,
			field{
				name: "trialAmount", kind: object, required: true, expects: "an object with amount and currency",
				members: newTable(cashierOrder,
					amountRow(field{required: true, kind: text, disputes: []dispute{sentAs(number, planGuides)}}),
					currencyRow(field{required: true}),
				),
			},
			field{name: "trialDays", kind: text, required: true, check: wholeNumber, disputes: counted, expects: "a number of days, such as 7"},
		),
	},
	field{name: "merchantSubscriptionNo", source: laterCharge, kind: text, decides: true},
	field{name: "deductNo", source: laterCharge, kind: text},
	field{name: "currentPeriod", source: laterCharge, kind: text, check: wholeNumber, disputes: counted, expects: "the number of the period, such as 2"},
	field{name: "startTime", source: laterCharge, kind: text},
	field{name: "endTime", source: laterCharge, kind: text},
)

// counted are the disputes for the rows of counts.
var counted = []dispute{sentAs(number, planGuides)}

// trialTable is the only amount of a plan whose Type is string.
const trialTable = cashierOrder + ", trialConfig.trialAmount.amount"

// amountWithCurrency is an amount of a plan. A plan's amounts are moved later, by charges
// that this order authorises.
var amountWithCurrency = newTable(cashierOrder,
	amountRow(field{required: true, kind: number, disputes: []dispute{sentAs(text, trialTable)}}),
	currencyRow(field{required: true}),
)

// amountRow completes the row of a plan's amount. The examples send numbers for all of them.
func amountRow(f field) field {
	f.name, f.check, f.moves = "amount", amountOrZero, "currency"
	f.expects = `an amount such as 19.99 or "19.99"`
	return f
}

// currencyRow completes the row of a plan's currency.
func currencyRow(f field) field {
	f.name, f.kind, f.check, f.covered = "currency", text, currencyCode, currencies
	f.expects = `3 capital letters, such as "IDR"`
	return f
}

// planBegins makes a field required for a plan that the merchant manages: "required when the
// merchant manages the plan". Later charges of the plan have a number instead.
var planBegins = &condition{
	says: "when no subscriptionNo is sent",
	holds: func(siblings *members) bool {
		return !siblings.filled("subscriptionNo") &&
			!siblings.filled("merchantSubscriptionNo") && !siblings.filled("deductNo")
	},
}
