package payermax

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/internal/testcaddy"
	"github.com/caddy-payermax/caddy-payermax/modules/notify"
	"github.com/caddy-payermax/caddy-payermax/protocol"
)

// signing is the text of a payermax_sign directive.
const signing = "payermax_sign {\napp_id app\nprivate_key private.key\n}\n"

// proxying returns a reverse_proxy that can follow it.
func proxying(url string) string {
	return "reverse_proxy " + url + " {\ntransport payermax\n}\n"
}

// handlersIn returns the handlers of this module in a config.
func handlersIn(tree map[string]any) (*layout.Layout, []layout.Handler) {
	servers := tree["apps"].(map[string]any)["http"].(map[string]any)["servers"].(map[string]any)
	read := layout.Read(servers)
	return read, read.Handlers
}

// The ways past payermax_notify, each as words of the warning about it.
const (
	forged   = "does not see every request"
	sideDoor = "another site proxies to the application"
	exact    = "payermax_notify matches exactly the path"
	byMore   = "payermax_notify is matched by"
	cutOff   = "no notification reaches an application"
	front    = "answers every request before payermax_notify"
	failed   = "payermax_notify is in handle_errors"
	nothing  = "no handler follows payermax_notify"
	taken    = "before the reverse_proxy behind it"
	pathless = "no handler behind payermax_notify serves"
	password = "PayerMax sends no user name and password"
)

