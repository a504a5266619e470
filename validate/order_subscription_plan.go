package validate

// subscriptionPlan binds a payment method to a subscription. There are three
// ways: PayerMax manages a plan that subscriptionCreate made (subscriptionNo);
// the merchant manages one, and describes it when it begins; and the merchant
// charges a period of it later (merchantSubscriptionNo and what follows, which
// PayerMax's integration guide has and its table does not).
//
// The Type of every count is string, and every example sends a number.
var subscriptionPlan = newTable(
	field{name: "subscriptionNo", kind: text, maxLength: 64},
	field{name: "subject", kind: text, requiredWhen: planBegins},
	field{name: "description", kind: text, requiredWhen: planBegins},
	field{name: "totalPeriods", kind: numeric, requiredWhen: planBegins, check: wholeNumber, expects: "a number of periods, such as 12"},
	field{name: "firstPeriodStartDate", kind: text}, // deprecated, and absent from newer examples
	field{
		name: "periodRule", kind: object, requiredWhen: planBegins, expects: "an object with periodUnit and periodCount",
		members: newTable(
			field{
				name: "periodUnit", kind: text, required: true, enum: []string{"D", "W", "M", "Y"},
				expects: "D, W, M or Y, for days, weeks, months or years",
			},
			field{name: "periodCount", kind: numeric, required: true, check: wholeNumber, expects: "a number of units, such as 1"},
		),
	},
	field{ // Type: object|null
		name: "periodAmount", kind: object, nullable: true, requiredWhen: planBegins, members: amountWithCurrency,
		expects: "an object with amount and currency",
	},
	field{ // Type: object|null
		name: "trialPeriodConfig", kind: object, nullable: true, expects: "an object with trialPeriodCount and trialPeriodAmount",
		members: newTable(
			field{name: "trialPeriodCount", kind: numeric, required: true, check: wholeNumber, expects: "a number of periods, such as 1"},
			field{
				name: "trialPeriodAmount", kind: object, required: true, expects: "an object with amount and currency",
				// Both are optional in the table, but one says nothing alone.
				members: newTable(
					amountRow(field{requiredWhen: with("currency")}),
					currencyRow(field{requiredWhen: with("amount")}),
				),
			},
		),
	},
	field{ // Type: object|null
		name: "trialConfig", kind: object, nullable: true, expects: "an object with trialAmount and trialDays",
		members: newTable(
			field{
				name: "trialAmount", kind: object, required: true, members: amountWithCurrency,
				expects: "an object with amount and currency",
			},
			field{name: "trialDays", kind: numeric, required: true, check: wholeNumber, expects: "a number of days, such as 7"},
		),
	},
	field{name: "merchantSubscriptionNo", kind: text},
	field{name: "deductNo", kind: text},
	field{name: "currentPeriod", kind: numeric, check: wholeNumber, expects: "the number of the period, such as 2"},
	field{name: "startTime", kind: text},
	field{name: "endTime", kind: text},
)

// amountWithCurrency is an amount of a plan. The amounts of a plan are moved
// later, by charges that this order authorises.
var amountWithCurrency = newTable(
	amountRow(field{required: true}),
	currencyRow(field{required: true}),
)

// amountRow completes the row of a plan's amount. Its Type is number but for
// trialAmount, where it is string; the examples send numbers for all.
func amountRow(f field) field {
	f.name, f.kind, f.check, f.moves = "amount", numeric, amountOfPlan, "currency"
	f.expects = `an amount such as 19.99 or "19.99"`
	return f
}

// currencyRow completes the row of a plan's currency.
func currencyRow(f field) field {
	f.name, f.kind, f.check, f.covered = "currency", text, currencyCode, currencies
	f.expects = `3 capital letters, such as "IDR"`
	return f
}

// planBegins makes a field required for a plan that the merchant manages:
// "required when the merchant manages the plan", in whose later charges there is
// a number instead.
var planBegins = &condition{
	says: "when no subscriptionNo is sent",
	holds: func(siblings *members) bool {
		return !siblings.filled("subscriptionNo") &&
			!siblings.filled("merchantSubscriptionNo") && !siblings.filled("deductNo")
	},
}
