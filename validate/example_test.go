package validate_test

import (
	"fmt"

	"github.com/caddy-payermax/caddy-payermax/validate"
)

func ExampleRuleSet_Validate() {
	rules, ok := validate.Lookup("applyDropinSession", "1.5")
	if !ok {
		fmt.Println("known versions:", validate.Versions("applyDropinSession"))
		return
	}
	for _, v := range rules.Validate([]byte(`{"totalAmount":100.5,"currency":"IDR","country":"id","userId":"U10001"}`)) {
		fmt.Println(v.Field, v.Rule)
		fmt.Println("\t" + v.Message)
	}
	// Output:
	// /data/totalAmount decimals
	// 	data.totalAmount must not have decimals in IDR; send a whole amount, such as 100
	// /data/country pattern
	// 	data.country must be 2 capital letters, such as "ID"
}

func ExampleRuleSet_Within() {
	contract := validate.Contract{Currencies: []string{"IDR", "USD"}, Countries: []string{"ID"}}
	if err := contract.Check(); err != nil {
		fmt.Println(err)
		return
	}
	rules, _ := validate.Lookup("applyDropinSession", "1.6")
	for _, v := range rules.Within(contract).Validate([]byte(`{"currency":"EUR","country":"ID","userId":"U10001"}`)) {
		fmt.Println(v.Message)
	}
	// Output:
	// data.currency must be one of the currencies that the contract covers: IDR, USD
}

func ExampleRuleSet_Amounts() {
	rules, _ := validate.Lookup("orderAndPay", "1.5")
	amounts, err := rules.Amounts([]byte(`{"totalAmount":"19.99","currency":"USD","subscriptionPlan":{"periodAmount":{"amount":20,"currency":"USD"}}}`))
	if err != nil {
		fmt.Println(err) // which amount is in doubt: do not sign the request
		return
	}
	for _, a := range amounts {
		fmt.Println(a.Field, a.Currency, a.Value.FloatString(2))
	}
	// Output:
	// /data/totalAmount USD 19.99
	// /data/subscriptionPlan/periodAmount/amount USD 20.00
}