// If requests can get past a payermax_notify, loading the config logs a warning, and the
// doctor gives the same one. Otherwise there is no warning.
func TestWaysPastNotify(t *testing.T) {
	options := fmt.Sprintf("{\ngateway_public_key %s\napp_id app\n}", writePublicKey(t, &gatewayKey().PublicKey))
	notify := func(matcher string) string { return "payermax_notify " + matcher + " " + options + "\n" }
	signs := strings.ReplaceAll(signing, "private.key", writePrivateKey(t, merchantKey()))
	const app, guard = "reverse_proxy 127.0.0.1:3000\n", "payermax_notify_guard\n"
	site := func(lines ...string) string { return ":8443 {\nbind 127.0.0.1\n" + strings.Join(lines, "") + "}\n" }
	block := func(name string, lines ...string) string { return name + " {\n" + strings.Join(lines, "") + "}\n" }
	host := func(name string, lines ...string) string { return block("http://"+name, lines...) }
	calls := func(matcher string) string {
		return strings.Replace(signs, "payermax_sign {", "payermax "+matcher+" {\ngateway https://one.example", 1)
	}

	for name, test := range map[string]struct {
		config string
		want   []string
	}{
		"the manual's layout":            {site(notify("/callback*"), "reverse_proxy /callback* 127.0.0.1:3000\n"), nil},
		"a proxy for the whole site":     {site(notify("/callback*"), app), nil},
		"no matcher":                     {site(notify(""), app), nil},
		"two directives":                 {site(notify("/a*"), notify("/b*"), app), nil},
		"a handle beside it":             {site(notify("/callback*"), block("handle", app)), nil},
		"in a handle that is all":        {site(block("handle", notify("/callback*"), app)), nil},
		"in a route that is all":         {site(block("route", notify("/callback*"), app)), nil},
		"guarded by hand":                {site(guard, block("handle /callback*", notify(""), app), block("handle", app)), nil},
		"several sites":                  {host("a.example", notify("/callback*"), app) + host("b.example", "reverse_proxy 127.0.0.1:4000\n"), nil},
		"two guarded sites":              {host("a.example", notify("/callback*"), app) + host("b.example", guard, app), nil},
		"errors go to the proxy":         {site(guard, "basic_auth {\nu $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\n", notify("/callback*"), block("handle_errors", app)), []string{nothing, password}},
		"a named route":                  {"&(callback) {\n" + notify("/callback*") + "}\n" + site("invoke callback\n", app), nil},
		"calls from the same site":       {site(notify("/callback*"), "route {\n"+signs+proxying("https://one.example")+"}\n"), []string{cutOff}},
		"calls go first":                 {site(notify("/callback*"), calls(""), "reverse_proxy /callback* 127.0.0.1:3000\n"), []string{cutOff}},
		"calls go first, in two":         {site(notify("/callback*"), signs, proxying("https://one.example"), "reverse_proxy /callback* 127.0.0.1:3000\n"), []string{front}},
		"an answer goes first":           {site(guard, block("route", "respond hi\n", notify("/callback*"), app)), []string{front}},
		"calls have their own paths":     {site(notify("/callback*"), calls("/aggregate-pay/*"), "reverse_proxy /callback* 127.0.0.1:3000\n"), nil},
		"calls come last":                {site(block("route", notify("/callback*"), "reverse_proxy /callback* 127.0.0.1:3000\n", calls(""))), nil},
		"the address has a path":         {"http://:8443/shop* {\nbind 127.0.0.1\n" + notify("/shop/callback*") + app + "}\n", nil},
		"inside a handle":                {site(block("handle /callback*", notify(""), app), block("handle", app)), []string{forged}},
		"inside a handle, and no app":    {site(block("handle /callback*", notify(""), app)), []string{forged}},
		"inside handle_path":             {site(block("handle_path /pay/*", notify("/callback*"), app), app), []string{forged}},
		"inside a route":                 {site(block("route /pay/*", notify("/pay/callback*"), app), app), []string{forged}},
		"one of two inside a handle":     {site(block("handle /a*", notify(""), app), block("handle /b*", notify(""), app)), []string{forged}},
		"in a route, too late":           {site(block("route", "reverse_proxy /x* 127.0.0.1:3000\n", notify("/callback*"), app)), []string{forged}},
		"forward_auth sees it first":     {site("forward_auth 127.0.0.1:4000 {\nuri /auth\n}\n", notify("/callback*"), app), []string{forged}},
		"guard ahead of forward_auth":    {site(guard, "forward_auth 127.0.0.1:4000 {\nuri /auth\n}\n", notify("/callback*"), app), nil},
		"errors get ahead of it":         {site("basic_auth {\nu $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\n", notify("/callback*"), block("handle_errors", app)), []string{forged, nothing, password}},
		"errors of some get ahead of it": {site("basic_auth /callback* {\nu $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\n", notify("/callback*"), app, block("handle_errors", app)), []string{forged, password}},
		"errors of one of two sites": {host("a.example", notify("/callback*"), app, block("handle_errors", app)) +
			host("b.example", "respond hi\n"), nil},
		"nothing behind it":          {site(notify("/callback*")), []string{nothing}},
		"only what answers nothing":  {site("encode\n", "payermax_health\n", notify("/callback*")), []string{nothing}},
		"an app for other paths":     {site(notify("/callback*"), "reverse_proxy /shop* 127.0.0.1:3000\n"), []string{pathless + " /callback*"}},
		"a handle for other paths":   {site(notify("/callback*"), block("handle /Shop/*", app)), []string{pathless + " /callback*"}},
		"a path beside an exact one": {site(notify("/callback"), "reverse_proxy /callback/x* 127.0.0.1:3000\n"), []string{exact + " /callback:", pathless + " /callback,"}},
		"an app for more paths":      {site(notify("/Pay/callback*"), "reverse_proxy /x* 127.0.0.1:3000\n", "reverse_proxy /pay/* 127.0.0.1:3000\n"), nil},
		"an app for fewer paths":     {site(notify("/pay/*"), "reverse_proxy /pay/callback 127.0.0.1:3000\n"), nil},
		"an app by a suffix":         {site(notify("/pay/*"), "reverse_proxy */callback 127.0.0.1:3000\n"), nil},
		"rewritten to the app's":     {site(block("route", notify("/callback*"), "rewrite * /shop\n", "reverse_proxy /shop* 127.0.0.1:3000\n")), nil},
		"an app in another handle":   {site(guard, block("handle /callback*", notify("")), block("handle", app)), []string{nothing}},
		"an error for other routes":  {site(block("route", notify("/callback*"), "error 404\n"), block("handle_errors", app)), nil},
		"a fixed answer behind it":   {site(notify("/callback*"), "respond /callback* `{\"code\":\"SUCCESS\",\"msg\":\"Success\"}`\n"), nil},
		"an answer for more paths":   {site(notify("/pay/callback*"), "respond /pay/* 200\n", app), []string{taken}},
		"an answer for that path":    {site(notify("/callback*"), "respond /callback 200\n", app), []string{taken}},
		"a redirect of all":          {site(notify("/callback*"), "redir https://one.example\n", app), []string{front}},
		"a redirect behind it":       {site(block("route", notify("/callback*"), "redir https://one.example\n", app)), []string{taken}},
		"calls for that path":        {site(notify("/callback*"), calls("/callback*"), app), []string{taken}},
		"an answer in a handle":      {site(notify("/callback*"), block("handle /callback*", "respond ok\n"), block("handle", app)), []string{taken}},
		"an answer for one of two":   {site("@c path /a* /b*\n", notify("@c"), "respond /b* 200\n", app), []string{taken}},
		"an answer in front of it":   {site(guard, block("route", "respond /callback* 200\n", notify("/callback*"), app)), []string{front}},
		"an answer for other paths":  {site(notify("/callback*"), "respond /health 200\n", "respond /callback/health 200\n", app), nil},
		"an answer for some":         {site("@h header X-A b\n", notify("/callback*"), "respond @h 200\n", app), nil},
		"an answer to GET":           {site("@g method GET\n", notify("/callback*"), "respond @g 200\n", app), nil},
		"an answer behind the app":   {site(block("route", notify("/callback*"), app, "respond 404\n")), nil},
		"an answer where it changes": {site(block("route", notify("/callback*"), "rewrite /callback* /x\n", "respond /callback* 200\n", app)), nil},
		"an app for another path":    {site(notify("/payermax/callback*"), "reverse_proxy /cb* 127.0.0.1:3000\n"), []string{pathless + " /payermax/callback*"}},
		"an app for one of two":      {site("@c path /a* /b*\n", notify("@c"), "reverse_proxy /a* 127.0.0.1:3000\n"), []string{pathless + " /b*"}},
		"an app for a part":          {site(notify("/callback*"), "reverse_proxy /callback/a* 127.0.0.1:3000\n"), nil},
		"an app for another method":  {site("@g method GET\n", notify("/callback*"), "reverse_proxy @g 127.0.0.1:3000\n"), []string{pathless + " /callback*"}},
		"an app by capitals":         {site(notify("/CallBack*"), "reverse_proxy /callback* 127.0.0.1:3000\n"), nil},
		"in handle_errors":           {site(guard, "file_server\n", block("handle_errors", notify(""), app)), []string{failed}},
		"another site, the same app": {host("a.example", notify("/callback*"), app) + host("b.example", app), []string{sideDoor}},
		"an exact path":              {site(notify("/payermax/callback"), app), []string{exact + " /payermax/callback:"}},
		"an exact path around it":    {site(guard, block("handle /payermax/callback", notify(""), app)), []string{exact + " /payermax/callback:"}},
		"one exact path of two":      {site("@c path /a* /b\n", notify("@c"), app), []string{exact + " /b:"}},
		"by method":                  {site("@c {\npath /callback*\nmethod POST\n}\n", notify("@c"), app), []string{byMore + " method,"}},
		"by address, like the proxy": {site("@c {\npath /callback*\nremote_ip 192.0.2.1\n}\n", notify("@c"), "reverse_proxy @c 127.0.0.1:3000\n"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			tree := testcaddy.Adapted(t, "{\nadmin off\n}\n"+test.config)
			report := examined(t, "{\nadmin off\n}\n"+test.config, doctor.Options{Offline: true})
			logged, err := testcaddy.Loaded(t, tree)
			require.NoError(t, err)
			for _, words := range []string{forged, sideDoor, exact, byMore, cutOff, front, failed, nothing, taken, pathless, password} {
				expected := false
				for _, want := range test.want {
					if strings.HasPrefix(want, words) {
						expected, words = true, want
					}
				}
				assert.Equal(t, expected, strings.Contains(logged, words), "%s\n%s", words, logged)
				found := false
				for _, r := range resultsOf(report, "placement") {
					assert.Equal(t, doctor.Warning, r.Outcome)
					assert.NotEmpty(t, r.Next)
					found = found || strings.Contains(r.Message, words)
				}
				assert.Equal(t, expected, found, "%s\n%v", words, report)
			}
		})
	}
}

