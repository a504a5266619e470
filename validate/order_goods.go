package validate

// goods is one of the items that an order pays for. "If the object is sent, its required
// fields must be sent."
var goods = newTable(cashierOrder,
	field{name: "goodsId", kind: text, required: true, maxLength: 64},
	field{name: "goodsName", kind: text, required: true, maxLength: 128},
	field{name: "quantity", kind: text, required: true, maxLength: 16},
	field{name: "price", kind: text, required: true, maxLength: 20}, // the merchant's quote; it does not affect the charge
	field{ // maxLength 3, capital letters
		name: "goodsCurrency", kind: text, check: currencyCode,
		expects: `3 capital letters, such as "IDR"`,
	},
	// No form is stated for the address, and the README of PayerMax's Go SDK
	// sends one that starts with httpw://.
	field{name: "showUrl", kind: text, maxLength: 128},
	field{name: "goodsCategory", kind: text, maxLength: 64, disputes: []dispute{longer(directOrder, 128)}},
)

// shippingInfo is where the goods are sent. PayerMax's own WooCommerce plugin omits phoneNo
// and email, and sends "" for the other fields if an order is not shipped.
var shippingInfo = newTable(cashierOrder,
	field{name: "firstName", kind: text, required: true, maxLength: 64, disputes: notAsked},
	field{name: "middleName", kind: text, maxLength: 64},
	field{name: "lastName", kind: text, required: true, maxLength: 64, disputes: notAsked},
	field{name: "phoneNo", kind: text, required: true, maxLength: 32, disputes: notAsked},
	field{name: "email", kind: text, required: true, maxLength: 255, disputes: notAsked},
	field{name: "address1", kind: text, required: true, maxLength: 1024, disputes: notAsked},
	field{name: "address2", kind: text, maxLength: 1024},
	field{name: "address3", source: directOrder, kind: text, maxLength: 1024},
	field{name: "city", kind: text, required: true, maxLength: 64, disputes: notAsked},
	field{name: "region", kind: text, maxLength: 64},
	field{name: "state", kind: text, maxLength: 32},
	field{ // maxLength 2
		name: "country", kind: text, required: true, check: countryCode, disputes: notAsked,
		expects: `2 capital letters, such as "ID"`,
	},
	field{name: "zipCode", kind: text, required: true, maxLength: 32, disputes: notAsked},
)

// notAsked are the disputes for the rows of an address.
var notAsked = []dispute{leftOut(wooCommerce)}

// billingInfo is the billing address of the card. The plugin sends "" for what the shop does
// not ask the buyer for.
var billingInfo = newTable(cashierOrder,
	field{name: "firstName", kind: text, maxLength: 64},
	field{name: "middleName", kind: text, maxLength: 64},
	field{name: "lastName", kind: text, maxLength: 64},
	field{name: "phoneNo", kind: text, maxLength: 32},
	field{name: "phoneNoRegion", source: directOrder, kind: text, maxLength: 16},
	field{name: "email", kind: text, required: true, maxLength: 255, disputes: notAsked},
	field{name: "address1", kind: text, required: true, maxLength: 1024, disputes: notAsked},
	field{name: "address2", kind: text, maxLength: 1024},
	field{name: "address3", source: directOrder, kind: text, maxLength: 1024},
	field{name: "city", kind: text, required: true, maxLength: 64, disputes: notAsked},
	field{name: "region", kind: text, maxLength: 64},
	field{name: "state", kind: text, maxLength: 32},
	field{ // maxLength 2
		name: "country", kind: text, required: true, check: countryCode, disputes: notAsked,
		expects: `2 capital letters, such as "ID"`,
	},
	field{name: "zipCode", kind: text, maxLength: 16},
)
