package envelope_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/envelope"
	"github.com/caddy-payermax/caddy-payermax/internal/testparsers"
)

// inData are the members of data that say which payment is meant and how much money is
// involved.
var inData = []string{
	"data.outTradeNo", "data.outRefundNo", "data.refundTradeNo", "data.tradeToken", "data.requestId", "data.userId",
	"data.totalAmount", "data.refundAmount", "data.amount", "data.payAmount", "data.currency", "data.refundCurrency",
}

// kind is a kind of document. It has a function that writes one for a test, and one that
// returns what is passed on for others to read, or nil if the document is refused.
type kind struct {
	write   func(testparsers.Generator) []byte
	goOn    func(document []byte) []byte
	decides []string // the members that all parsers must read alike
}

// documents are the three kinds of documents that the sidecar reads.
var documents = map[string]kind{
	"request": {testparsers.Generator.Request, func(document []byte) []byte {
		e, err := envelope.Read(document)
		if err != nil {
			return nil
		}
		who := envelope.Identity{Version: "1.5", KeyVersion: "1", AppID: "3b24", MerchantNo: "0202"}
		if len(e.Check(who)) > 0 {
			return nil
		}
		return e.Fill(who, time.Unix(0, 0))
	}, append([]string{"appId", "merchantAppId", "merchantNo", "spMerchantNo"}, inData...)},
	"answer": {testparsers.Generator.Answer, func(document []byte) []byte {
		if _, err := envelope.ReadAnswer(document, nil); err != nil {
			return nil
		}
		return document
	}, append([]string{"code", "data.status"}, inData...)},
	"notification": {testparsers.Generator.Notification, func(document []byte) []byte {
		if _, err := envelope.ReadNotification(document); err != nil {
			return nil
		}
		return document
	}, append([]string{"notifyType", "code", "appId", "merchantAppId", "merchantNo", "data.status"}, inData...)},
}

// batch is how many documents are generated from one seed.
const batch = 500

// The parsers of all languages read the same code, amount, currency and identity in what
// is signed and in what is passed on. They disagree about many of the refused documents;
// otherwise, the test would be looking in the wrong places.
//
// It reads the same documents in each run, for 5 s of each kind, and new ones for
// PARSERS_DURATION if that is set. Each batch of documents has its own seed, and a failure
// says which PARSERS_SEED repeats that batch alone.
func TestParsersAgree(t *testing.T) {
	duration, seedOf := 5*time.Second, func(batch uint64) uint64 { return batch }
	if longer := os.Getenv("PARSERS_DURATION"); longer != "" {
		var err error
		duration, err = time.ParseDuration(longer)
		require.NoError(t, err)
		seedOf = func(uint64) uint64 { return rand.Uint64() }
	}
	if again := os.Getenv("PARSERS_SEED"); again != "" {
		seed, err := strconv.ParseUint(again, 10, 64)
		require.NoError(t, err)
		duration, seedOf = 0, func(uint64) uint64 { return seed }
	}
	parsers := testparsers.Open(t)
	for kind, of := range documents {
		t.Run(kind, func(t *testing.T) {
			var goOn, refused, disputed int
			batches := uint64(0)
			for end := time.Now().Add(duration); time.Now().Before(end) || goOn == 0; batches++ {
				seed := seedOf(batches)
				written, passed, others := writeBatch(of, seed)
				for i, views := range parsers.Read(t, passed) {
					if found := testparsers.Disagreement(views, of.decides); found != "" {
						t.Errorf("%s: %q goes on as %q\nagain: PARSERS_SEED=%d go test ./envelope -run '^TestParsersAgree$/^%s$'",
							found, written[i], passed[i], seed, kind)
					}
				}
				for _, views := range parsers.Read(t, others) {
					if testparsers.Disagreement(views, of.decides) != "" {
						disputed++
					}
				}
				if t.Failed() {
					return
				}
				goOn, refused = goOn+len(passed), refused+len(others)
			}
			t.Logf("%d go on, and all agree; %d are refused, of which parsers dispute %d", goOn, refused, disputed)
			assert.Greater(t, disputed, refused/20)
		})
	}
}

// writeBatch generates the documents of a seed. It returns those that are accepted, as
// they were written and as they are passed on, and those that are refused.
func writeBatch(of kind, seed uint64) (written, passed, refused [][]byte) {
	generator := testparsers.NewGenerator(seed)
	for range batch {
		document := of.write(generator)
		if out := of.goOn(document); out != nil {
			written, passed = append(written, document), append(passed, out)
		} else {
			refused = append(refused, document)
		}
	}
	return written, passed, refused
}

// A seed generates the same documents each time.
func TestSeedsRepeat(t *testing.T) {
	for name, of := range documents {
		t.Run(name, func(t *testing.T) {
			written, passed, refused := writeBatch(of, 7)
			again, passedAgain, refusedAgain := writeBatch(of, 7)
			assert.Equal(t, written, again)
			assert.Equal(t, passed, passedAgain)
			assert.Equal(t, refused, refusedAgain)
			other, _, _ := writeBatch(of, 8)
			assert.NotEqual(t, written, other)
		})
	}
}

// FuzzParsersAgree does the same with the inputs of Go's fuzzer, and only with the
// parsers of this process.
func FuzzParsersAgree(f *testing.F) {
	generator := testparsers.NewGenerator(1)
	for kind, of := range documents {
		for range 50 {
			f.Add(kind, of.write(generator))
		}
	}
	parsers := new(testparsers.Parsers)
	f.Fuzz(func(t *testing.T, kind string, document []byte) {
		of, ok := documents[kind]
		if !ok {
			return
		}
		if out := of.goOn(document); out != nil {
			if found := testparsers.Disagreement(parsers.Read(t, [][]byte{out})[0], of.decides); found != "" {
				t.Errorf("%s: %s", found, out)
			}
		}
	})
}
