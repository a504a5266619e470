package verdict

import (
	"crypto/sha256"
	"strconv"
	"sync"
	"time"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/recent"
)

const (
	// maxGiven is the maximum number of remembered answers.
	maxGiven = 10_000
	// givenWindow is how long they are remembered. PayerMax documents no lifetime of a
	// session.
	givenWindow = 24 * time.Hour
)

// givenAnswers remembers which user got which answer. It stores only digests.
//
// A session names neither its user nor its call, so an old answer, which is signed by
// PayerMax, could be passed off as the answer to a later call. Then two users would share a
// session, and one could pay with the other's cards.
type givenAnswers struct {
	mutex sync.Mutex
	given *recent.Values[[sha256.Size]byte, [sha256.Size]byte]
}

func newGivenAnswers() *givenAnswers {
	return &givenAnswers{given: recent.New[[sha256.Size]byte, [sha256.Size]byte](givenWindow, maxGiven)}
}

// toOneUserOnly reports whether the answer may be given to the user that the request is for:
// no other user has got these very bytes before. It then reserves the answer for this user. A
// request that names no user could be for anyone.
func (g *givenAnswers) toOneUserOnly(answer, request []byte) bool {
	body := sha256.Sum256(answer)
	user, isNamed := userOf(request)
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if owner, ok := g.given.Get(body); ok && (owner != user || !isNamed) {
		return false
	}
	g.given.Put(body, user)
	return true
}

// userMembers distinguish one user from another: different merchants may use the same userId.
var (
	userMembers = []string{"appId", "merchantNo", "spMerchantNo", "userId"}
	userNames   = envelope.NewNames(userMembers...)
)

// userOf identifies the user that a request is for, independent of the order of its members,
// and reports whether the request names one.
func userOf(request []byte) (user [sha256.Size]byte, isNamed bool) {
	claims := envelope.ReadClaims(request, userNames)
	text := make([]byte, 0, 256) // usually avoids an allocation
	for _, name := range userMembers {
		for _, claim := range claims {
			if claim.Name == name {
				isNamed = isNamed || name == "userId"
				text = append(append(text, name...), ' ')
				text = append(strconv.AppendQuote(text, claim.Text), '\n')
			}
		}
	}
	return sha256.Sum256(text), isNamed
}
