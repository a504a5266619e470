package protocol_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// Each row of the table is consistent, and no name could be taken for another.
func TestEndpoints(t *testing.T) {
	shapes := make(map[string]string)
	for _, e := range protocol.Endpoints() {
		t.Run(e.Name, func(t *testing.T) {
			assert.Regexp(t, `^[A-Za-z]+$`, e.Name)
			assert.Empty(t, shapes[lookalike.Fold(e.Name)], "another endpoint looks like it")
			shapes[lookalike.Fold(e.Name)] = e.Name
			assert.Regexp(t, `^\d\.\d$`, e.Version)
			assert.Equal(t, "/aggregate-pay/api/gateway/"+e.Name, e.Path())

			assert.False(t, e.MovesMoney && e.Repeatable, "what moves money must not be received twice")
			assert.True(t, e.Own == "" || slices.Contains(e.Echoes, e.Own), "what is its own is echoed")
			assert.False(t, e.Personal && len(e.Echoes) > 0, "an answer that names its call needs no other protection")
			assert.Subset(t, e.Identifying(), append(e.Echoes, "appId", "merchantAppId", "merchantNo", "spMerchantNo", "outTradeNo", "tradeToken"))
			assert.Len(t, asSet(e.Identifying()), len(e.Identifying()), "each member is named once")

			found, ok := protocol.Lookup(e.Name)
			assert.True(t, ok)
			assert.Equal(t, e, found)
		})
	}
}

// A name must match an endpoint exactly.
func TestLookupIsExact(t *testing.T) {
	for _, name := range []string{"", "applyDropInSession", "orderquery", "orderQuery/", "drop_in", "all", "orderConfirm"} {
		_, ok := protocol.Lookup(name)
		assert.False(t, ok, name)
	}
}

func TestSelect(t *testing.T) {
	dropIn := []string{"applyDropinSession", "orderAndPay", "orderQuery", "refund", "refundQuery", "capture", "cancel"}
	for _, test := range []struct{ names, want []string }{
		{nil, nil},
		{[]string{"orderQuery"}, []string{"orderQuery"}},
		{[]string{"drop_in"}, dropIn},
		{[]string{"refund", "orderQuery", "refund"}, []string{"refund", "orderQuery"}},
		{[]string{"exchange", "drop_in", "orderQuery"}, append([]string{"exchange"}, dropIn...)},
		{[]string{"all"}, namesOf(protocol.Endpoints())},
		{[]string{"all", "drop_in"}, namesOf(protocol.Endpoints())},
	} {
		selected, err := protocol.Select(test.names, noSuggestion)
		assert.NoError(t, err, test.names)
		assert.Equal(t, test.want, namesOf(selected), test.names)
	}
	for _, name := range []string{"", "DROP_IN", "dropin", "applyDropInSession"} {
		_, err := protocol.Select([]string{"orderQuery", name}, noSuggestion)
		assert.ErrorContains(t, err, `"`+name+`" is neither an endpoint nor a group; choose from drop_in, all, applyDropinSession, orderAndPay, `)
	}
	_, err := protocol.Select([]string{"dropin"}, func(string, []string) string { return "drop_in" })
	assert.EqualError(t, err, `"dropin" is neither an endpoint nor a group; did you mean drop_in?`)
}

// Changes to a returned table do not affect the original.
func TestEndpointsAreCopies(t *testing.T) {
	selected, err := protocol.Select([]string{"all"}, noSuggestion)
	assert.NoError(t, err)
	for _, given := range [][]protocol.Endpoint{protocol.Endpoints(), selected} {
		given[0].Version = "9.9"
		assert.Equal(t, "1.5", protocol.Endpoints()[0].Version)
	}
}

func namesOf(endpoints []protocol.Endpoint) (names []string) {
	for _, e := range endpoints {
		names = append(names, e.Name)
	}
	return names
}

func asSet(names []string) map[string]bool {
	set := make(map[string]bool)
	for _, name := range names {
		set[name] = true
	}
	return set
}

// noSuggestion never suggests a name.
func noSuggestion(string, []string) string { return "" }
