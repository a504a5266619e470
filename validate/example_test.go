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
