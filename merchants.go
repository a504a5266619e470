package payermax

import (
	"cmp"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

// MerchantChoice is one of several merchants, with the matchers that choose it.
type MerchantChoice struct {
	Merchant

	// The requests that are for this merchant, whatever `merchantNo` they name. If there
	// are matchers, they alone select the merchant, so they can decide who may call for
	// it. Without matchers, the request's `merchantNo` alone selects it.
	MatcherSetsRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`
}

// merchants are the merchants that one handler signs for.
type merchants struct {
	// only is the merchant if there is just one; otherwise nil.
	only *merchant
	// matched are chosen by their matchers; the first match wins.
	matched []matchedMerchant
	// byNumber are chosen by the request's merchantNo.
	byNumber map[string]*merchant
}

type matchedMerchant struct {
	*merchant
	matchers caddyhttp.MatcherSets
}

// openMerchants opens the configured merchants: either the handler's own, or those to
// choose from. sandboxKey is the embedded sandbox's key, or nil if there is no embedded
// sandbox.
func (h *Handler) openMerchants(ctx caddy.Context, sandboxKey *rsa.PublicKey) error {
	if len(h.Merchants) == 0 {
		var err error
		h.merchants.only, err = h.openMerchant(ctx, &h.Merchant, sandboxKey)
		return err
	}
	if err := h.checkShared(); err != nil {
		return err
	}
	h.merchants.byNumber = make(map[string]*merchant)
	for i := range h.Merchants {
		choice := &h.Merchants[i]
		if err := h.openChoice(ctx, choice, sandboxKey); err != nil {
			return fmt.Errorf("merchant %s: %w", choice.MerchantNo, err)
		}
	}
	return nil
}

// openMerchant opens one merchant.
func (h *Handler) openMerchant(ctx caddy.Context, m *Merchant, sandboxKey *rsa.PublicKey) (*merchant, error) {
	if err := h.checkSandbox(m); err != nil {
		return nil, err
	}
	return m.open(ctx, sandboxKey, h.logger)
}

// checkShared refuses handler-level options that each of several merchants must have for
// itself.
func (h *Handler) checkShared() error {
	for name, isSet := range map[string]bool{
		"app_id":              h.AppID != "",
		"merchant_no":         h.MerchantNo != "",
		"key":                 h.KeyRaw != nil,
		"next_key":            h.NextKeyRaw != nil,
		"merchant_public_key": h.MerchantPublicKey != "",
	} {
		if isSet {
			return fmt.Errorf("%s: not allowed beside several merchants; move it into the block of its merchant", name)
		}
	}
	return nil
}

// withShared returns the merchant with its missing options taken from the handler, for
// those options that merchants can share.
func (h *Handler) withShared(m Merchant) Merchant {
	if len(m.GatewayPublicKeys) == 0 {
		m.GatewayPublicKeys = h.GatewayPublicKeys
	}
	m.KeyVersion = cmp.Or(m.KeyVersion, h.KeyVersion)
	m.SPMerchantNo = cmp.Or(m.SPMerchantNo, h.SPMerchantNo)
	m.MerchantAuthToken = cmp.Or(m.MerchantAuthToken, h.MerchantAuthToken)
	return m
}

// openChoice opens one of several merchants, and registers it by its matchers or by its
// number.
func (h *Handler) openChoice(ctx caddy.Context, choice *MerchantChoice, sandboxKey *rsa.PublicKey) error {
	shared := h.withShared(choice.Merchant)
	opened, err := h.openMerchant(ctx, &shared, sandboxKey)
	if err != nil {
		return err
	}

	if len(choice.MatcherSetsRaw) > 0 {
		loaded, err := ctx.LoadModule(choice, "MatcherSetsRaw")
		if err != nil {
			return fmt.Errorf("match: %w", err)
		}
		var matchers caddyhttp.MatcherSets
		if err := matchers.FromInterface(loaded); err != nil {
			return fmt.Errorf("match: %w", err)
		}
		h.merchants.matched = append(h.merchants.matched, matchedMerchant{opened, matchers})
		return nil
	}
	number := opened.identity.MerchantNo
	switch {
	case number == "":
		return errors.New("merchant_no: required, because requests choose this merchant by it; set it, or choose the merchant with match")
	case h.merchants.byNumber[number] != nil:
		return errors.New("merchant_no: two merchants have this number; distinguish them with match")
	}
	h.merchants.byNumber[number] = opened
	return nil
}

// all returns all merchants.
func (m *merchants) all() []*merchant {
	var all []*merchant
	if m.only != nil {
		all = append(all, m.only)
	}
	for _, matched := range m.matched {
		all = append(all, matched.merchant)
	}
	for _, numbered := range m.byNumber {
		all = append(all, numbered)
	}
	return all
}

// choose returns the merchant that a request is for.
func (m *merchants) choose(r *http.Request, request *envelope.Envelope) (*merchant, error) {
	if m.only != nil {
		return m.only, nil
	}
	for _, candidate := range m.matched {
		matches, err := candidate.matchers.AnyMatchWithError(r)
		if err != nil {
			return nil, fmt.Errorf("choosing the merchant: %w", err)
		}
		if matches {
			return candidate.merchant, nil
		}
	}
	number := request.MerchantNo()
	if chosen := m.byNumber[number]; chosen != nil {
		return chosen, nil
	}
	if number == "" {
		for _, problem := range request.Check(envelope.Identity{}) {
			if problem.Field == "/merchantNo" { // present, but not a string
				return nil, invalid([]validate.Violation{violation(problem)})
			}
		}
		return nil, unknownMerchant("required",
			"merchantNo is required, because this sidecar signs for several merchants; send the merchant's number")
	}
	return nil, unknownMerchant("mismatch",
		"this sidecar does not sign for this merchantNo, or not for this caller; check the number")
}

func unknownMerchant(rule, message string) *reply.Refusal {
	return invalid([]validate.Violation{{Field: "/merchantNo", Row: "merchantNo", Rule: rule, Message: message}})
}
