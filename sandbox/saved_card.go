package sandbox

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// The states of a saved card (pages "inquirePaymentToken" and "removePaymentToken").
const (
	cardActivated = "Activated"
	cardDeleted   = "Deleted"
)

// cardValidity is how long a saved card can be charged. No page states a time; the examples show a few years.
const cardValidity = 3 * 365 * 24 * time.Hour

// tokenAcquiring is the only tokenScope in PayerMax's examples.
const tokenAcquiring = "tokenAcq"

// savedCard is a card that a buyer has agreed to use again. The ledger's lock guards its status.
type savedCard struct {
	paymentTokenID, appID, userID, referralCode string
	country                                     string // of the order that saved it
	method                                      string // paymentMethodType
	expiry                                      time.Time
	status                                      string
}

// tokenView is a saved card as inquirePaymentToken lists it, in the order of the page's example.
type tokenView struct {
	TokenScope         string `json:"tokenScope"`
	TargetOrg          string `json:"targetOrg"`
	IfCVV              string `json:"ifCVV"`
	CardInfo           string `json:"cardInfo"`
	PaymentTokenID     string `json:"paymentTokenID"`
	AccountDisplay     string `json:"accountDisplay"`
	PaymentTokenStatus string `json:"paymentTokenStatus"`
	UserID             string `json:"userId"`
	Brand              string `json:"brand"`
	PaymentMethodType  string `json:"paymentMethodType"`
	PaymentTokenExpiry string `json:"paymentTokenExpiry"`
	ReferralCode       string `json:"referralCode"`
}

// removedToken is the data of a successful removePaymentToken.
type removedToken struct {
	PaymentTokenID     string `json:"paymentTokenID"`
	UserID             string `json:"userId"`
	PaymentTokenStatus string `json:"paymentTokenStatus"`
}

// saveCard saves the card that a successful order was paid with, if the buyer agreed. It is called with the lock held.
func (l *ledger) saveCard(o *order, now time.Time) {
	if !o.saves || o.paymentTokenID != "" {
		return
	}
	card := &savedCard{
		paymentTokenID: "PMTOKEN" + now.UTC().Format("20060102") + randomDigits(), appID: o.appID, userID: o.userID,
		referralCode: o.referralCode, country: o.country, method: o.paidBy(), expiry: now.Add(cardValidity), status: cardActivated,
	}
	o.paymentTokenID = card.paymentTokenID
	l.cards.put(card.paymentTokenID, card)
}

// savedBy returns a copy of the card that a successful order has saved, or nil.
func (l *ledger) savedBy(o *order) *savedCard {
	if !o.saves || o.paymentTokenID == "" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	card := l.cards.get(o.paymentTokenID)
	if card == nil {
		return nil
	}
	saved := *card
	return &saved
}

// usable returns a user's saved card if it can be charged, or nil. It is called with the lock held.
func (l *ledger) usable(appID, userID, paymentTokenID string, now time.Time) *savedCard {
	card := l.cards.get(paymentTokenID)
	if card == nil || card.appID != appID || card.userID != userID || card.status != cardActivated || !now.Before(card.expiry) {
		return nil
	}
	return card
}

// cardsOf returns copies of a user's saved cards that were not removed, sorted by paymentTokenID.
func (l *ledger) cardsOf(appID, userID, paymentTokenID string) []savedCard {
	l.mu.Lock()
	defer l.mu.Unlock()
	cards := []savedCard{}
	for _, card := range l.cards.entries {
		if card.appID == appID && card.userID == userID && card.status == cardActivated &&
			(paymentTokenID == "" || card.paymentTokenID == paymentTokenID) {
			cards = append(cards, *card)
		}
	}
	slices.SortFunc(cards, func(a, b savedCard) int { return cmp.Compare(a.paymentTokenID, b.paymentTokenID) })
	return cards
}

// inquirePaymentToken lists a user's saved cards (page "inquirePaymentToken").
func inquirePaymentToken(req *request) (any, *refusal) {
	if refused := req.data.require("userId", "tokenScope"); refused != nil {
		return nil, refused
	}
	var userID, paymentTokenID string
	refused := req.data.read(
		member{"userId", 1, 64, &userID},
		member{"tokenScope", 1, 64, nil},
		member{"paymentTokenID", 0, 64, &paymentTokenID},
	)
	if refused != nil {
		return nil, refused
	}
	list := []tokenView{}
	for _, card := range req.world.ledger.cardsOf(req.merchant.AppID, userID, paymentTokenID) {
		list = append(list, tokenView{
			TokenScope: tokenAcquiring, IfCVV: "N", CardInfo: testCard.CardIdentifierNo, PaymentTokenID: card.paymentTokenID,
			PaymentTokenStatus: card.status, UserID: card.userID, Brand: testCard.CardOrg, PaymentMethodType: card.method,
			PaymentTokenExpiry: formatTime(card.expiry), ReferralCode: card.referralCode,
		})
	}
	return struct {
		TokenList []tokenView `json:"tokenList"`
	}{list}, nil
}

// removePaymentToken forgets a saved card (page "removePaymentToken").
func removePaymentToken(req *request) (any, *refusal) {
	if refused := req.data.require("userId", "paymentTokenID"); refused != nil {
		return nil, refused
	}
	var userID, paymentTokenID string
	refused := req.data.read(
		member{"userId", 1, 64, &userID},
		member{"paymentTokenID", 1, 64, &paymentTokenID},
		member{"removeReason", 0, 512, nil},
	)
	if refused != nil {
		return nil, refused
	}
	removed := req.world.ledger.removeCard(req.merchant.AppID, userID, paymentTokenID)
	if removed == nil {
		return nil, isUndefined("paymentTokenID")
	}
	req.notifyOfToken(tokenNotice(removed, ""))
	return removedToken{removed.paymentTokenID, userID, removed.status}, nil
}

// removeCard removes a user's saved card and returns a copy of it, or nil if there is no such card.
func (l *ledger) removeCard(appID, userID, paymentTokenID string) *savedCard {
	l.mu.Lock()
	defer l.mu.Unlock()
	card := l.cards.get(paymentTokenID)
	if card == nil || card.appID != appID || card.userID != userID {
		return nil
	}
	card.status = cardDeleted
	removed := *card
	return &removed
}

// notifyOfToken notifies the merchant about a saved card, if the merchant has a TokenNotifyURL.
func (req *request) notifyOfToken(what notice) {
	if to := req.merchant.TokenNotifyURL; to != "" {
		req.world.tasks.start(func(ctx context.Context) { req.notify(ctx, to, what) })
	}
}
