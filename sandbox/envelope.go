package sandbox

import (
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// envelope is the outer object of every request.
type envelope struct {
	version, keyVersion, requestTime, appID, merchantNo, spMerchantNo string

	data object
}

// checkContentType refuses anything but application/json ("Parameters" on every interface page). Parameters are
// accepted, since PayerMax's own SDKs add a charset. PayerMax uses UTF-8 ("Communication protocols" page).
func checkContentType(header http.Header, d *deviations) *refusal {
	value := header.Get("Content-Type")
	if value == "" {
		return isNull("Content-Type")
	}
	mediaType, parameters, err := mime.ParseMediaType(value)
	if err != nil || mediaType != "application/json" {
		return wrongType("Content-Type", "application/json", value)
	}
	charset, named := parameters["charset"]
	if named && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") &&
		!d.allow("Content-Type names a charset other than UTF-8, but the body is read as UTF-8") {
		return wrongType("Content-Type", "application/json in UTF-8", value)
	}
	return nil
}

// readEnvelope reads the part of a request's body that is needed to check its signature. Names, types and required
// members are those of every interface page ("Request Body"); the lengths are from PayerMax's OpenAPI file.
// spMerchantNo is the number of a service provider ("ISV integration" page, where it has 15 characters; the pages of
// notifications have 32).
func readEnvelope(body []byte, endpoint string, d *deviations) (envelope, *refusal) {
	o, refused := readObject("body", body)
	if refused != nil {
		return envelope{}, refused
	}
	// The text is valid JSON by now, so IsValid can only fail because of duplicate names.
	unique := jsontext.Value(body).IsValid(jsontext.AllowInvalidUTF8(true))
	if !unique && !d.allow("an object has two members with one name, of which the last is used") {
		return envelope{}, wrongType("body", "object whose members have different names", "one with two of one name")
	}
	appID := appIDMember(endpoint)
	if !o.has(appID) && o.has(oldAppID) && d.allow(oldAppID+" instead of "+appID+", as in version 1.0") {
		appID = oldAppID
	}
	for _, other := range []string{"appId", oldAppID} {
		if o.has(other) && o.has(appID) && string(o[other]) != string(o[appID]) && !d.allow(other+" differs from "+appID+", which is used") {
			return envelope{}, isUndefined(other)
		}
	}
	if refused := o.require("version", "keyVersion", "requestTime", appID, "data"); refused != nil {
		return envelope{}, refused
	}
	var env envelope
	if refused := o.read(
		member{"version", 1, 8, &env.version},
		member{"keyVersion", 1, 8, &env.keyVersion},
		member{"requestTime", 1, 32, &env.requestTime},
		member{appID, 1, 64, &env.appID},
		member{"merchantNo", 0, 32, &env.merchantNo},
		member{"spMerchantNo", 0, 32, &env.spMerchantNo},
	); refused != nil {
		return envelope{}, refused
	}
	env.data, refused = readObject("data", o["data"])
	return env, refused
}

// appIDMember returns the name of the member that identifies the application in an interface's envelope. orderConfirm
// still uses the name of version 1.0.
func appIDMember(endpoint string) string {
	if endpoint == orderConfirm {
		return oldAppID
	}
	return "appId"
}

// oldAppID is the name of appId in version 1.0, and still in PayerMax's plugin for WooCommerce.
const oldAppID = "merchantAppId"

// versionShape matches a version such as 1.4 or 1.2.3.
var versionShape = regexp.MustCompile(`^\d{1,2}(\.\d{1,2}){1,2}$`)

// checkVersion refuses a version that the interface was never documented with. Each interface has its own versions, but
// each of PayerMax's SDKs declares a single one for all of them: 1.1 (Go), 1.2 (PHP), 1.4 (Java).
func checkVersion(version string, known []string, d *deviations) *refusal {
	if known == nil || slices.Contains(known, version) {
		return nil
	}
	want := strings.Join(known, " or ")
	if versionShape.MatchString(version) && d.allow(fmt.Sprintf("version %s instead of %s", version, want)) {
		return nil
	}
	return wrongType("version", want, version)
}
