package payermax

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/caddy-payermax/caddy-payermax/internal/cause"
	"github.com/caddy-payermax/caddy-payermax/internal/delivery"
	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/internal/reply"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/internal/verdict"
	"github.com/caddy-payermax/caddy-payermax/limits"
	"github.com/caddy-payermax/caddy-payermax/protocol"
	"github.com/caddy-payermax/caddy-payermax/stores"
	"github.com/caddy-payermax/caddy-payermax/validate"
)

const errorsPage = "docs/errors.md"

// errorTable returns the rows of the tables in a section of the page.
func errorTable(t *testing.T, heading string) [][]string {
	t.Helper()
	section, err := markdown.Section(markdown.Page(t, errorsPage), heading)
	require.NoError(t, err)
	rows := markdown.Rows(section)
	require.NotEmpty(t, rows)
	return rows
}

// words returns the parts of a cell that are marked as code.
func words(cell string) []string {
	var found []string
	for _, match := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		found = append(found, match[1])
	}
	return found
}

// refusalBy returns the refusal that a step of perform ends with.
func refusalBy[T any](_ T, err error) *reply.Refusal { return reply.AsRefusal(err) }

// allRefusals returns every refusal that an application can get.
func allRefusals() []*reply.Refusal {
	refusals := []*reply.Refusal{
		badRequest(""), notServed(&url.URL{}), notServed(&url.URL{Path: protocol.PathPrefix + "refund"}), methodNotAllowed(), tooLarge(0, "max_body_size"),
		unsupportedMediaType(""), loopDetected(), signingFailed(context.Background(), nil), verdict.Withheld(new(reply.Answer), nil), reply.AsRefusal(errors.New("x")),
		nothingSends(), new(merchant).withoutToken(nil), (&merchant{authToken: "{http.request.header.X-Token}"}).withoutToken(nil),
	}
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		refusals = append(refusals, verdict.ByAnIntermediary(&reply.Answer{Status: status}))
	}
	refusals = append(refusals, new(Handler).overloaded(), new(Handler).tooManyInFlight(), delivery.NotSentInTime(delivery.ErrProcessEnds))
	refusals = append(refusals, limitRefusals()...)

	failed := func(connecting, written, handshakeFailed bool, a reply.Answer, err error) {
		d := delivery.New(protocol.Endpoint{}, false, new(delivery.Signed), nil)
		out := d.Outgoing(context.Background(), httptest.NewRequest(http.MethodPost, "/", nil), make(http.Header))
		trace := httptrace.ContextClientTrace(out.Context())
		if connecting {
			trace.GetConn("")
		}
		if handshakeFailed {
			trace.TLSHandshakeDone(tls.ConnectionState{}, errors.New("x"))
		}
		if written {
			trace.WroteHeaders()
		}
		refusals = append(refusals, d.Failed(context.Background(), &a, err))
	}
	for _, err := range []error{
		os.NewSyscallError("connect", syscall.ECONNREFUSED), &net.DNSError{IsNotFound: true}, &net.DNSError{IsTimeout: true},
		os.ErrDeadlineExceeded, &tls.CertificateVerificationError{Err: io.EOF}, io.EOF, errors.New("x"),
		os.NewSyscallError("connect", syscall.ENETUNREACH), os.NewSyscallError("socket", syscall.EMFILE),
		&net.OpError{Op: "remote error", Err: tls.AlertError(0)}, &cause.ConnectRefused{Status: 407}, &cause.ConnectRefused{Status: 403},
	} {
		failed(true, false, false, reply.Answer{}, err)
	}
	failed(true, false, true, reply.Answer{}, errors.New("x"))
	failed(false, false, false, reply.Answer{}, caddyhttp.Error(http.StatusServiceUnavailable, errors.New("x")))
	failed(false, false, false, reply.Answer{}, errors.New("x"))
	failed(true, true, false, reply.Answer{}, io.EOF)
	failed(true, true, false, reply.Answer{}, os.ErrDeadlineExceeded)
	failed(true, true, false, reply.Answer{}, &net.OpError{Op: "remote error", Err: tls.AlertError(0)})
	failed(true, true, false, reply.Answer{}, errors.New("tls: bad record MAC"))
	for _, words := range cause.Beginnings() {
		failed(true, true, false, reply.Answer{}, errors.New(words))
	}
	failed(true, true, false, reply.Answer{Status: 200}, http.ErrAbortHandler)
	failed(true, true, false, reply.Answer{Status: 200, TooLarge: true}, http.ErrAbortHandler)
	return refusals
}

