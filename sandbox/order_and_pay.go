package sandbox

import (
	"context"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// anyLength is the maximum for strings whose length the pages leave open: the limit on the body bounds them.
const anyLength = maxBody

// The ways to integrate payments (integrate on the pages of "orderAndPay").
const (
	hostedCheckout = "Hosted_Checkout"
	directPayment  = "Direct_Payment"
)

// outTradeNoShape matches what an order number may consist of ("letters, digits and underscores", outTradeNo on the
// page "orderAndPay").
var outTradeNoShape = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// expireTimeShape matches a number of seconds that does not overflow an int.
var expireTimeShape = regexp.MustCompile(`^\d{1,9}$`)

// orderAnswer is the data of a successful orderAndPay.
type orderAnswer struct {
	OutTradeNo  string `json:"outTradeNo"`
	TradeToken  string `json:"tradeToken"`
	Status      string `json:"status"`
	RedirectURL string `json:"redirectUrl,omitempty"`
}

// orderData is the part of an order request's data that affects the outcome.
type orderData struct {
	outTradeNo, integrate, subject, userID, currency, country string
	notifyURL, frontURL, reference, referralCode              string
	amount                                                    *big.Rat
	expiry                                                    time.Duration
	sessionKey, paymentToken, paymentTokenID, method          string
	futureUse, manual, merchantInitiated                      bool
}

// orderAndPay pays with what the buyer entered in a Drop-In component (page "orderAndPay (for Drop-In)"), with a card that
// was saved before ("Tokenization" guide), or on the cashier's page ("orderAndPay"). With captureMode MANUAL it only
// authorises the payment ("Auth-Capture" guide).
func orderAndPay(req *request) (any, *refusal) {
	in, refused := readOrder(req)
	if refused != nil {
		return nil, refused
	}
	g, l := req.gateway, &req.world.ledger
	now := g.now()
	o := &order{
		appID: req.merchant.AppID, outTradeNo: in.outTradeNo, tradeToken: newTradeToken(now),
		currency: in.currency, country: in.country, amount: in.amount, userID: in.userID,
		frontURL: in.frontURL, notifyURL: in.notifyURL, reference: in.reference, referralCode: in.referralCode, method: in.method,
		created: now, refunded: new(big.Rat), manual: in.manual, progress: progress{done: make(chan struct{})},
	}
	placed, refused := l.place(o, func() *refusal {
		if refused := req.admit(in, o); refused != nil {
			return refused
		}
		after := g.PendingDelay
		if o.plan.challenge != "" {
			o.challengeKey = randomKey()
			o.redirectURL = req.base + challengePath + o.challengeKey
			after = in.expiry
		}
		begun := req.world.tasks.start(func(ctx context.Context) {
			if l.await(ctx, &o.progress, g.scaled(after), o.plan.final, g.now) {
				req.world.changed()
				settled := snapshot(l, o)
				if card := l.savedBy(settled); card != nil {
					req.notifyOfToken(tokenNotice(card, settled.outTradeNo))
				}
				req.notify(ctx, o.notifyURL, paymentNotice(settled))
			}
		})
		if !begun {
			return refuse(codeSystemError)
		}
		o.status = o.plan.status
		o.then = func() {
			if o.status == statusSuccess {
				l.saveCard(o, o.completed)
			}
		}
		if o.status != statusPending {
			o.settle(o.status, now)
		}
		return nil
	})
	if refused != nil {
		return nil, refused
	}
	return orderAnswer{
		OutTradeNo: placed.outTradeNo, TradeToken: placed.tradeToken, Status: placed.status, RedirectURL: placed.redirectURL,
	}, nil
}

// admit decides what an order is paid with and how the payment proceeds. It is called with the ledger's lock held.
func (req *request) admit(in orderData, o *order) *refusal {
	l := &req.world.ledger
	switch {
	case in.integrate == hostedCheckout && !in.merchantInitiated:
		o.plan = simulation{status: statusPending, final: statusClosed, challenge: challengeCashier}
		o.saves = in.futureUse
		return nil
	case in.paymentTokenID != "":
		return l.admitCard(in, o)
	}
	return req.admitDropIn(in, o)
}

// admitCard charges a saved card. A merchant-initiated charge fails where the bank asks for 3DS: PayerMax does not
// document that, but there is no buyer to complete the challenge. It is called with the lock held.
func (l *ledger) admitCard(in orderData, o *order) *refusal {
	card := l.usable(o.appID, o.userID, in.paymentTokenID, o.created)
	switch {
	case card == nil:
		return isUndefined("paymentTokenID")
	case in.method != "" && in.method != card.method:
		return isUndefined("paymentMethodType")
	}
	o.paymentTokenID, o.method = in.paymentTokenID, card.method
	if o.plan = simulate(in.subject, ""); in.merchantInitiated && o.plan.challenge != "" {
		o.plan = fails
	}
	return nil
}

// admitDropIn compares an order with the session that it is paid in. The documentation requires that the session
// exists, and that it has tokenForFutureUse if the order has ("Tokenization" guide for Drop-In). It does not require
// the same user, currency and amount, but the buyer was shown those of the session, so a difference is a mistake worth
// finding. So is an order without captureMode in a session that has it: the order would be paid at once. The opposite,
// captureMode in the order only, is a deviation: of the pages of applyDropinSession, only the one for auth-capture has
// the member.
func (req *request) admitDropIn(in orderData, o *order) *refusal {
	l := &req.world.ledger
	s := l.sessions.get(in.sessionKey)
	switch {
	case s == nil || s.appID != o.appID || s.hasExpired(o.created):
		return isUndefined("sessionKey")
	case in.futureUse && !s.futureUse:
		return isUndefined("tokenForFutureUse")
	case s.manual && !in.manual:
		return isNull("captureMode")
	case in.manual && !s.manual && !req.deviations.allow("captureMode is MANUAL, and its session has none"):
		return isUndefined("captureMode")
	case in.userID != s.userID:
		return isUndefined("userId")
	case in.currency != s.currency:
		return refuse(codeCurrencyInvalid)
	case s.amount != nil && s.amount.Sign() != 0 && in.amount.Cmp(s.amount) != 0:
		return refuse(codeAmountInvalid)
	}
	token, ok := l.issued(s, in.sessionKey, in.paymentToken)
	switch {
	case !ok || in.paymentToken == expiredToken:
		return isUndefined("paymentToken")
	case token == nil:
		if !req.deviations.allow("no component of this sandbox has issued the paymentToken") {
			return isUndefined("paymentToken")
		}
		o.plan, o.saves = simulate(in.subject, in.paymentToken), in.futureUse
	case in.futureUse && !token.agreed:
		return isUndefined("tokenForFutureUse")
	default:
		token.used = true
		o.plan, o.saves = simulate(in.subject, "SANDBOX_"+token.simulates), in.futureUse
	}
	return nil
}

// readOrder checks and returns the members of data. It does not require mitManagementUrl: the table does, but the
// page's own example omits it.
func readOrder(req *request) (orderData, *refusal) {
	data := req.data
	in := orderData{integrate: directPayment}
	if !data.has("integrate") {
		// The SDKs' examples and PayerMax's plugin for WooCommerce omit it in cashier orders.
		if !req.deviations.allow("integrate is missing and read as " + hostedCheckout) {
			return in, isNull("integrate")
		}
		in.integrate = hostedCheckout
	}
	refused := data.require("outTradeNo", "subject", "totalAmount", "currency", "userId")
	if refused != nil {
		return in, refused
	}
	if refused := req.takeAlias(data, "frontCallbackUrl", "frontCallbackURL"); refused != nil {
		return in, refused
	}
	var expireTime string
	refused = data.read(
		member{"outTradeNo", 1, 64, &in.outTradeNo},
		member{"integrate", 0, 16, nil},
		member{"subject", 1, 256, &in.subject},
		member{"userId", 1, 64, &in.userID},
		member{"expireTime", 0, 32, &expireTime},
		member{"referralCode", 0, 32, &in.referralCode},
		member{"mitManagementUrl", 0, anyLength, nil},
		member{"language", 0, 16, nil},
		member{"osType", 0, anyLength, nil},
		member{"reference", 0, 512, &in.reference},
		member{"frontCallbackUrl", 0, 1024, &in.frontURL},
		member{"notifyUrl", 0, 256, &in.notifyURL},
	)
	if refused != nil {
		return in, refused
	}
	if !outTradeNoShape.MatchString(in.outTradeNo) {
		return in, wrongType("outTradeNo", "letters, digits and underscores", in.outTradeNo)
	}
	if refused := data.oneOf("integrate", directPayment, hostedCheckout); refused != nil {
		return in, refused
	}
	if data.has("integrate") {
		in.integrate, _ = data.str("integrate")
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
	if refused := in.readPrice(req); refused != nil {
		return in, refused
	}
	return in, in.readPayment(req)
}

// takeAlias accepts a member under another name as a deviation, if it is absent under its own. If both are present and
// differ, which is a deviation too, the value under its own name is used.
func (req *request) takeAlias(o object, name, other string) *refusal {
	if !o.has(other) {
		return nil
	}
	own, refused := o.str(name)
	if refused != nil {
		return refused
	}
	written, refused := o.str(other)
	switch {
	case refused != nil:
		return refused
	case own == written:
	case own == "" && req.deviations.allow(other+" instead of "+name):
		o[name] = o[other]
	case own == "" || !req.deviations.allow(other+" differs from "+name+", which is used"):
		return isUndefined(other)
	}
	return nil
}

// readExpiry parses expireTime: seconds in a string, which PayerMax clamps to its bounds.
func readExpiry(text string) (time.Duration, *refusal) {
	if text == "" {
		return minExpiry, nil
	}
	if !expireTimeShape.MatchString(text) {
		return 0, wrongType("expireTime", "seconds", text)
	}
	seconds, _ := strconv.Atoi(text) // cannot fail: the text matches expireTimeShape
	return min(max(time.Duration(seconds)*time.Second, minExpiry), maxExpiry), nil
}

// readPrice reads currency, country and amount. In the table, totalAmount is a number; PayerMax's SDK examples send a
// string. Both are accepted. The cashier's page has no country, nor do subscription guides for other orders.
func (in *orderData) readPrice(req *request) (refused *refusal) {
	data := req.data
	if refused := data.currency("currency"); refused != nil {
		return refused
	}
	if data.has("country") {
		if refused := data.country("country"); refused != nil {
			return refused
		}
	}
	in.currency, _ = data.str("currency")
	in.country, _ = data.str("country")
	in.amount, refused = data.amount("totalAmount", []string{"number", "string"}, in.currency)
	return refused
}

// readPayment reads paymentDetail, which is optional for the cashier. In the table, sessionKey and paymentToken are
// optional, because a payment with a saved card does not need them; a payment from a Drop-In component needs both.
func (in *orderData) readPayment(req *request) *refusal {
	direct := in.integrate == directPayment
	for _, name := range []string{"terminalType", "paymentDetail"} {
		if direct && !req.data.has(name) {
			return isNull(name)
		}
	}
	if !req.data.has("paymentDetail") {
		return in.checkZero(nil, req.data)
	}
	detail, refused := req.data.object("paymentDetail")
	if refused != nil {
		return refused
	}
	if refused := in.readDetail(detail, req); refused != nil {
		return refused
	}
	if direct && in.paymentTokenID == "" {
		if refused := in.readDropIn(detail); refused != nil {
			return refused
		}
	}
	return in.checkZero(detail, req.data)
}

// readDetail reads the members of paymentDetail that any order may have.
func (in *orderData) readDetail(detail object, req *request) *refusal {
	if refused := req.takeAlias(detail, "paymentTokenID", "paymentTokenId"); refused != nil {
		return refused
	}
	refused := detail.read(
		member{"sessionKey", 0, anyLength, &in.sessionKey},
		member{"paymentToken", 0, anyLength, &in.paymentToken},
		member{"paymentTokenID", 0, 64, &in.paymentTokenID},
		member{"paymentMethodType", 0, 16, &in.method},
	)
	if refused != nil {
		return refused
	}
	if refused := detail.oneOf("mitType", "SCHEDULED", "UNSCHEDULED"); refused != nil {
		return refused
	}
	if in.merchantInitiated, refused = detail.boolean("merchantInitiated", req.deviations); refused != nil {
		return refused
	}
	if in.merchantInitiated {
		if refused := in.readCharge(detail, req.deviations); refused != nil {
			return refused
		}
	}
	in.futureUse, refused = detail.boolean("tokenForFutureUse", req.deviations)
	return refused
}

// readCharge checks the members that a merchant-initiated charge needs, in which the buyer takes no part. In the
// guides, all of these have a mitType and are direct payments; no table requires that.
func (in *orderData) readCharge(detail object, d *deviations) *refusal {
	switch {
	case in.paymentTokenID == "":
		return isNull("paymentTokenID")
	case !detail.has("mitType") && !d.allow("merchantInitiated without mitType"):
		return isNull("mitType")
	case in.integrate == hostedCheckout && !d.allow("merchantInitiated with "+hostedCheckout+": charged without its page"):
		return wrongType("integrate", directPayment, hostedCheckout)
	}
	return nil
}

// readDropIn checks the members of paymentDetail that a payment from a component needs. An order that names another way
// to pay instead uses the direct API.
func (in *orderData) readDropIn(detail object) *refusal {
	if in.sessionKey == "" && in.paymentToken == "" && slices.ContainsFunc(directMembers, detail.has) {
		return directNotSimulated
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
	return detail.read(member{"sessionKey", 1, anyLength, nil}, member{"paymentToken", 1, anyLength, nil})
}

// checkZero refuses an amount of 0, unless a card is bound for later charges or a subscription begins with a free trial
// (subscription guides).
func (in *orderData) checkZero(detail, data object) *refusal {
	if in.amount.Sign() == 0 && !(detail.has("mitType") && in.paymentTokenID == "") && !data.has("subscriptionPlan") {
		return refuse(codeAmountInvalid)
	}
	return nil
}
