package verdict

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// sessionCallOf returns a signed call for a user's session.
func sessionCallOf(merchantNo, userID string) []byte {
	return fmt.Appendf(nil, `{"appId":"app","merchantNo":%q,"data":{"userId":%q,"currency":"IDR"}}`, merchantNo, userID)
}

// An answer belongs to one user: the first one.
func TestGivenAnswers(t *testing.T) {
	g := newGivenAnswers()
	now := time.Now()
	g.given.Now = func() time.Time { return now }
	for _, test := range []struct {
		name, answer, request string
		want                  bool
	}{
		{"the first user", "A", string(sessionCallOf("1", "anna")), true},
		{"once more", "A", string(sessionCallOf("1", "anna")), true},
		{"once more, with the members in another order", "A", `{"data":{"currency":"USD","userId":"anna"},"merchantNo":"1","appId":"app"}`, true},
		{"another user", "A", string(sessionCallOf("1", "berta")), false},
		{"a user of another case", "A", string(sessionCallOf("1", "Anna")), false},
		{"nobody", "A", `{"appId":"app","merchantNo":"1","data":{}}`, false},
		{"another merchant's user of that name", "A", string(sessionCallOf("2", "anna")), false},
		{"a service provider's of that number", "A", `{"appId":"app","spMerchantNo":"1","data":{"userId":"anna"}}`, false},
		{"that merchant's user through a service provider", "A", `{"appId":"app","merchantNo":"1","spMerchantNo":"2","data":{"userId":"anna"}}`, false},
		{"a user of another application's", "A", `{"appId":"other","merchantNo":"1","data":{"userId":"anna"}}`, false},
		{"nobody with an answer of the own", "N", `{"appId":"app","merchantNo":"1","data":{}}`, true},
		{"nobody again, who may be somebody else", "N", `{"appId":"app","merchantNo":"1","data":{"userId":null}}`, false},
		{"nobody, in the same words", "N", `{"appId":"app","merchantNo":"1","data":{}}`, false},
		{"nobody of a merchant's of a service provider's", "O", `{"appId":"app","merchantNo":"1","spMerchantNo":"2","data":{}}`, true},
		{"the same, in the same words", "O", `{"appId":"app","merchantNo":"1","spMerchantNo":"2","data":{}}`, false},
		{"null with an answer of the own", "M", `{"appId":"app","merchantNo":"1","data":{"userId":null}}`, true},
		{"null again, in the same words", "M", `{"appId":"app","merchantNo":"1","data":{"userId":null}}`, false},
		{"another user with an answer that begins alike", "A" + strings.Repeat(" ", 1000), string(sessionCallOf("1", "berta")), true},
		{"another user with an answer of the own", "B", string(sessionCallOf("1", "berta")), true},
		{"the first user again", "A", string(sessionCallOf("1", "anna")), true},
	} {
		assert.Equal(t, test.want, g.toOneUserOnly([]byte(test.answer), []byte(test.request)), test.name)
	}

	now = now.Add(givenWindow)
	assert.False(t, g.toOneUserOnly([]byte("A"), sessionCallOf("1", "berta")), "at the end of the window")
	now = now.Add(time.Second)
	assert.True(t, g.toOneUserOnly([]byte("A"), sessionCallOf("1", "berta")), "the window is over")

	for i := range maxGiven + 100 {
		g.toOneUserOnly(fmt.Append(nil, i), sessionCallOf("1", "anna"))
	}
	assert.Equal(t, maxGiven, g.given.Len())
}

// If many users get the same answer at the same time, only one may have it.
func TestGivenAnswersAtOnce(t *testing.T) {
	g := newGivenAnswers()
	var users sync.WaitGroup
	var got atomic.Int32
	for i := range 100 {
		users.Go(func() {
			if g.toOneUserOnly([]byte("A"), sessionCallOf("1", strings.Repeat("x", i))) {
				got.Add(1)
			}
		})
	}
	users.Wait()
	assert.EqualValues(t, 1, got.Load())
}
