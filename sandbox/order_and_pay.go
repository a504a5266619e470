package sandbox

import (
	"context"
	"math/big"
	"regexp"
	"strconv"
	"time"
)

// anyLength is for strings whose length the pages leave open: the body has bounded them already.
const anyLength = maxBody

// outTradeNoShape is what an order number may consist of ("letters, digits and underscores", outTradeNo on the page
// "orderAndPay").
var outTradeNoShape = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// expireTimeShape is a number of seconds that can be read without overflow.
var expireTimeShape = regexp.MustCompile(`^\d{1,9}$`)

// orderAnswer is the data of a successful orderAndPay.
type orderAnswer struct {
	OutTradeNo  string `json:"outTradeNo"`
	TradeToken  string `json:"tradeToken"`
	Status      string `json:"status"`
	RedirectURL string `json:"redirectUrl,omitempty"`
}

// orderData is the data of an order request, as far as anything depends on it.
type orderData struct {
	outTradeNo, subject, userID, currency, country string
	notifyURL, frontURL                            string
	amount                                         *big.Rat
	expiry                                         time.Duration
	sessionKey, paymentToken                       string
	futureUse, manual                              bool
}

// orderAndPay pays with what the buyer entered in a Drop-In component (page "orderAndPay (for Drop-In)"), or with
// captureMode MANUAL only authorises the payment ("Auth-Capture" guide).
func orderAndPay(req *request) (any, *refusal) {
	in, refused := readOrder(req.data)
	if refused != nil {
		return nil, refused
	}
	if refused := req.checkSession(in); refused != nil {
		return nil, refused
	}

	g, l := req.gateway, &req.world.ledger
	now := g.now()
	plan := simulate(in.subject, in.paymentToken)
	o := &order{
		appID: req.merchant.AppID, outTradeNo: in.outTradeNo, tradeToken: newTradeToken(now),
		currency: in.currency, country: in.country, amount: in.amount,
		frontURL: in.frontURL, notifyURL: in.notifyURL, created: now, refunded: new(big.Rat),
		plan: plan, manual: in.manual, progress: progress{done: make(chan struct{})},
	}
	answer := orderAnswer{OutTradeNo: o.outTradeNo, TradeToken: o.tradeToken, Status: plan.status}
	after, challenge := g.pendingDelay(), ""
	if plan.challenge {
		challenge = randomKey()
		after = g.scaled(in.expiry)
		answer.RedirectURL = req.base + challengePath + challenge
	}
	o.status = plan.status
	if plan.final == "" {
		o.settle(plan.status, now)
	}

	refused = l.place(o, challenge, func() bool {
		return req.world.tasks.start(func(ctx context.Context) {
			if l.await(ctx, &o.progress, after, plan.final, g.now) {
				req.notify(ctx, o.notifyURL, paymentNotice(snapshot(l, o)))
			}
		})
	})
	if refused != nil {
		return nil, refused
	}
	return answer, nil
}

// readOrder judges the members of data. mitManagementUrl is not asked for: the table calls it required, but the page's
// own example omits it.
func readOrder(data object) (orderData, *refusal) {
	var in orderData
	refused := data.require("outTradeNo", "integrate", "subject", "totalAmount", "currency", "country", "userId",
		"paymentDetail", "terminalType")
	if refused != nil {
		return in, refused
	}
	var expireTime string
	refused = data.read(
		member{"outTradeNo", 1, 64, &in.outTradeNo},
		member{"integrate", 1, 16, nil},
		member{"subject", 1, 256, &in.subject},
		member{"userId", 1, 64, &in.userID},
		member{"expireTime", 0, 32, &expireTime},
		member{"referralCode", 0, 32, nil},
		member{"mitManagementUrl", 0, anyLength, nil},
		member{"language", 0, 16, nil},
		member{"osType", 0, anyLength, nil},
		member{"frontCallbackUrl", 0, 1024, &in.frontURL},
		member{"notifyUrl", 0, 256, &in.notifyURL},
	)
	if refused != nil {
		return in, refused
	}
	if !outTradeNoShape.MatchString(in.outTradeNo) {
		return in, wrongType("outTradeNo", "letters, digits and underscores", in.outTradeNo)
	}
	if refused := data.oneOf("integrate", "Direct_Payment"); refused != nil {
		return in, refused
	}
	if refused := data.oneOf("terminalType", "WEB", "WAP", "APP"); refused != nil {
		return in, refused
	}
	if in.manual, refused = data.captureMode(); refused != nil {
		return in, refused
	}
	if in.expiry, refused = readExpiry(expireTime); refused != nil {
		return in, refused
	}
	if refused := in.readPrice(data); refused != nil {
		return in, refused
	}
	return in, in.readPayment(data)
}

