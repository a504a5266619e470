package model

import (
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// patience is how long a test waits for what should happen at once, on a machine that may be busy.
const patience = 15 * time.Second

// timeout is the timeout of the sidecar's calls.
const timeout = time.Second

// world is everything in one sequence: a sidecar, its surroundings, and what the model knows about
// them.
type world struct {
	folder      string
	gatewayFile string
	gateway     *gateway
	app         *application
	sidecar     *sidecar
	merchants   []*merchant
	settings    settings

	lastCall int
	known    []*notification // sent notifications, which may be sent again
	accepted map[string]bool // notifications that the application has accepted since the config was loaded
	ahead    []time.Duration // the gateway's clock differences, in the answers that the process could follow
	budget   budget          // of the current config
	switched bool            // whether the process has tried a next key, in which case a call has two bodies
	done     tally
}

// budget is what a rate limit has let through since its config was loaded.
type budget struct {
	since time.Time
	asked int // calls that may have counted against it
	made  int // calls that must have counted against it
}

func newWorld(rt *rapid.T, at addresses) *world {
	folder, err := os.MkdirTemp("", "model")
	require.NoError(rt, err)
	w := &world{folder: folder, gatewayFile: filepath.Join(folder, "gateway.pub"), gateway: newGateway(rt, at.gateway), app: newApplication()}
	require.NoError(rt, os.WriteFile(w.gatewayFile, publicPEM(&gatewayKey().PublicKey), 0o600))
	w.merchants = []*merchant{newMerchant(rt, folder, "books", 0), newMerchant(rt, folder, "games", 1)}
	w.sidecar = &sidecar{addresses: at, folder: folder, buffered: rapid.Bool().Draw(rt, "buffered log")}
	w.settings = drawSettings(rt)
	w.start(rt)
	return w
}

func drawSettings(t *rapid.T) settings {
	backup := rapid.Bool().Draw(t, "backup")
	return settings{
		backup:     backup,
		retries:    backup && rapid.Bool().Draw(t, "retry_repeatable"),
		follows:    rapid.Bool().Draw(t, "follow_gateway_clock"),
		duplicates: rapid.Bool().Draw(t, "duplicates"),
		rate:       rapid.SampledFrom([]int{0, 0, 2}).Draw(t, "rate"),
	}
}

// start runs a new process, which knows nothing of the previous one.
func (w *world) start(t *rapid.T) {
	for _, m := range w.merchants {
		if m.isBroken { // otherwise it would not start
			m.repair(t)
		}
	}
	w.sidecar.start(t, w.config(w.settings))
	w.ahead, w.switched = nil, false
	w.loaded()
}

// loaded records that a config has been loaded.
func (w *world) loaded() {
	w.accepted, w.budget = make(map[string]bool), budget{since: time.Now()}
	for _, m := range w.merchants {
		m.loaded()
	}
}

// end ends the world.
func (w *world) end() {
	if w.sidecar.Process != nil {
		w.sidecar.Kill()
	}
	w.gateway.end()
	w.app.server.CloseClientConnections()
	w.app.server.Close()
	_ = os.RemoveAll(w.folder)
}

// step is a set of things that happen concurrently: calls, notifications, and an event in the
// middle of them.
type step struct {
	*event
	calls          []*call
	notifications  []*notification
	before         settings // may still apply to calls in flight
	arrivedBefore  int
	reachedBefore  int
	loggedBefore   int
	acceptedBefore map[string]bool
	aheadBefore    []time.Duration
	allowedBefore  map[*merchant]map[int]bool
	process        *testprocess.Process // the process in which the step began
}

// step makes a step, and checks its results.
func (w *world) step(t *rapid.T, e *event) {
	if e.fits != nil && !e.fits(w) {
		t.Skip("it cannot happen now")
	}
	s := &step{event: e, before: w.settings, process: w.sidecar.Process, allowedBefore: make(map[*merchant]map[int]bool)}
	for range rapid.IntRange(0, 5).Draw(t, "calls") {
		s.calls = append(s.calls, w.drawCall(t))
	}
	for range rapid.IntRange(0, 2).Draw(t, "notifications") {
		s.notifications = append(s.notifications, w.drawNotification(t, s.notifications))
	}
	pause := time.Duration(rapid.IntRange(0, 40).Draw(t, "pause in ms")) * time.Millisecond
	w.gateway.expect(s.calls)
	arrivals, _ := w.gateway.since(0)
	s.arrivedBefore, s.reachedBefore, s.loggedBefore = len(arrivals), len(w.app.since(0)), len(w.sidecar.logged("call"))
	s.aheadBefore = w.ahead
	s.acceptedBefore = maps.Clone(w.accepted)
	for _, m := range w.merchants {
		s.allowedBefore[m] = m.allowed
	}

	if e.before != nil {
		e.before(w, t)
	}
	var under sync.WaitGroup
	for _, c := range s.calls {
		under.Go(func() { c.make(w.sidecar.calls) })
	}
	for _, n := range s.notifications {
		under.Go(func() { n.send(w.sidecar.site) })
	}
	if e.during != nil {
		time.Sleep(pause)
		e.during(w, t)
	}
	under.Wait()
	if e.after != nil {
		e.after(w, t)
	}
	w.done.steps++
	w.done.calls += len(s.calls)
	w.done.notifications += len(s.notifications)
	w.judge(t, s)
}

// settle ends a sequence as an operator would: it waits until the keys in the files are used, and
// then ends the process with a signal.
func (w *world) settle(t *rapid.T) {
	for _, m := range w.merchants {
		if m.isBroken {
			m.repair(t)
		}
		w.gateway.set(func() { delete(w.gateway.accepts, m.appID) })
	}
	for _, m := range w.merchants {
		signed := none
		if !eventually(15*time.Second, func() bool {
			signed = w.signsWith(m)
			return signed == m.inFile || signed != none && signed == m.inNext // a promoted key
		}) {
			require.Fail(t, "the key in the file is not in use", "%s signs with key %d, but has %d in its file, and %d as the next one: %s", m.name, signed, m.inFile, m.inNext, w.sidecar.SoFar().Tail())
		}
	}
	printed := w.sidecar.Terminate(t, patience)
	require.Zero(t, w.sidecar.ExitCode())
	requireQuiet(t, printed)
}

// signsWith makes a call and returns the key that signed it, or none.
func (w *world) signsWith(m *merchant) int {
	c := &call{endpoint: "refundQuery", merchant: m, caller: backOffice, fault: &faults[0], sending: sendings[0]}
	w.name(c)
	w.gateway.expect([]*call{c})
	before, _ := w.gateway.since(0)
	c.make(w.sidecar.calls)
	after, _ := w.gateway.since(len(before))
	if len(after) != 1 {
		return none
	}
	return after[0].key
}
