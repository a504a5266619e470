package validate

// goods is one of the things that an order pays for. "If the object is sent, its
// required fields must be sent."
var goods = newTable(
	field{name: "goodsId", kind: text, required: true, maxLength: 64},
	field{name: "goodsName", kind: text, required: true, maxLength: 128},
	field{name: "quantity", kind: text, required: true, maxLength: 16},
	field{name: "price", kind: text, required: true, maxLength: 20}, // the merchant's quote, which nothing is charged by
	field{ // maxLength 3, capital letters
		name: "goodsCurrency", kind: text, check: currencyCode,
		expects: `3 capital letters, such as "IDR"`,
	},
	// No form is stated for the address, and the README of PayerMax's Go SDK
	// sends one that starts with httpw://.
	field{name: "showUrl", kind: text, maxLength: 128},
	field{name: "goodsCategory", kind: text, maxLength: 128}, // 64 on the cashier page
)

// shippingInfo is where the goods are sent.
var shippingInfo = newTable(
	field{name: "firstName", kind: text, required: true, maxLength: 64},
	field{name: "middleName", kind: text, maxLength: 64},
	field{name: "lastName", kind: text, required: true, maxLength: 64},
	field{name: "phoneNo", kind: text, required: true, maxLength: 32},
	field{name: "email", kind: text, required: true, maxLength: 255},
	field{name: "address1", kind: text, required: true, maxLength: 1024},
	field{name: "address2", kind: text, maxLength: 1024},
	field{name: "address3", kind: text, maxLength: 1024},
	field{name: "city", kind: text, required: true, maxLength: 64},
	field{name: "region", kind: text, maxLength: 64},
	field{name: "state", kind: text, maxLength: 32},
	field{ // maxLength 2
		name: "country", kind: text, required: true, check: countryCode,
		expects: `2 capital letters, such as "ID"`,
	},
	field{name: "zipCode", kind: text, required: true, maxLength: 32},
)

// billingInfo is where the card is billed.
var billingInfo = newTable(
	field{name: "firstName", kind: text, maxLength: 64},
	field{name: "middleName", kind: text, maxLength: 64},
	field{name: "lastName", kind: text, maxLength: 64},
	field{name: "phoneNo", kind: text, maxLength: 32},
	field{name: "phoneNoRegion", kind: text, maxLength: 16},
	field{name: "email", kind: text, required: true, maxLength: 255},
	field{name: "address1", kind: text, required: true, maxLength: 1024},
	field{name: "address2", kind: text, maxLength: 1024},
	field{name: "address3", kind: text, maxLength: 1024},
	field{name: "city", kind: text, required: true, maxLength: 64},
	field{name: "region", kind: text, maxLength: 64},
	field{name: "state", kind: text, maxLength: 32},
	field{ // maxLength 2
		name: "country", kind: text, required: true, check: countryCode,
		expects: `2 capital letters, such as "ID"`,
	},
	field{name: "zipCode", kind: text, maxLength: 16},
)