// limitRefusals returns every refusal of the limits.
func limitRefusals() []*reply.Refusal {
	order, _ := protocol.Lookup("orderAndPay")
	rules, _ := validate.Lookup(order.Name, order.Version)
	enabled := limits.Endpoint{Endpoint: order, Rules: rules}
	open := func(l limits.Limits, store stores.Store) *limits.Enforced {
		enforced, err := l.Open(limits.Place{
			Enabled: []limits.Endpoint{enabled}, Merchants: []limits.Merchant{{}}, Store: store, Longest: time.Second, Logger: zap.NewNop(),
		})
		if err != nil {
			panic(err)
		}
		return enforced
	}
	var refusals []*reply.Refusal
	reserve := func(l *limits.Enforced, data string) {
		body := []byte(`{"data":` + data + `}`)
		if refused := refusalBy(l.Reserve(context.Background(), limits.Call{Endpoint: enabled, Body: body, Data: []byte(data)})); refused != nil {
			refusals = append(refusals, refused)
		}
	}

	callers := open(limits.Limits{CallerID: "{none}", Callers: map[string]limits.Caller{"shop": {}}}, stores.NewMemory())
	refusals = append(refusals, refusalBy(callers.Admit("", caddy.NewReplacer())))
	const paid = `{"outTradeNo":"P1","totalAmount":2,"currency":"USD"}`
	reserve(open(limits.Limits{Quota: limits.Quota{MaxAmounts: map[string]string{"USD": "1"}}}, stores.NewMemory()), paid)
	budget := limits.Limits{Quota: limits.Quota{Budgets: []limits.Budget{{Currency: "USD", Amount: "1", Per: "day"}}}}
	reserve(open(budget, stores.NewMemory()), paid)
	reserve(open(budget, unreachableStore{}), paid)
	rate, doubles := open(limits.Limits{Quota: limits.Quota{Rate: 0.001}}, stores.NewMemory()), open(limits.Limits{RefuseDoubles: true}, stores.NewMemory())
	for range 2 { // the first of them is allowed
		reserve(rate, paid)
		reserve(doubles, paid)
	}
	reserve(doubles, `{}`)
	return refusals
}

// unreachableStore is a store that replicas share, but that cannot be reached.
type unreachableStore struct{ stores.Claims }

func (unreachableStore) Reserve(context.Context, stores.Reservation) ([]stores.Balance, error) {
	return nil, errors.New("out of reach")
}

func (unreachableStore) Settle(context.Context, stores.Reservation, stores.Settlement) error {
	return nil
}

