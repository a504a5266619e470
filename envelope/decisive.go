package envelope

import (
	"slices"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// decisiveMembers are the members in PayerMax's tables that say which payment is meant
// and how much money is involved.
var decisiveMembers = []string{
	"userId", "outTradeNo", "tradeToken", "tradeNo", "tradeOrderNo", "outRefundNo", "refundTradeNo", "requestId", "requestNo",
	"subscriptionNo", "subscriptionRequestId", "cancelNo", "captureNo",

	"amount", "totalAmount", "payAmount", "refundAmount", "tradeAmount", "originTradeAmount", "transactionAmount", "targetAmount",
	"minAmount", "maxAmount", "inflowAmount", "outflowAmount", "paymentAmount", "cumPayoutAmount", "periodAmount", "trialAmount",
	"trialPeriodAmount", "price", "fee",

	"currency", "payCurrency", "refundCurrency", "tradeCurrency", "originTradeCurrency", "transactionCurrency", "targetCurrency",
	"paymentCurrency", "feeCurrency", "goodsCurrency", "taxCurrency", "destinationCurrency", "accountCurrency",
}

// The names that decide the meaning of a document. In answers and notifications, they
// include the members that say whose payment it is and what happened to it.
var (
	// In a request, [lookAlike] judges the names of the envelope itself.
	decisiveInRequests = lookalike.NewNames(decisiveMembers...)
	decisiveInAnswers  = lookalike.NewNames(slices.Concat(decisiveMembers, []string{
		"appId", "merchantAppId", "merchantNo", "spMerchantNo",
		"status", "subStatus", "payStatus", "paymentStatus", "lastPaymentStatus", "paymentTokenStatus", "subscriptionStatus",
		"linkStatus", "authenticationStatus",
	})...)
)
