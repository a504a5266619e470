package deploy

// fault is a kind of fault, with the alert that must fire because of it.
type fault struct {
	what  string
	tests []string // that cause it, as named in docs/tests.md
	// alert is the alert whose runbook section says what to do. within is the number of minutes
	// within which it must fire if the fault affects all calls of four sidecars, thirty calls a
	// minute.
	alert  string
	within int
	// also lists the other alerts that fire half an hour after the fault began.
	also []string
	// why explains why there is no alert, if there is none.
	why string

	call   func(count int) ended
	gauges map[string]float64
	// sidecars is how many of the four sidecars have the gauges; zero means all.
	sidecars int
	// spread also runs the fault on 200 sidecars with forty calls a minute in total.
	spread bool
}

// all makes every call end in the same way.
func all(how ended) func(int) ended { return func(int) ended { return how } }

// some makes the first calls, up to a number, end in the given way; the rest succeed.
func some(number int, how ended) func(int) ended {
	return func(count int) ended {
		if count < number {
			return how
		}
		return succeeded
	}
}

// notSent is a call that did not reach PayerMax.
func notSent(failure string, seconds float64) ended {
	return ended{outcome: "not_sent", failure: failure, seconds: seconds}
}

// unknown is a call without an answer that could be reported.
func unknown(failure string, seconds float64) ended {
	return ended{outcome: "unknown", failure: failure, seconds: seconds}
}

var (
	withheld = ended{outcome: "unverified", failure: "http_protocol_error", code: "APPLY_SUCCESS", answer: "unverified", seconds: 0.05}
	unsigned = ended{outcome: "unsigned", code: "SYSTEM_ERROR", answer: "unsigned", seconds: 0.05}
)

// refusal is a refusal that PayerMax signed.
func refusal(code string) ended {
	return ended{outcome: "answered", code: code, answer: "verified", seconds: 0.05}
}

// limited is a call that one of the sidecar's own limits refused.
func limited(limit, failure string) ended {
	return ended{outcome: "refused", failure: failure, limit: limit, seconds: 0.001}
}