// The table of the sidecar's own answers has a row for each of them, and its rows have
// nothing that does not exist.
func TestErrorsPageAnswers(t *testing.T) {
	rows := errorTable(t, "What the sidecar answers itself")
	used := make(map[string]bool)
	codes := make(map[string]bool)
	for _, f := range allRefusals() {
		codes[f.Code] = true
		status := strconv.Itoa(f.Status)
		sent := map[bool]string{true: "no", false: "**unknown**"}[f.Outcome == reply.Refused || f.Outcome == reply.NotSent]
		var told bool
		for i, row := range rows {
			if slices.Contains(strings.Split(row[0], ", "), status) && slices.Equal(words(row[1]), []string{f.Code}) &&
				slices.Contains(words(row[2]), f.ProxyError) && row[4] == sent {
				told = true
				used[strconv.Itoa(i)+status], used[strconv.Itoa(i)+f.ProxyError] = true, true
			}
		}
		assert.True(t, told, "the page has no row for %s %s, error=%s, sent: %s", status, f.Code, f.ProxyError, sent)
	}
	for i, row := range rows {
		for _, word := range append(strings.Split(row[0], ", "), words(row[2])...) {
			assert.True(t, used[strconv.Itoa(i)+word], "nothing in the code is what the page says: %s of %v", word, row)
		}
	}

	// The test itself must not miss a code.
	for _, f := range []string{"NOTIFICATION_REFUSED", "NOTIFICATION_NOT_ACCEPTED"} {
		codes[f] = true // PayerMax gets these
	}
	assert.Equal(t, writtenIn(t, codeWritten, refusing...), slices.Sorted(maps.Keys(codes)), "the codes in the code, and those made here")
	page := markdown.Page(t, errorsPage)
	for _, word := range slices.Concat(writtenIn(t, codeWritten, refusing...), writtenIn(t, proxyErrorWritten, refusing...)) {
		assert.True(t, strings.Contains(page, "`"+word+"`"), "the page lacks %s", word)
	}
}

// refusing are the directories whose code refuses requests, or says why there is no
// answer.
var refusing = []string{".", "internal/cause", "internal/delivery", "internal/reply", "internal/verdict", "limits", "modules/notify"}

// These match where the code writes the words that the page explains.
var (
	codeWritten       = regexp.MustCompile(`(?:\bCode: |\.Code = |ClientError\([\w.]+, |Denied\([^\n]*?, [\w.]+, )"([A-Z_]+)"`)
	proxyErrorWritten = regexp.MustCompile(`(?:[pP]roxyError: |\.ProxyError = |\breturn )"([a-z]+_[a-z_]+)"`)
	ruleWritten       = regexp.MustCompile(`(?:\bRule: |\brule[A-Z]\w+ += |unknownMerchant\(|unreadable\()"(\w+)"`)
)

// writtenIn returns what a regular expression finds in the code of some directories,
// sorted.
func writtenIn(t *testing.T, expression *regexp.Regexp, folders ...string) []string {
	t.Helper()
	found := make(map[string]bool)
	for _, folder := range folders {
		paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
		require.NoError(t, err)
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			code, err := os.ReadFile(path)
			require.NoError(t, err)
			for _, match := range expression.FindAllStringSubmatch(string(code), -1) {
				found[match[1]] = true
			}
		}
	}
	require.NotEmpty(t, found)
	return slices.Sorted(maps.Keys(found))
}

// sample is a request that breaks one rule, with the options of the sidecar that this
// takes.
type sample struct {
	body    string
	options func(*Handler)
}

// samples has a sample for each rule.
var samples = map[string]sample{
	"json":      {body: `{"data":{}`},
	"utf8":      {body: "\xef\xbb\xbf" + sessionBody},
	"duplicate": {body: `{"data":{"currency":"IDR","currency":"USD"}}`},
	"depth":     {body: `{"data":` + strings.Repeat(`{"a":`, 32) + `1` + strings.Repeat("}", 33)},
	"reserved":  {body: `{"data":{"totalAmount":{"$ref":"$.x"}}}`},
	"number":    {body: `{"data":{"totalAmount":1e309}}`},
	"required":  {body: `{"data":{"totalAmount":10000,"currency":"IDR","country":"ID"}}`},
	"type":      {body: strings.Replace(sessionBody, `}}`, `,"componentList":"CARD"}}`, 1)},
	"maxLength": {body: strings.Replace(sessionBody, "U10001", strings.Repeat("U", 65), 1)},
	"pattern":   {body: strings.Replace(sessionBody, "IDR", "idr", 1)},
	"enum": {
		body:    `{"data":{"currency":"IDR","country":"ID","userId":"U10001","componentList":["CASH"]}}`,
		options: func(h *Handler) { h.Versions = map[string]string{protocol.SessionEndpoint: "1.6"} },
	},
	"currency":  {body: strings.Replace(sessionBody, "IDR", "RUP", 1)},
	"country":   {body: strings.Replace(sessionBody, `"ID"`, `"UK"`, 1)},
	"decimals":  {body: strings.Replace(sessionBody, "10000", "10000.5", 1)},
	"minimum":   {body: strings.Replace(sessionBody, "10000", "-1", 1)},
	"lookAlike": {body: strings.Replace(sessionBody, `"userId"`, `"user_id":"","userId"`, 1)},
	"mismatch":  {body: strings.Replace(sessionBody, `{`, `{"appId":"other",`, 1)},
	"contract":  {body: sessionBody, options: func(h *Handler) { h.Contract = &Contract{Currencies: []string{"USD", "EUR"}} }},
	"limit": {
		body: sessionBody,
		options: func(h *Handler) {
			h.Limits = &limits.Limits{Quota: limits.Quota{MaxAmounts: map[string]string{"IDR": "5000"}}}
		},
	},
}

