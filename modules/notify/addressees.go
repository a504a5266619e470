package notify

import (
	"errors"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// addressees are the merchants whose notifications pass: PayerMax's signature shows who sent
// a notification, but not which merchant it is for. Both lists are empty if notifications for
// any merchant pass.
type addressees struct {
	appIDs, merchantNos []string
}

// ForAnybody describes the problem of a handler that lets notifications for any merchant
// pass.
var ForAnybody = WayPast{
	"neither app_id nor merchant_no is configured, so a notification for another merchant passes if PayerMax uses one key for all merchants, as its name for the key, platform public key, suggests",
	"write app_id and merchant_no of the site's merchant in payermax_notify",
}

// expandAddressees returns the configured merchants, with placeholders expanded.
func (n *Handler) expandAddressees(repl *caddy.Replacer) (addressees, error) {
	appIDs, err := setting.ExpandAll("app_id", n.AppIDs, envelope.MaxAppID, repl)
	if err != nil {
		return addressees{}, err
	}
	merchantNos, err := setting.ExpandAll("merchant_no", n.MerchantNos, envelope.MaxMerchantNo, repl)
	return addressees{appIDs, merchantNos}, err
}

// isAnybody reports whether notifications for any merchant pass.
func (a addressees) isAnybody() bool { return len(a.appIDs)+len(a.merchantNos) == 0 }

// warn logs at startup that notifications for any merchant pass, or which value is still a
// placeholder from the examples.
func (a addressees) warn(logger *zap.Logger) {
	if a.isAnybody() {
		logger.Warn(ForAnybody.Message + "; " + ForAnybody.Next)
	}
	warnOf := func(option string, values []string) {
		for _, value := range values {
			if doubt, next := protocol.DoubtAboutIdentity(value); doubt != "" {
				logger.Warn(option+" "+doubt+"; "+next, zap.String(option, value))
			}
		}
	}
	warnOf("app_id", a.appIDs)
	warnOf("merchant_no", a.merchantNos)
}

// check refuses a signed text that is not a notification, that JSON parsers would read
// differently, or that is for another merchant.
func (a addressees) check(body []byte) *refusal {
	n, err := envelope.ReadNotification(body)
	if ambiguity, ok := errors.AsType[envelope.Ambiguity](err); ok {
		return &refusal{http.StatusForbidden, "ambiguous", "PayerMax signed this, but JSON parsers read it differently: " + ambiguity.Error()}
	}
	if err != nil {
		return &refusal{http.StatusForbidden, "not_a_notification", "PayerMax signed this, but it is not a notification: " + err.Error()}
	}
	if !a.isAnybody() && !a.include(n) {
		return &refusal{http.StatusForbidden, "other_merchant", "the notification is not for this merchant, or does not name its merchant"}
	}
	return nil
}

// include reports whether a notification is for one of the configured merchants. It compares
// the values that both the notification and the configuration have. There must be at least
// one.
func (a addressees) include(n envelope.Notification) bool {
	byAppID := len(a.appIDs) > 0
	if byAppID && (len(n.AppIDs) == 0 || !isSubset(n.AppIDs, a.appIDs)) {
		return false
	}
	if len(a.merchantNos) == 0 {
		return byAppID
	}
	if n.MerchantNo == "" { // PayerMax's tables allow that for payments and chargebacks
		return byAppID
	}
	return slices.Contains(a.merchantNos, n.MerchantNo)
}

// isSubset reports whether all values are contained in of.
func isSubset(values, of []string) bool {
	return !slices.ContainsFunc(values, func(value string) bool { return !slices.Contains(of, value) })
}
