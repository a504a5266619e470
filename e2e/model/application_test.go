package model

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// application stands behind the site of the notifications, and keeps what reaches it.
type application struct {
	server  *httptest.Server
	address string

	mu      sync.Mutex
	does    map[string][]deed // with a notification of a number, one delivery after the other
	reached []reached
}

// reached is a request that has reached the application.
type reached struct {
	path, body, number string
	proofs             []string // whatever could be taken for a proof
	accepted           bool
}

// deed is what an application does with a notification.
type deed string

const (
	accepts  deed = "accepts"
	dawdles  deed = "accepts late"
	fails    deed = "fails"
	hangsUp  deed = "hangs up"
	redirect deed = "redirects"
)

var deeds = []deed{accepts, dawdles, fails, hangsUp, redirect}

func (d deed) isAcceptance() bool { return d == accepts || d == dawdles }

func newApplication() *application {
	a := &application{does: make(map[string][]deed)}
	a.server = httptest.NewUnstartedServer(http.HandlerFunc(a.serve))
	a.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	a.server.Start()
	a.address = strings.TrimPrefix(a.server.URL, "http://")
	return a
}

// will says what the application does with the next delivery of a notification.
func (a *application) will(number string, do deed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.does[number] = []deed{do}
}

// since returns what has reached the application after the first requests.
func (a *application) since(count int) []reached {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.reached[count:])
}

func (a *application) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sidecar was killed
	}
	got := reached{path: r.URL.Path, body: string(body), number: string(numbers.Find(body))}
	for _, fields := range []http.Header{r.Header, r.Trailer} {
		for name, values := range fields {
			if strings.Contains(strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name)), "payermax-verified") {
				got.proofs = append(got.proofs, values...)
			}
		}
	}
	a.mu.Lock()
	do := accepts
	if planned := a.does[got.number]; len(planned) > 0 {
		do = planned[0]
	}
	got.accepted = do.isAcceptance()
	a.reached = append(a.reached, got)
	a.mu.Unlock()

	switch do {
	case dawdles:
		time.Sleep(100 * time.Millisecond)
	case fails:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case hangsUp:
		panic(http.ErrAbortHandler)
	case redirect:
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusFound)
		return
	}
	_, _ = io.WriteString(w, `{"thanks":true}`)
}