// The same holds in JSON, where no directive adds a guard.
func TestWaysPastNotifyInJSON(t *testing.T) {
	verify := fmt.Sprintf(`{"handler":"payermax_notify","gateway_public_keys":[%q],"duplicates":"1h","app_ids":["app"]}`, writePublicKey(t, &gatewayKey().PublicKey))
	const app, guard = `{"handler":"reverse_proxy","upstreams":[{"dial":"127.0.0.1:3000"}]}`, `{"handler":"payermax_notify_guard"}`
	for name, test := range map[string]struct {
		routes string
		warned bool
	}{
		"no guard":                 {`{"match":[{"path":["/callback*"]}],"handle":[` + verify + `]},{"handle":[` + app + `]}`, true},
		"a guard":                  {`{"handle":[` + guard + `]},{"match":[{"path":["/callback*"]}],"handle":[` + verify + `]},{"handle":[` + app + `]}`, false},
		"a guard in the same list": {`{"handle":[` + guard + `,` + verify + `,` + app + `]}`, false},
		"a guard after it":         {`{"handle":[` + verify + `,` + app + `,` + guard + `]}`, true},
		"a guard for some":         {`{"match":[{"path":["/callback*"]}],"handle":[` + guard + `,` + verify + `]},{"handle":[` + app + `]}`, true},
		"a guard in a group":       {`{"group":"g","handle":[` + guard + `]},{"handle":[` + verify + `]},{"handle":[` + app + `]}`, true},
		"in a handler of others":   {`{"handle":[{"handler":"intercept","handle_response":[{"routes":[{"handle":[` + verify + `]}]}]}]}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			var tree map[string]any
			require.NoError(t, json.Unmarshal([]byte(`{"admin":{"disabled":true},"apps":{"http":{"servers":{"s":{"listen":["127.0.0.1:8443"],"routes":[`+test.routes+`]}}}}}`), &tree))
			read, handlers := handlersIn(tree)
			handlers = slices.DeleteFunc(handlers, func(h layout.Handler) bool { return h.Module != layout.Notify })
			require.Len(t, handlers, 1)
			ways := notify.WaysPast(read, handlers[0])
			assert.Equal(t, test.warned, len(ways) > 0, "%v", ways)
			logged, err := testcaddy.Loaded(t, tree)
			require.NoError(t, err)
			assert.Equal(t, test.warned, strings.Contains(logged, forged), logged)
		})
	}
}

// A handler in front of one that signs is judged alike when the config is loaded, where it has
// been provisioned already, and by the doctor, which reads its JSON.
func TestHandlersInFrontAreJudgedAlike(t *testing.T) {
	signs := strings.ReplaceAll(signing, "private.key", writePrivateKey(t, merchantKey()))
	calls := strings.Replace(signs, "payermax_sign {", "payermax /aggregate-pay/* {\ngateway uat", 1)
	const first, changes = "comes first and answers every request", "may change answers after they were checked"
	for name, test := range map[string]struct{ front, want string }{
		"nothing":               {"", ""},
		"forward_auth":          {"forward_auth 127.0.0.1:4000 {\nuri /auth\n}\n", ""},
		"a proxy":               {"route {\nreverse_proxy 127.0.0.1:3000\n}\n", first},
		"a proxy that hands on": {"route {\nreverse_proxy 127.0.0.1:3000 {\n@a status 404\nhandle_response @a {\nheader X-A b\n}\n}\n}\n", ""},
		"an answer":             {"route {\nrespond hi\n}\n", first},
		"intercept":             {"intercept {\n@a status 500\nhandle_response @a {\nrespond no\n}\n}\n", changes},
		"templates":             {"templates\n", ""},
		"templates of JSON":     {"templates {\nmime text/html application/json\n}\n", changes},
		"intercept, by status":  {"intercept {\n@a status 500\nreplace_status @a 200\n}\n", changes},
		"a password":            {"basic_auth /shop* {\nu $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			config := "{\nadmin off\n}\n:8080 {\nbind 127.0.0.1\n" + test.front + calls + "}\n"
			logged, err := testcaddy.Loaded(t, testcaddy.Adapted(t, config))
			require.NoError(t, err)
			report := resultsOf(examined(t, config, doctor.Options{Offline: true}), "placement")
			for _, words := range []string{first, changes} {
				assert.Equal(t, words == test.want, strings.Contains(logged, words), "%s\n%s", words, logged)
				found := slices.ContainsFunc(report, func(r doctor.Result) bool { return strings.Contains(r.Message, words) })
				assert.Equal(t, words == test.want, found, "%s\n%v", words, report)
			}
		})
	}
}

// A handler that signs is an error if certainly nothing that could send the call follows
// it.
func TestSigningWithoutASenderIsRefused(t *testing.T) {
	signs := strings.ReplaceAll(signing, "private.key", writePrivateKey(t, merchantKey()))
	proxied := proxying("https://one.example")
	site := func(lines ...string) string { return ":8080 {\nbind 127.0.0.1\n" + strings.Join(lines, "") + "}\n" }
	for name, test := range map[string]struct {
		config  string
		refused bool
	}{
		"alone":                          {site(signs), true},
		"a proxy elsewhere":              {site("handle /a/* {\n" + signs + "}\nhandle {\n" + proxied + "}\n"), true},
		"a proxy in another site":        {"http://a.example {\n" + signs + "}\nhttp://b.example {\n" + proxied + "}\n", true},
		"a proxy before it":              {site("route {\n" + proxied + signs + "}\n"), true},
		"only what answers no calls":     {site("encode\n", "payermax_health\n", signs), true},
		"two of them":                    {site("handle /a/* {\n" + signs + "}\nhandle {\n" + strings.Replace(signs, "app_id app", "app_id other", 1) + proxied + "}\n"), true},
		"two alike, one with a proxy":    {site("handle /a/* {\n" + signs + "}\nhandle {\n" + signs + proxied + "}\n"), false},
		"a proxy":                        {site(signs, proxied), false},
		"a proxy for some paths":         {site(signs, "reverse_proxy /x* https://one.example {\ntransport payermax\n}\n"), false},
		"a proxy in a route":             {site(signs, "route {\n"+proxied+"}\n"), false},
		"a proxy behind the block":       {site("route {\n" + signs + "}\n" + "route {\n" + proxied + "}\n"), false},
		"what answers calls by itself":   {site(signs, "respond hi\n"), true},
		"files":                          {site(signs, "file_server\n"), true},
		"a handler that we do not know":  {site("route {\n" + signs + "intercept {\nreplace_status 500\n}\n}\n"), false},
		"a named route, proxied outside": {"&(sign) {\n" + signs + "}\n" + site("route {\ninvoke sign\n"+proxied+"}\n"), false},
		"a named route":                  {"&(sign) {\n" + signs + "}\n" + site("invoke sign\n"), true},
		"the short form":                 {site("payermax {\ngateway uat\n" + strings.TrimPrefix(signs, "payermax_sign {\n")), false},
		"the sandbox":                    {site("payermax {\ngateway sandbox\n}\n"), false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := testcaddy.Loaded(t, testcaddy.Adapted(t, "{\nadmin off\n}\n"+test.config))
			if !test.refused {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "payermax_sign: no following handler can send the call to PayerMax; add a reverse_proxy with transport payermax")
			report := examined(t, test.config, doctor.Options{Offline: true})
			assert.NotZero(t, report.Count(doctor.Problem))
		})
	}
}

// A handler that signs is an error if all its calls reach another handler that signs,
// because that one refuses calls from a sidecar.
func TestSigningTwice(t *testing.T) {
	signs := strings.ReplaceAll(signing, "private.key", writePrivateKey(t, merchantKey()))
	short := "payermax {\ngateway uat\n" + strings.TrimPrefix(signs, "payermax_sign {\n")
	proxied := proxying("https://one.example")
	forSome := strings.Replace(short, "payermax {", "payermax /aggregate-pay/api/gateway/refund {", 1)
	for name, test := range map[string]struct {
		lines   []string
		refused bool
	}{
		"two":                         {[]string{signs, strings.Replace(signs, "app_id app", "app_id other", 1), proxied}, true},
		"alike":                       {[]string{signs, signs, proxied}, true},
		"before the short form":       {[]string{signs, short}, true},
		"with headers between":        {[]string{"route {\n", signs, "header X-A b\n", short, "}\n"}, true},
		"the second for some":         {[]string{"route {\n", signs, forSome, proxied, "}\n"}, false},
		"each in a block of its own":  {[]string{"handle /a/* {\n", short, "}\nhandle {\n", signs, proxied, "}\n"}, false},
		"the second behind the proxy": {[]string{"route {\n", signs, proxied, short, "}\n"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			config := ":8080 {\nbind 127.0.0.1\n" + strings.Join(test.lines, "") + "}\n"
			_, err := testcaddy.Loaded(t, testcaddy.Adapted(t, "{\nadmin off\n}\n"+config))
			if !test.refused {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "payermax_sign: its calls reach another handler that signs")
			assert.NotZero(t, examined(t, config, doctor.Options{Offline: true}).Count(doctor.Problem))
		})
	}
}

// A gateway, a backup or an application that is the site itself is refused when the config
// is loaded. Another site of the same Caddy may be one of them.
func TestSitesThatLeadBack(t *testing.T) {
	signs := strings.ReplaceAll(signing, "private.key", writePrivateKey(t, merchantKey()))
	block := func(gateway string) string {
		return "payermax {\ngateway " + gateway + "\n" + strings.TrimPrefix(signs, "payermax_sign {\n")
	}
	notify := "payermax_notify /callback* {\ngateway_public_key " + writePublicKey(t, &gatewayKey().PublicKey) + "\napp_id app\n}\n"
	site := func(address string, lines ...string) string {
		return address + " {\n" + strings.Join(lines, "") + "}\n"
	}
	for name, test := range map[string]struct{ config, says string }{
		"a gateway":           {site(":8080", "bind 127.0.0.1\n", block("http://localhost:8080")), "gateway: calls would come back to this site, which is served at localhost:8080"},
		"a backup":            {site(":8080", block("http://localhost:8081 http://[::1]:8080")), "gateway: calls would come back to this site, which is served at [::1]:8080"},
		"with a transport":    {site(":8080", signs, proxying("http://127.0.0.1:8080")), "gateway: calls would come back to this site"},
		"on a socket":         {site("http://", "bind unix//run/payermax.sock\n", signs, "reverse_proxy unix//run/payermax.sock {\ntransport payermax\n}\n"), "gateway: calls would come back to this site"},
		"another port":        {site(":8080", block("http://localhost:8081")), ""},
		"another site there":  {site("http://127.0.0.1:8080", block("http://localhost:8080")) + site("http://localhost:8080", "respond 404\n"), ""},
		"an application":      {site(":8080", notify, "reverse_proxy 127.0.0.1:8080\n"), "notifications would come back to this site, which is served at 127.0.0.1:8080"},
		"another application": {site(":8080", notify, "reverse_proxy 127.0.0.1:3000\n"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := testcaddy.Loaded(t, testcaddy.Adapted(t, "{\nadmin off\n}\n"+test.config))
			if test.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.says)
		})
	}
}

// A reverse_proxy that would send to another machine in plain text is an error in the
// config, if this can be known before a call arrives. The transport refuses each such call
// anyway.
func TestSigningForPlainText(t *testing.T) {
	signs := strings.ReplaceAll(signing, "private.key", writePrivateKey(t, merchantKey()))
	for name, test := range map[string]struct {
		proxy   string
		refused string
	}{
		"another machine":              {proxying("http://192.0.2.1"), "192.0.2.1:80"},
		"another machine, by its name": {proxying("http://gateway.example"), "gateway.example:80"},
		"no scheme":                    {proxying("gateway.example:8080"), "gateway.example:8080"},
		"the second of two":            {proxying("http://127.0.0.1:9000 http://192.0.2.1:9000"), "192.0.2.1:9000"},
		"a port without TLS":           {"reverse_proxy https://one.example:8443 {\ntransport payermax {\ntls_except_ports 8443\n}\n}\n", "one.example:8443"},
		"in a route":                   {"route /aggregate-pay/* {\n" + proxying("http://192.0.2.1") + "}\n", "192.0.2.1:80"},
		"TLS":                          {proxying("https://192.0.2.1"), ""},
		"TLS by an option":             {"reverse_proxy one.example:443 {\ntransport payermax {\ntls\n}\n}\n", ""},
		"this machine":                 {proxying("http://127.0.0.2:9000"), ""},
		"this machine, by its name":    {proxying("http://localhost:9000"), ""},
		"this machine, by IPv6":        {proxying("http://[::1]:9000"), ""},
		"a socket":                     {proxying("unix//run/gateway.sock"), ""},
		"a placeholder":                {proxying("{env.PAYERMAX_TEST_GATEWAY}"), ""},
		"a transport of others":        {"reverse_proxy http://192.0.2.1\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			site := ":8080 {\nbind 127.0.0.1\n" + signs + test.proxy + "}\n"
			_, err := testcaddy.Loaded(t, testcaddy.Adapted(t, "{\nadmin off\n}\n"+site))
			if test.refused == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "payermax_sign: reverse_proxy sends to "+test.refused+" in plain text")
			assert.NotZero(t, examined(t, site, doctor.Options{Offline: true}).Count(doctor.Problem))
		})
	}
}

// If calls never reach a handler, loading the config logs a warning, as the doctor gives
// it.
func TestMisplacedSigningWarns(t *testing.T) {
	key := writePrivateKey(t, merchantKey())
	signing := fmt.Sprintf("payermax {\ngateway https://gateway.example\napp_id app\nprivate_key %s\n}\n", key)
	for config, says := range map[string]string{
		"http://localhost:8080 {\nbind 127.0.0.1\n" + signing + "}":                                                                           "the site serves only localhost",
		":8080 {\nbind 127.0.0.1\nrespond hello\n" + signing + "}":                                                                            "the handler respond (in JSON, static_response) comes first",
		":8080 {\nbind 127.0.0.1\nrespond /aggregate-pay/* hello\n" + signing + "}":                                                           "the handler respond (in JSON, static_response) comes first",
		":8080 {\nbind 127.0.0.1\nhandle_path /aggregate-pay/* {\n" + signing + "}\n}":                                                        "changes the path by removing /aggregate-pay",
		":8080 {\nbind 127.0.0.1\nrewrite * /pay\n" + signing + "}":                                                                           "changes the path to /pay",
		":8080 {\nbind 127.0.0.1\nhandle /api/* {\n" + signing + "}\n}":                                                                       "let no call through",
		":8080 {\nbind 127.0.0.1\nrespond hello\nhandle_errors {\n" + signing + "}\n}":                                                        "is in handle_errors",
		":8080 {\nbind 127.0.0.1\n@m method GET\n" + strings.Replace(signing, "payermax {", "payermax @m {", 1) + "}":                         "let no POST through",
		"http://a.internal:8080 {\n" + signing + "}\n:8080 {\nrespond fallback\n}":                                                            "the site serves only a.internal: a call to the same port under another name or address of this machine gets the answer of the site for all hosts",
		"http://localhost:8080 {\nrespond hello\n}\n:8080 {\nbind 127.0.0.1\n" + signing + "}":                                                "",
		"http://localhost:8080 {\nbind 127.0.0.1\nrespond hello\n}\n:8080 {\nbind 127.0.0.1\n" + signing + "}":                                "another site on the same port serves localhost",
		"http://localhost:8080 {\nbind 127.0.0.1\n" + signing + "}\n:8080 {\nbind 127.0.0.1\n" + signing + "}":                                "",
		"http://shop.test:8080 {\nbind 127.0.0.1\nrespond hello\n}\n:8080 {\nbind 127.0.0.1\n" + signing + "}":                                "",
		"http://a.internal:8080 {\n" + signing + "}\n:8080 {\nrespond no 404\n}":                                                              "",
		"http://a.internal:8080 {\n" + signing + "}\n:8080 {\n" + signing + "}":                                                               "",
		":8080 {\nbind 127.0.0.1\nhandle /aggregate-pay/* {\n" + signing + "}\n}":                                                             "",
		":8080 {\nbind 127.0.0.1\nhandle /aggregate-pay/api/gateway/applyDropinSession {\n" + signing + "}\n}":                                "no handler of the site serves a call to /aggregate-pay/api/gateway/orderAndPay: it gets Caddy's empty 200",
		"http://a.internal:8080 {\nbind 127.0.0.1\nhandle /aggregate-pay/api/gateway/applyDropinSession {\n" + signing + "}\n}":               "no handler of the site serves a call to /aggregate-pay/api/gateway/orderAndPay",
		":8080 {\nbind 127.0.0.1\nhandle /aggregate-pay/api/gateway/applyDropinSession {\n" + signing + "}\nhandle {\nrespond 404\n}\n}":      "",
		":8080 {\nbind 127.0.0.1\nhandle /aggregate-pay/api/gateway/applyDropinSession {\n" + signing + "}\nhandle {\nfile_server\n}\n}":      "",
		":8080 {\nbind 127.0.0.1\n" + strings.Replace(signing, "payermax", "payermax /aggregate-pay/api/gateway/applyDropinSession", 1) + "}": "",
		":8080 {\nbind 127.0.0.1\n" + signing + "}":                                                                                           "",
		":8080 {\nbind 127.0.0.1\nintercept {\nhandle_response {\nrespond ok\n}\n}\n" + signing + "}":                                         "the handler intercept comes first and may change answers after they were checked",
		":8080 {\nbind 127.0.0.1\nintercept {\nreplace_status 502\n}\n" + signing + "}":                                                       "the handler intercept comes first",
		":8080 {\nbind 127.0.0.1\nroute {\nheader >Proxy-Status mine\n" + signing + "}\n}":                                                    "the handler headers, which sets or removes Proxy-Status,",
		":8080 {\nbind 127.0.0.1\nheader -Proxy-*\n" + signing + "}":                                                                          "the handler headers, which sets or removes Proxy-Status,",
		":8080 {\nbind 127.0.0.1\nheader Proxy-Status mine\n" + signing + "}":                                                                 "",
		":8080 {\nbind 127.0.0.1\nheader ?Proxy-Status mine\n" + signing + "}":                                                                "",
		":8080 {\nbind 127.0.0.1\nheader ?proxy-status mine\n" + signing + "}":                                                                "",
		":8080 {\nbind 127.0.0.1\nheader -Server\nintercept /files/* {\nhandle_response {\nrespond ok\n}\n}\n" + signing + "}":                "",
		":8080 {\nbind 127.0.0.1\nrespond /hello hello\n" + signing + "}":                                                                     "",
	} {
		said, err := testcaddy.Loaded(t, testcaddy.Adapted(t, config))
		require.NoError(t, err)
		if says == "" {
			assert.NotContains(t, said, "is not signed")
			assert.NotContains(t, said, "comes first", config)
			continue
		}
		assert.Contains(t, said, says)
		assert.NotEmpty(t, resultsOf(examined(t, config, doctor.Options{Offline: true}), "placement"), config)
	}
}

// A gateway whose name is almost PayerMax's earns a warning when the config is loaded.
// Another host does not.
func TestMisspeltGatewayWarns(t *testing.T) {
	key := writePrivateKey(t, merchantKey())
	for host, says := range map[string]string{
		"pay-gate-uat.payermx.com": "the gateway is probably a mistake: it is almost pay-gate-uat.payermax.com, which is PayerMax's uat",
		"docs.payermax.com":        "it is a host of PayerMax's, but neither the gateway of uat nor that of production",
		"gateway.example":          "",
	} {
		said, err := testcaddy.Loaded(t, testcaddy.Adapted(t, fmt.Sprintf(":8080 {\nbind 127.0.0.1\npayermax {\ngateway https://%s\napp_id app\nprivate_key %s\n}\n}", host, key)))
		require.NoError(t, err)
		if says == "" {
			assert.NotContains(t, said, "probably a mistake", host)
			assert.NotContains(t, said, "neither the gateway", host)
		} else {
			assert.Contains(t, said, says, host)
		}
	}
}

// An app_id and a merchant_no that seem to be exchanged earn a warning when the config is
// loaded.
func TestExchangedIdentityWarns(t *testing.T) {
	config := func(appID, merchantNo string) string {
		return fmt.Sprintf(":8080 {\nbind 127.0.0.1\npayermax {\ngateway https://gateway.example\napp_id %s\nmerchant_no %s\nprivate_key %s\n}\n}",
			appID, merchantNo, writePrivateKey(t, merchantKey()))
	}
	said, err := testcaddy.Loaded(t, testcaddy.Adapted(t, config(protocol.ExampleMerchantNo, protocol.ExampleAppID)))
	require.NoError(t, err)
	assert.Contains(t, said, "app_id and merchant_no seem to be exchanged")
	said, err = testcaddy.Loaded(t, testcaddy.Adapted(t, config(protocol.ExampleAppID, protocol.ExampleMerchantNo)))
	require.NoError(t, err)
	assert.NotContains(t, said, "exchanged")
}

// An identity that is still a placeholder from the examples earns a warning when the
// config is loaded, unless all calls stay on this machine, where a sandbox may answer
// them.
func TestExampleIdentityWarns(t *testing.T) {
	config := func(gateway, appID string) string {
		return fmt.Sprintf(":8080 {\nbind 127.0.0.1\npayermax {\ngateway %s\napp_id %s\nmerchant_no 0123\nprivate_key %s\n}\n}",
			gateway, appID, writePrivateKey(t, merchantKey()))
	}
	for name, test := range map[string]struct {
		gateway, appID string
		warns          bool
	}{
		"of PayerMax's examples": {"uat", protocol.ExampleAppID, true},
		"of the overlays":        {"production", "your-app-id", true},
		"of a host of one's own": {"https://gateway.example", "your-uat-app-id", true},
		"on this machine":        {"http://127.0.0.1:9000", protocol.ExampleAppID, false},
		"of the sandbox":         {"sandbox sandbox", protocol.ExampleAppID, false},
		"one's own":              {"uat", "3b242b56a8b64274bcc37dac281120e4", false},
	} {
		said, err := testcaddy.Loaded(t, testcaddy.Adapted(t, config(test.gateway, test.appID)))
		require.NoError(t, err, name)
		assert.Equal(t, test.warns, strings.Contains(said, "app_id is a placeholder from the examples"), name)
	}
}
