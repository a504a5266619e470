package deploy

import (
	"fmt"
	"testing"
)

// kubernetesFault is a fault of pods, as kube-state-metrics and Prometheus see it.
type kubernetesFault struct {
	what   string
	alert  string
	within int // minutes from its beginning
	fleet  fleet
}

// podSeries returns the kube-state-metrics series of a pod's sidecar, with the values in promtool's
// notation.
func podSeries(pod, phase, running string) map[string]string {
	labels := fmt.Sprintf(`job="kube-state-metrics",namespace="shop",pod=%q`, pod)
	return map[string]string{
		fmt.Sprintf(`kube_pod_info{%s}`, labels):                                               "1x200",
		fmt.Sprintf(`kube_pod_init_container_info{%s,container="payermax"}`, labels):           "1x200",
		fmt.Sprintf(`kube_pod_init_container_status_running{%s,container="payermax"}`, labels): running,
		fmt.Sprintf(`kube_pod_status_phase{%s,phase=%q}`, labels, phase):                       "1x200",
	}
}

// podsOf returns the series of several pods.
func podsOf(pods int, phase, running string) map[string]string {
	series := make(map[string]string)
	for number := range pods {
		for name, values := range podSeries(fmt.Sprintf("shop-%d", number), phase, running) {
			series[name] = values
		}
	}
	return series
}

// refundsOfShop names a series of refunds, which the fleet's payments do not include.
func refundsOfShop(metric, labels string) string {
	return fmt.Sprintf(`%s{job="payermax",namespace="shop",pod="shop-0",instance="10.0.0.0:8081",endpoint="refund",%s}`, metric, labels)
}

// refusedOnceEach returns the series of sidecars that PayerMax refuses once each, four every three
// minutes.
func refusedOnceEach(sidecars int, code string) map[string]string {
	series := make(map[string]string)
	for number := range sidecars {
		name := fmt.Sprintf(`caddy_payermax_gateway_codes_total{job="payermax",namespace="shop",instance="10.0.0.%d:8081",code=%q}`, number, code)
		series[name] = fmt.Sprintf("0x%d 1x200", faultBegins+number*3/4)
	}
	return series
}

// kubernetesFaults are faults of pods. They begin in minute faultBegins.
var kubernetesFaults = []kubernetesFault{
	{what: "All pods wait for a Secret that does not exist", alert: "PayerMaxMostSidecarsDown", within: 4,
		fleet: fleet{others: withNode(podsOf(2, "Pending", fmt.Sprintf("_x%d 0x100", faultBegins)))}},
	{what: "One pod of a rollout waits for a Secret", alert: "PayerMaxSidecarNotRunning", within: 16,
		fleet: fleet{sidecars: 4, callsAMinute: 30,
			others: merged(podsOf(4, "Running", "1x200"), podSeries("shop-9", "Pending", fmt.Sprintf("_x%d 0x100", faultBegins)))}},
	{what: "All sidecars crash repeatedly, and answer in between", alert: "PayerMaxMostSidecarsDown", within: 11,
		fleet: fleet{sidecars: 4, callsAMinute: 30,
			gauges: func(minute, _ int) map[string]float64 {
				if minute < faultBegins {
					return nil
				}
				if minute%5 == 0 {
					return map[string]float64{"process_start_time_seconds": float64(1795100000 + minute)}
				}
				return map[string]float64{"up": 0}
			},
			restarts: func(minute, _ int) bool { return minute >= faultBegins && minute%5 == 0 }}},
	{what: "One sidecar is killed repeatedly", alert: "PayerMaxSidecarRestarts", within: 16,
		fleet: fleet{sidecars: 4, callsAMinute: 30,
			gauges: func(minute, number int) map[string]float64 {
				if number > 0 || minute < faultBegins {
					return nil
				}
				return map[string]float64{"process_start_time_seconds": float64(1795100000 + minute/5)}
			},
			restarts: func(minute, number int) bool { return number == 0 && minute >= faultBegins && minute%5 == 0 }}},
	{what: "No call succeeds through one sidecar of four", alert: "PayerMaxSidecarNoSuccess", within: 75,
		fleet: fleet{sidecars: 4, callsAMinute: 30, minutes: 115,
			call: func(minute, number, count int) ended {
				if number == 0 && minute >= faultBegins {
					return refusal("MERCHANT_STATUS_ERROR")
				}
				return healthy(count)
			}}},
	{what: "No call succeeds through a sidecar that makes three an hour", alert: "PayerMaxSidecarNoSuccess", within: 372,
		fleet: fleet{sidecars: 2, callsAMinute: 0.1, lean: true, minutes: faultBegins + 375,
			call: func(minute, number, count int) ended {
				if number == 0 && minute >= faultBegins {
					return refusal("SIGN_VERIFY_FAILED")
				}
				return healthy(count)
			}}},
	{what: "No refund succeeds, though payments do", alert: "PayerMaxEndpointNoSuccess", within: 13,
		fleet: fleet{sidecars: 4, callsAMinute: 30, others: map[string]string{
			refundsOfShop("caddy_payermax_requests_total", `outcome="answered",error=""`): fmt.Sprintf("0x%d 4+4x100", faultBegins-1),
			refundsOfShop("caddy_payermax_gateway_codes_total", `code="SYSTEM_ERROR"`):    fmt.Sprintf("0x%d 4+4x100", faultBegins-1),
		}}},
	{what: "PayerMax refuses one merchant of thirty in a shared gateway", alert: "PayerMaxMerchantRefused", within: 45,
		fleet: fleet{sidecars: 4, callsAMinute: 30, minutes: faultBegins + 50,
			call: func(minute, _, count int) ended {
				if minute >= faultBegins && count%30 == 11 {
					return refusal("SIGN_VERIFY_FAILED")
				}
				return healthy(count)
			}}},
	{what: "PayerMax refuses one merchant of many, once in each of two hundred sidecars", alert: "PayerMaxMerchantRefused", within: 45,
		fleet: fleet{minutes: faultBegins + 50, others: withNode(refusedOnceEach(200, "MERCHANT_APP_INVALID"))}},
	{what: "Prometheus finds no target", alert: "PayerMaxSidecarAbsent", within: 16,
		fleet: fleet{sidecars: 2, callsAMinute: 30, life: func(int) (int, int) { return 0, faultBegins - 1 }}},
}

// withNode adds the series that a cluster also has: kube-state-metrics' own target, and a sidecar
// in another namespace.
func withNode(series map[string]string) map[string]string {
	return merged(series, map[string]string{`up{job="kube-state-metrics"}`: "1x200", `up{job="payermax",namespace="books",pod="books-1",instance="10.0.9.9:8081"}`: "1x200"})
}

// merged returns the series of both maps.
func merged(one, other map[string]string) map[string]string {
	both := make(map[string]string)
	for _, series := range []map[string]string{one, other} {
		for name, values := range series {
			both[name] = values
		}
	}
	return both
}

// Faults of pods raise their alerts.
func TestFaultsOfPodsRaiseTheirAlerts(t *testing.T) {
	t.Parallel()
	tests := make([]ruleTest, 0, len(kubernetesFaults))
	for _, f := range kubernetesFaults {
		f.fleet.minutes = max(f.fleet.minutes, faultsEnd)
		tests = append(tests, f.fleet.test(f.what, firing(faultBegins-1, true), firing(faultBegins+f.within, false, f.alert)))
	}
	runRuleTests(t, tests...)
}
