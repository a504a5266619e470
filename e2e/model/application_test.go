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

// application is the application behind the notification site. It records what reaches it.
type application struct {
	server  *httptest.Server
	address string

	mu      sync.Mutex
	does    map[string][]deed // what it does with the notifications of a number, one delivery after the other
	reached []reached
}

// reached is a request that reached the application.
type reached struct {
	path, body, number string
	proofs             []string // every header field that could be taken for a proof
	accepted           bool
}

// deed is what the application does with a notification.
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

// will sets what the application does with the next delivery of a notification.
func (a *application) will(number string, do deed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.does[number] = []deed{do}
}

// since returns the requests that reached the application, without the first count.
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
