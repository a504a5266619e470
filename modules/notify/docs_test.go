package notify

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/markdown"
	"github.com/caddy-payermax/caddy-payermax/stores"
)

// The defaults in the doc comments are those in the code.
func TestConfigurationDefaults(t *testing.T) {
	page := strings.ReplaceAll(markdown.Page(t, "../../docs/configuration.md"), "\n", " ")
	for _, row := range []string{
		fmt.Sprintf("| `max_body_size` | `max_body_size` | %d (256 KiB) |", newHandler(t).MaxBodySize),
		fmt.Sprintf("remembers the last %d", stores.MaxDone),
	} {
		assert.True(t, strings.Contains(page, row), "the page lacks %s", row)
	}
}

// The table of answers to notifications has a row for each result, and the rows of refused
// notifications have the right status.
func TestErrorsPageNotifications(t *testing.T) {
	section, err := markdown.Section(markdown.Page(t, "../../docs/errors.md"), "What PayerMax gets for a notification")
	require.NoError(t, err)
	statuses := make(map[string]string)
	for _, row := range markdown.Rows(section) {
		_, word, _ := strings.Cut(row[2], "`")
		word, _, _ = strings.Cut(word, "`")
		statuses[word] = row[0]
		if strings.Contains(row[3], "cannot be reached") { // TestNotifyPassesErrorsOn
			assert.True(t, strings.HasPrefix(row[0], "502") && strings.HasPrefix(row[1], "none"), "%s", row)
		}
	}
	assert.ElementsMatch(t, results, slices.Collect(maps.Keys(statuses)))

	n := &Handler{MaxBodySize: 1, keyring: gatewayKeys(t)}
	get, compressed, large, broken := post("{"), post("{"), post("{}"), post("{")
	get.Method = http.MethodGet
	compressed.Header.Set("Content-Encoding", "gzip")
	broken.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
	for _, r := range []*http.Request{get, compressed, large, broken} {
		_, refused := n.read(httptest.NewRecorder(), r, new(memory))
		assert.Equal(t, strconv.Itoa(refused.status), statuses[refused.result])
		delete(statuses, refused.result)
	}
	for _, header := range []http.Header{{}, {"Sign": {"x"}}} {
		_, refused := n.verify(header, nil)
		assert.Equal(t, strconv.Itoa(refused.status), statuses[refused.result])
		delete(statuses, refused.result)
	}
	for _, body := range []string{"{}", `{"notifyType":"PAYMENT","notify_type":"REFUND"}`, paymentNotification} {
		refused := addressees{appIDs: []string{"other"}}.check([]byte(body))
		assert.Equal(t, strconv.Itoa(refused.status), statuses[refused.result])
		delete(statuses, refused.result)
	}
	assert.ElementsMatch(t, []string{"passed", "duplicate", "concurrent", "not_accepted", "overload"}, slices.Collect(maps.Keys(statuses)))
}
