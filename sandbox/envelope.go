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

// envelope is what every request is wrapped in.
type envelope struct {
	version, keyVersion, requestTime, appID, merchantNo, spMerchantNo string

	data object
}

// checkContentType refuses anything but application/json ("Parameters" on every interface page), with any parameters:
// PayerMax's own SDKs add a charset. PayerMax exchanges UTF-8 ("Communication protocols" page).
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

// readEnvelope reads a request's body as far as its signature must be known to be valid. Names, types and which members
// are required are those of every interface page ("Request Body"); the lengths are those of PayerMax's OpenAPI file.
// spMerchantNo is a service provider's ("ISV integration" page, where it has 15 characters; pages of notifications have
// 32).
func readEnvelope(body []byte, endpoint string, d *deviations) (envelope, *refusal) {
	o, refused := readObject("body", body)
	if refused != nil {
		return envelope{}, refused
	}
	// Of an invalid text and one with duplicates, only the latter is left here.
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

// appIDMember is the name of the member that names the application in the envelope of an interface: the old one in
// version 1.0.
func appIDMember(endpoint string) string {
	if endpoint == orderConfirm {
		return oldAppID
	}
	return "appId"
}

// oldAppID is what appId was called in version 1.0, and is in PayerMax's plugin for WooCommerce.
const oldAppID = "merchantAppId"

// versionShape is what a version looks like.
var versionShape = regexp.MustCompile(`^\d{1,2}(\.\d{1,2}){1,2}$`)

// checkVersion refuses a version that the interface was never documented with. Each interface counts its own, but
// PayerMax's SDKs declare one for all of them: 1.1 (Go), 1.2 (PHP), 1.4 (Java).
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