// readExpiry reads expireTime: seconds in a string, which PayerMax moves into its bounds.
func readExpiry(text string) (time.Duration, *refusal) {
	if text == "" {
		return minExpiry, nil
	}
	if !expireTimeShape.MatchString(text) {
		return 0, wrongType("expireTime", "seconds", text)
	}
	seconds, _ := strconv.Atoi(text) // the shape has made sure that it can be read
	return min(max(time.Duration(seconds)*time.Second, minExpiry), maxExpiry), nil
}

// readPrice reads currency, country and amount. The table has totalAmount as a number, PayerMax's SDK examples send it
// as a string: both are taken.
func (in *orderData) readPrice(data object) (refused *refusal) {
	if refused := data.matches("currency", currencyShape, codeCurrencyInvalid); refused != nil {
		return refused
	}
	if refused := data.matches("country", countryShape, codeCountryInvalid); refused != nil {
		return refused
	}
	in.currency, _ = data.str("currency")
	in.country, _ = data.str("country")
	in.amount, refused = data.amount("totalAmount", []string{"number", "string"}, in.currency)
	if refused == nil && in.amount.Sign() == 0 {
		return refuse(codeAmountInvalid)
	}
	return refused
}

// readPayment reads paymentDetail. The table leaves sessionKey and paymentToken optional, because payments without the
// buyer do without; for a payment from a Drop-In component both are needed.
func (in *orderData) readPayment(data object) *refusal {
	detail, refused := data.object("paymentDetail")
	if refused != nil {
		return refused
	}
	if refused := detail.require("buyerInfo", "sessionKey", "paymentToken"); refused != nil {
		return refused
	}
	buyer, refused := detail.object("buyerInfo")
	if refused != nil {
		return refused
	}
	if refused := buyer.require("clientIp", "userAgent"); refused != nil {
		return refused
	}
	if refused := buyer.read(member{"clientIp", 1, anyLength, nil}, member{"userAgent", 1, anyLength, nil}); refused != nil {
		return refused
	}
	refused = detail.read(
		member{"sessionKey", 1, anyLength, &in.sessionKey},
		member{"paymentToken", 1, anyLength, &in.paymentToken},
	)
	if refused != nil {
		return refused
	}
	if refused := detail.oneOf("mitType", "SCHEDULED", "UNSCHEDULED"); refused != nil {
		return refused
	}
	if _, refused := detail.boolean("merchantInitiated"); refused != nil {
		return refused
	}
	in.futureUse, refused = detail.boolean("tokenForFutureUse")
	return refused
}

// checkSession compares an order with the session that it is paid in. That the session must exist, and be open to
// tokenForFutureUse if the order is, is documented ("Tokenization" guide for Drop-In). That user, currency and amount
// must be the session's is not: but the buyer was shown the session's, so that another one is a mistake worth finding. So
// is an order without the captureMode of its session, which would be paid at once. That a session without one has an order
// with it is let pass, since most pages of applyDropinSession do not know the member.
func (req *request) checkSession(in orderData) *refusal {
	s, known := req.world.ledger.session(req.merchant.AppID, in.sessionKey)
	switch {
	case !known:
		return isUndefined("sessionKey")
	case in.paymentToken == expiredToken:
		return isUndefined("paymentToken")
	case in.futureUse && !s.futureUse:
		return isUndefined("tokenForFutureUse")
	case s.manual && !in.manual:
		return isNull("captureMode")
	case in.userID != s.userID:
		return isUndefined("userId")
	case in.currency != s.currency:
		return refuse(codeCurrencyInvalid)
	case s.amount != nil && s.amount.Sign() != 0 && in.amount.Cmp(s.amount) != 0:
		return refuse(codeAmountInvalid)
	}
	return nil
}
