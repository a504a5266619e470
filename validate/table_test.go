package validate

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// nested has the shapes of PayerMax's larger tables: objects in objects, and arrays of
// objects.
var nested = newRuleSet(newTable("a page",
	field{name: "currency", kind: text, required: true, check: currencyCode, expects: "a currency"},
	field{
		name: "paymentDetail", kind: object, required: true, expects: "an object",
		members: newTable("a page",
			field{
				name: "buyerInfo", kind: object, expects: "an object",
				members: newTable("a page", field{name: "clientIp", kind: text, required: true, maxLength: 64, expects: "an IP address"}),
			},
		),
	},
	field{
		name: "goodsDetails", kind: array, expects: "an array of goods",
		items: &field{
			kind: object, expects: "an object",
			members: newTable("a page",
				field{name: "goodsName", kind: text, required: true, decides: true, expects: "a name"},
				field{name: "quantity", kind: number, expects: "a number"},
			),
		},
	},
))

func TestNestedTables(t *testing.T) {
	assert.Nil(t, nested.Validate([]byte(`{
		"currency": "IDR",
		"paymentDetail": {"buyerInfo": {"clientIp": "192.0.2.1"}},
		"goodsDetails": [{"goodsName": "a", "quantity": 2}, {"goodsName": "b"}]
	}`)))

	var got []string
	for _, v := range nested.Validate([]byte(`{
		"goodsDetails": [{"quantity": "2"}, 7, {"goodsName": "b", "goods_name": "c"}],
		"paymentDetail": {"buyerInfo": {"clientIp": ""}},
		"currency": "IDR"
	}`)) {
		got = append(got, v.Field+" "+v.Rule+": "+v.Message)
	}
	assert.Equal(t, []string{
		"/data/paymentDetail/buyerInfo/clientIp required: " +
			"data.paymentDetail.buyerInfo.clientIp is required and must not be empty; send an IP address",
		"/data/goodsDetails/0/goodsName required: data.goodsDetails[0].goodsName is required; send a name",
		"/data/goodsDetails/0/quantity type: " +
			"data.goodsDetails[0].quantity must be a JSON number, but a string was sent; send a number",
		"/data/goodsDetails/1 type: data.goodsDetails[1] must be an object, but a number was sent; send an object",
		"/data/goodsDetails/2/goods_name lookAlike: data.goodsDetails[2].goodsName must be spelt exactly like this; " +
			`rename the member that differs from goodsName only in letter case, spaces, "_" or "-"`,
	}, got)
}

// If a row does not say what to send, its columns do.
func TestWanted(t *testing.T) {
	for _, tc := range []struct {
		field field
		want  string
	}{
		{field{kind: text, required: true}, "a string that is not empty"},
		{field{kind: text}, "a string"},
		{field{kind: text, required: true, maxLength: 16}, "a string of 1 to 16 characters"},
		{field{kind: text, maxLength: 16}, "a string of at most 16 characters"},
		{field{kind: text, required: true, enum: []string{"CARD"}}, "CARD"},
		{field{kind: number, required: true}, "a JSON number"},
		{field{kind: text, required: true, expects: "the title"}, "the title"},
	} {
		assert.Equal(t, tc.want, tc.field.wanted())
	}
}

// The look-alike rule could not distinguish two fields that differ only in case, "_" or "-".
func TestNamesDifferInShape(t *testing.T) {
	for endpoint, versions := range ruleSets {
		for version, s := range versions {
			for i, f := range s.data.members.fields {
				found, ok := s.data.members.names.Find([]byte(f.name))
				assert.True(t, ok && found == i, "%s %s: %s", endpoint, version, f.name)
			}
		}
	}
}
