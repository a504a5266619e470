package envelope

import (
	"slices"

	"github.com/caddy-payermax/caddy-payermax/internal/lookalike"
)

// decisiveMembers are the members of PayerMax's tables that say which payment is meant,
// and how much money it is; and, in answers and notifications, what happened to it.
var decisiveMembers = []string{
	"userId", "outTradeNo", "tradeToken", "tradeNo", "tradeOrderNo", "outRefundNo", "refundTradeNo", "requestId", "requestNo",
	"subscriptionNo", "subscriptionRequestId", "cancelNo", "captureNo",

	"amount", "totalAmount", "payAmount", "refundAmount", "tradeAmount", "originTradeAmount", "transactionAmount", "targetAmount",
	"minAmount", "maxAmount", "inflowAmount", "outflowAmount", "paymentAmount", "cumPayoutAmount", "periodAmount", "trialAmount",
	"trialPeriodAmount", "price", "fee",

	"currency", "payCurrency", "refundCurrency", "tradeCurrency", "originTradeCurrency", "transactionCurrency", "targetCurrency",
	"paymentCurrency", "feeCurrency", "goodsCurrency", "taxCurrency", "destinationCurrency", "accountCurrency",
}

// The names that decide what a text means.
var (
	// In a request, those of its envelope are judged by [lookAlike].
	decisiveInRequests = lookalike.NewNames(decisiveMembers...)
	decisiveInAnswers  = lookalike.NewNames(slices.Concat(decisiveMembers, []string{
		"appId", "merchantAppId", "merchantNo", "spMerchantNo",
		"status", "subStatus", "payStatus", "paymentStatus", "lastPaymentStatus", "paymentTokenStatus", "subscriptionStatus",
		"linkStatus", "authenticationStatus",
	})...)
)
