package limits

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// openRate prepares the rate of a caller, or of all callers if caller is "". It returns nil
// if there is none.
func (q Quota) openRate(caller string, merchants []Merchant) (*stores.Rate, error) {
	if q.Rate < 0 || q.Burst < 0 || math.IsNaN(q.Rate) || math.IsInf(q.Rate, 0) {
		return nil, fmt.Errorf("rate: must be a positive number of requests per second")
	}
	if q.Burst > 0 && q.Rate == 0 {
		return nil, fmt.Errorf("burst: has no meaning without a rate")
	}
	if q.Rate == 0 {
		return nil, nil
	}
	rate := &stores.Rate{PerSecond: q.Rate, Burst: q.Burst}
	if rate.Burst == 0 {
		rate.Burst = int(math.Ceil(q.Rate))
	}
	// The replicas of a handler have the same merchants, callers and numbers, and so the same
	// key.
	identity := []string{"rate", caller, fmt.Sprint(rate.PerSecond), strconv.Itoa(rate.Burst)}
	merchants = slices.Clone(merchants)
	slices.SortFunc(merchants, func(a, b Merchant) int {
		return cmp.Or(strings.Compare(a.AppID, b.AppID), strings.Compare(a.MerchantNo, b.MerchantNo))
	})
	for _, m := range merchants {
		identity = append(identity, m.AppID, m.MerchantNo)
	}
	rate.Key = scope.Key(identity...)
	return rate, nil
}

// addRate makes the call count against a rate.
func (n *need) addRate(rate *stores.Rate) {
	if rate == nil {
		return
	}
	n.Rates = append(n.Rates, *rate)
	n.refusals[rate.Key] = func(*stores.Exceeded) error {
		if n.sharers > 0 {
			return tooOften(*rate, shareOfRate(*rate, n.sharers))
		}
		return tooOften(*rate, *rate)
	}
}

// shareOfRate returns the share of a rate that one of the replicas may sign.
func shareOfRate(rate stores.Rate, replicas int) stores.Rate {
	rate.PerSecond /= float64(replicas)
	rate.Burst = max(1, rate.Burst/replicas)
	return rate
}

// tooOften refuses a request beyond the available part of a rate: all of it, or a replica's
// share.
func tooOften(rate, available stores.Rate) *reply.Refusal {
	f := reply.Denied(ByRate, fmt.Sprintf("rate %v %d", rate.PerSecond, rate.Burst), http.StatusTooManyRequests, "TOO_MANY_REQUEST",
		"more requests per second than this sidecar signs; nothing was sent, so it is safe to try again later")
	f.Header = retryAfter(available.Interval())
	return f
}

// retryAfter returns a header that says when to try again, in whole seconds.
func retryAfter(wait time.Duration) http.Header {
	return http.Header{"Retry-After": {strconv.Itoa(max(1, int(math.Ceil(wait.Seconds()))))}}
}