// faults are the faults of docs/tests.md, and others that occur in operation.
var faults = []fault{
	{what: "The gateway refuses connections, or its name is not found", tests: []string{"TestUnreachable", "TestDNS"},
		alert: "PayerMaxGatewayUnreachable", within: 4, also: []string{"PayerMaxNoSuccess"}, call: all(notSent("dns_error", 0.01)), spread: true},
	{what: "The gateway's certificate is wrong, or the gateway does not speak TLS", tests: []string{"TestTLS", "TestTLSNeverBegins"},
		alert: "PayerMaxGatewayUnreachable", within: 4, also: []string{"PayerMaxNoSuccess"}, call: all(notSent("tls_certificate_error", 0.1))},
	{what: "The gateway requires a client certificate", tests: []string{"TestTLSWantsCertificate"},
		alert: "PayerMaxOutcomeUnknown", within: 4, also: []string{"PayerMaxNoSuccess"}, call: all(unknown("tls_alert_received", 0.1))},
	{what: "The gateway or the forward proxy accepts connections, then stays silent", tests: []string{"TestFrozenGateway", "TestForwardProxyThatStaysSilent", "TestProxiesThatLeadNowhere"},
		alert: "PayerMaxGatewayUnreachable", within: 4, also: []string{"PayerMaxNoSuccess", "PayerMaxSlow", "PayerMaxUpstreamSlow"},
		call: all(notSent("connection_timeout", 5.1))},
	{what: "The network loses, delays or corrupts packets for some seconds", tests: []string{"TestNetworkFaults"},
		why: "the log has a line for each call; if it lasts, it is another fault of this page", call: some(1, unknown("http_response_timeout", 20))},
	{what: "Ten idle connections die at once", tests: []string{"TestDeadConnections"},
		why: "one call is lost, and its log line says so", call: some(1, unknown("http_response_timeout", 20))},
	{what: "With `versions 1.1 2`, the one connection of all calls dies", tests: []string{"TestDeadConnectionOfModernGateway"},
		alert: "PayerMaxOutcomeUnknown", within: 4, also: []string{}, call: some(5, unknown("connection_terminated", 10))},
	{what: "The gateway closes an HTTP/2 connection with GOAWAY", tests: []string{"TestGoAway"},
		why: "it affects a few calls at most, and their log lines say so", call: some(2, unknown("connection_terminated", 0.1))},
	{what: "The gateway's name gets another address, or the gateway closes a connection just as it is reused", tests: []string{"TestDNSMoves", "TestKeepAliveRace"},
		why: "every call is answered"},
	{what: "The forward proxy or the transport refuses the calls", tests: []string{"TestForwardProxy", "TestTransportSaysThatNothingWasSent", "TestGatewayHasNoAddress"},
		alert: "PayerMaxGatewayUnreachable", within: 4, also: []string{"PayerMaxNoSuccess"}, call: all(notSent("http_request_denied", 0.01))},
	{what: "The gateway never answers", tests: []string{"TestFaults"},
		alert: "PayerMaxOutcomeUnknown", within: 4, also: []string{"PayerMaxNoSuccess", "PayerMaxSlow", "PayerMaxUpstreamSlow"},
		call: all(unknown("http_response_timeout", 20))},
	{what: "Answers break off, or are not HTTP", tests: []string{"TestFaults"},
		alert: "PayerMaxOutcomeUnknown", within: 4, also: []string{"PayerMaxNoSuccess"}, call: all(unknown("http_response_incomplete", 0.1))},
	{what: "One answer in fifty breaks off", tests: []string{"TestFaults"},
		alert: "PayerMaxOutcomeUnknown", within: 9, also: []string{}, call: func(count int) ended {
			if count%50 == 7 {
				return unknown("connection_terminated", 0.1)
			}
			return succeeded
		}},
	{what: "Answers are not signed by PayerMax, or not strict JSON", tests: []string{"TestAnswersWithheld", "TestAnswersUnchecked"},
		alert: "PayerMaxAnswersUnverified", within: 2, also: []string{}, call: some(1, withheld)},
	{what: "An answer belongs to another call, merchant or user", tests: []string{"TestAnswersToOtherCalls", "TestSessionsAreNotShared"},
		alert: "PayerMaxAnswersUnverified", within: 2, also: []string{}, call: some(1, withheld)},
	{what: "Refusals are not signed", tests: []string{"TestAnswersPass", "TestAnswerHeader"},
		alert: "PayerMaxNoSuccess", within: 8, also: []string{"PayerMaxSystemErrors", "PayerMaxUnsignedAnswers"}, call: all(unsigned), spread: true},
	{what: "One answer in four is a refusal that is not signed", tests: []string{"TestAnswersPass"},
		alert: "PayerMaxUnsignedAnswers", within: 20, also: []string{"PayerMaxSystemErrors"}, call: func(count int) ended {
			if count%4 == 1 {
				return unsigned
			}
			return succeeded
		}},
	{what: "An intermediary answers in the gateway's place", tests: []string{"TestIntermediaryIsNotPayerMax"},
		alert: "PayerMaxOutcomeUnknown", within: 4, also: []string{"PayerMaxNoSuccess"}, call: all(unknown("http_protocol_error", 0.1)), spread: true},
	{what: "The application misreads an answer, or pays twice under two numbers", tests: []string{"TestRecipesAskPayerMax"},
		why: "the fault is the application's, and its own monitoring must notice it"},
	{what: "`gateway` points to the sidecar itself", tests: []string{"TestLoop"},
		alert: "PayerMaxNoSuccess", within: 8, also: []string{}, call: all(ended{outcome: "answered", code: "other", answer: "unchecked", seconds: 0.05})},
	{what: "Clients are slow, vanish, or do not read the answer", tests: []string{"TestSlowClients", "TestSlowBodyEndsWithTimeout", "TestVanishingClients", "TestVanishingAtAnyMoment"},
		why: "each client loses only its own call; if there are many, `PayerMaxInFlightLimit` fires", call: func(count int) ended {
			if count%10 == 3 {
				return ended{outcome: "refused", failure: "http_request_error", seconds: 4}
			}
			return succeeded
		}},
	{what: "The log's disk is full", tests: []string{"TestDiskFullOfLog", "TestDiskOfLogFillsUp"},
		alert: "PayerMaxLogLinesLost", within: 2, also: []string{}, gauges: map[string]float64{"caddy_payermax_log_lines_lost_total": 40}, sidecars: 1},
	{what: "The disk of Caddy's own directories is full", tests: []string{"TestDiskFullOfState"}, why: "nothing is lost, and the log warns of it"},
	{what: "A key file is missing or broken", tests: []string{"TestKeysGone"},
		alert: "PayerMaxKeyDegraded", within: 6, also: []string{},
		gauges: map[string]float64{`caddy_payermax_key_degraded{source="file",fingerprint="old"}`: 1}, sidecars: 1},
	{what: "There are no file descriptors left", tests: []string{"TestDescriptorsExhausted"},
		alert: "PayerMaxGatewayUnreachable", within: 4, also: []string{"PayerMaxNoSuccess"}, call: all(notSent("connection_limit_reached", 0.001))},
	{what: "The process ends before the answer arrives", tests: []string{"TestGraceEnds", "TestGraceEndsBeforeItIsSent"},
		why: "its metrics end with it; only its log lines remain"},
	{what: "The gateway's clock jumps by a minute", tests: []string{"TestClockJumps", "TestClocksOfSeveralGateways"},
		alert: "PayerMaxClockSkew", within: 6, also: []string{}, gauges: map[string]float64{"caddy_payermax_clock_skew_seconds": -61}, sidecars: 1},
	{what: "The gateway's clock jumps by two minutes", tests: []string{"TestClockJumps"},
		alert: "PayerMaxClockSkewCritical", within: 2, also: []string{"PayerMaxClockSkew", "PayerMaxNoSuccess"},
		gauges: map[string]float64{"caddy_payermax_clock_skew_seconds": 121}, call: all(refusal("REQ_TIME_OVER_TIME"))},
	{what: "The sidecar of a Job cannot start",
		why: "the Job fails with `DeadlineExceeded`, which kube-state-metrics counts: see [Jobs](../deploy/kubernetes/README.md#jobs)"},
	{what: "All calls of a Job fail that makes them within seconds of its start, or that ends within a minute",
		why: "a failure counts only if a scrape came before it and another after it; the Job gets the codes, and the log has a line for each"},
	{what: "Config reloads, and signals", tests: []string{"TestEventsAtEveryStage", "TestReloadUnderLoad", "TestReloadFails", "TestFailedConfigGivesSocketsBack", "TestDrainUnderLoad", "TestDrainIsAnnounced"},
		why: "no call in progress is lost"},
	{what: "A signature is computed wrongly", tests: []string{"TestFaultsInConstants", "TestFaultsInWorkspace", "TestFaultsInResult"},
		alert: "PayerMaxEngineFailures", within: 1, also: []string{}, gauges: map[string]float64{"caddy_payermax_engine_off": 1}, sidecars: 1},
	{what: "The engine of the config cannot be used, such as on an older node", tests: []string{"TestBatchEngineFallsBack", "TestBatchEngineFallsBackLoudly"},
		alert: "PayerMaxEngineUnavailable", within: 6, also: []string{},
		gauges: map[string]float64{`caddy_payermax_signing_engine_unavailable{source="file",fingerprint="one",engine="batch"}`: 1}, sidecars: 1},
	{what: "More calls arrive than can be signed", tests: []string{"TestOverload"},
		alert: "PayerMaxOverloaded", within: 2, also: []string{}, call: func(count int) ended {
			if count%3 == 0 {
				return limited("overload", "http_request_denied")
			}
			return succeeded
		}},
	{what: "The gateway is slow, and calls pile up", tests: []string{"TestSlowGatewayCostsBoundedMemory"},
		alert: "PayerMaxInFlightLimit", within: 2, also: []string{"PayerMaxSidecarInFlight", "PayerMaxSlow", "PayerMaxUpstreamSlow"},
		gauges: map[string]float64{"caddy_payermax_requests_in_flight": 430}, call: all(ended{outcome: "answered", code: "APPLY_SUCCESS", answer: "verified", seconds: 8})},
	{what: "Request bodies do not end, and their callers pile up", tests: []string{"TestUnfinishedBodiesCostBoundedMemory"},
		alert: "PayerMaxInFlightLimit", within: 3, also: []string{}, call: func(count int) ended {
			if count%5 == 0 {
				return limited("in_flight", "http_request_denied")
			}
			return succeeded
		}},
	{what: "One sidecar of four has nearly reached `max_in_flight`", tests: []string{"TestSlowGatewayCostsBoundedMemory"},
		alert: "PayerMaxSidecarInFlight", within: 6, also: []string{}, gauges: map[string]float64{"caddy_payermax_requests_in_flight": 480}, sidecars: 1},
	{what: "Notifications are forged, or for another merchant", tests: []string{"TestForgedProof", "TestNotifyBindsWhatIsSigned", "TestNotifyAddressees"},
		alert: "PayerMaxForgedNotifications", within: 3, also: []string{}, call: func(count int) ended {
			if count%10 == 0 {
				return ended{notification: "wrong_signature"}
			}
			return succeeded
		}},
	{what: "The application does not accept its notifications, or cannot be reached", tests: []string{"TestNotifyAckAfter"},
		alert: "PayerMaxNotificationsNotAccepted", within: 9, also: []string{}, call: func(count int) ended {
			if count%10 == 0 {
				return ended{notification: "not_accepted"}
			}
			return succeeded
		}},
	{what: "One sidecar of four cannot reach the shared store", tests: []string{"TestServerMayComeLater", "TestUselessServerIsFoundOut"},
		alert: "PayerMaxStoreUnreachable", within: 3, also: []string{}, gauges: map[string]float64{"caddy_payermax_store_reachable": 0}, sidecars: 1},
	{what: "The shared store is down while notifications arrive", tests: []string{"TestNotificationsThroughFaults", "TestSlowStore", "TestSentinelFailover"},
		alert: "PayerMaxNotificationsUnguarded", within: 3, also: []string{}, call: func(count int) ended {
			if count%10 == 0 {
				return ended{notification: "passed", unguarded: true}
			}
			return succeeded
		}},
	{what: "The sandbox answers in production", tests: []string{"TestSandboxElsewhereIsNoticed"},
		alert: "PayerMaxSandboxAnswers", within: 6, also: []string{}, gauges: map[string]float64{"caddy_payermax_sandbox": 1}, sidecars: 1},
	{what: "PayerMax does not know the public key",
		alert: "PayerMaxSignatureRefused", within: 2, also: []string{"PayerMaxMerchantRefused", "PayerMaxNoSuccess"}, call: all(refusal("SIGN_VERIFY_FAILED")), spread: true},
	{what: "PayerMax refuses the merchant, or answers every call with SYSTEM_ERROR",
		alert: "PayerMaxNoSuccess", within: 8, also: []string{}, call: all(refusal("MERCHANT_STATUS_ERROR")), spread: true},
	{what: "PayerMax refuses one merchant of a shared gateway, which makes ten calls an hour or fewer",
		why: "they are too few to tell from a change of the key; the caller gets the code, and the log has a line for each", call: func(count int) ended {
			if count%200 == 7 {
				return refusal("SIGN_VERIFY_FAILED")
			}
			return succeeded
		}},
	{what: "PayerMax answers one call in five with SYSTEM_ERROR",
		alert: "PayerMaxSystemErrors", within: 12, also: []string{}, call: func(count int) ended {
			if count%5 == 0 {
				return refusal("SYSTEM_ERROR")
			}
			return succeeded
		}, spread: true},
	{what: "PayerMax throttles",
		alert: "PayerMaxThrottled", within: 7, also: []string{}, call: func(count int) ended {
			if count%4 == 0 {
				return refusal("TOO_MANY_REQUEST")
			}
			return succeeded
		}},
	{what: "PayerMax is slow", alert: "PayerMaxUpstreamSlow", within: 13, also: []string{"PayerMaxSlow"},
		call: all(ended{outcome: "answered", code: "APPLY_SUCCESS", answer: "verified", seconds: 8}), spread: true},
	{what: "The service that holds the key signs slowly", alert: "PayerMaxSigningSlow", within: 13, also: []string{},
		call: all(ended{outcome: "answered", code: "APPLY_SUCCESS", answer: "verified", seconds: 1, signing: 0.9})},
	{what: "A new release of the application breaks a rule of a field",
		alert: "PayerMaxViolations", within: 12, also: []string{}, call: func(count int) ended {
			if count%2 == 0 {
				return ended{outcome: "refused", failure: "http_request_error", rule: true, seconds: 0.001}
			}
			return succeeded
		}},
	{what: "An application asks for more than its limits allow",
		alert: "PayerMaxLimitsRefuse", within: 3, also: []string{}, call: func(count int) ended {
			if count%10 == 0 {
				return limited("amount", "http_request_denied")
			}
			return succeeded
		}},
	{what: "A budget is nearly used up", tests: []string{"TestBudget"},
		alert: "PayerMaxBudgetLow", within: 3, also: []string{}, gauges: map[string]float64{
			`caddy_payermax_budget_limit{app_id="app",currency="USD",per="day"}`:     1000,
			`caddy_payermax_budget_remaining{app_id="app",currency="USD",per="day"}`: 50,
		}},
	{what: "The shared store is down, and it counts a budget", tests: []string{"TestBudgetsWithoutStore"},
		alert: "PayerMaxStoreRefuses", within: 3, also: []string{}, call: func(count int) ended {
			if count%10 == 0 {
				return limited("store", "http_request_denied")
			}
			return succeeded
		}},
	{what: "The shared store is down for so long that it does not learn how some calls ended", tests: []string{"TestSettlementsAreLost"},
		alert: "PayerMaxSettlementsLost", within: 2, also: []string{}, call: some(1, ended{outcome: "answered", code: "APPLY_SUCCESS", answer: "verified", unsettled: true})},
	{what: "In shadow mode, signatures differ",
		alert: "PayerMaxShadowDisagreement", within: 1, also: []string{}, call: some(1, ended{outcome: "answered", code: "APPLY_SUCCESS", answer: "verified", shadow: "disagree"})},
	{what: "The certificate of a shared gateway expires in ten days, or one process still has the old one after a renewal",
		alert: "PayerMaxCertificateExpiry", within: 16, also: []string{}, gauges: map[string]float64{servedCertificate: 10 * day}, sidecars: 1},
	{what: "The certificate of a shared gateway expires tomorrow",
		alert: "PayerMaxCertificateExpiryCritical", within: 16, also: []string{"PayerMaxCertificateExpiry"}, gauges: map[string]float64{servedCertificate: day}},
	{what: "All sidecars are down", alert: "PayerMaxMostSidecarsDown", within: 4, also: []string{"PayerMaxSidecarDown"},
		gauges: map[string]float64{"up": 0}},
	{what: "One sidecar of four stays down", alert: "PayerMaxSidecarDown", within: 16, also: []string{},
		gauges: map[string]float64{"up": 0}, sidecars: 1},
}