// message returns the sidecar's message about a sample.
func (s sample) message(t *testing.T, rule string) string {
	t.Helper()
	var options []func(*Handler)
	if s.options != nil {
		options = append(options, s.options)
	}
	f := refusalOf(t, serve(t, newHandler(t, options...), post(s.body), testcaddy.Unreachable(t)))
	require.Len(t, f.Errors, 1, "%+v", f)
	require.Equal(t, rule, f.Errors[0].Rule)
	return f.Errors[0].Message
}

// The tables of rules list each rule, with the sidecar's message about a request that
// breaks it.
func TestErrorsPageRules(t *testing.T) {
	documented := make(map[string]string)
	for _, row := range errorTable(t, "The rules in `errors`") {
		documented[words(row[0])[0]] = row[1]
	}
	assert.Equal(t, writtenIn(t, ruleWritten, ".", "envelope", "limits", "validate"), slices.Sorted(maps.Keys(documented)))
	for rule, message := range documented {
		if rule == "syntax" {
			// The envelope's reader finds this error first, so no application ever gets
			// this message.
			rules, ok := validate.Lookup(protocol.SessionEndpoint, "1.5")
			require.True(t, ok)
			assert.Equal(t, rules.Validate([]byte("{"))[0].Message, message)
			continue
		}
		assert.Equal(t, samples[rule].message(t, rule), message, rule)
	}
}

// The tables of PayerMax's codes list the codes that the Go code knows, each once.
func TestErrorsPageCodes(t *testing.T) {
	var documented []string
	for _, row := range errorTable(t, "PayerMax's codes") {
		documented = append(documented, words(row[0])...)
		assert.NotEmpty(t, row[len(row)-1], row)
	}
	assert.ElementsMatch(t, protocol.DocumentedCodes(), documented)
}

// The table of what answers repeat of their calls matches the fields that the code
// compares.
func TestErrorsPageEchoes(t *testing.T) {
	documented := make(map[string][]string)
	for _, row := range errorTable(t, "Whose answer it is") {
		for _, endpoint := range words(row[0]) {
			documented[endpoint] = words(row[1])
		}
	}
	known := make(map[string][]string)
	for _, e := range protocol.Endpoints() {
		if len(e.Echoes) > 0 {
			known[e.Name] = e.Echoes
		}
	}
	assert.Equal(t, known, documented)
}

// The page names the statuses that are passed on, and no others.
func TestErrorsPageStatuses(t *testing.T) {
	var list []string
	for status := http.StatusOK; status < 600; status++ {
		if (&reply.Answer{Status: status}).Whole("").Status == status {
			list = append(list, strconv.Itoa(status))
		}
	}
	last := len(list) - 1
	assert.Contains(t, markdown.Page(t, errorsPage), strings.Join(list[:last], ", ")+" or "+list[last]+",")
}
