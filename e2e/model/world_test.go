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

// patience is how long a test waits for what should be there at once, on a machine that
// may have other things to do.
const patience = 15 * time.Second

// timeout is that of the sidecar's calls.
const timeout = time.Second

// world is all that there is in one sequence: a sidecar, what stands around it, and what
// the model knows of them.
type world struct {
	folder      string
	gatewayFile string
	gateway     *gateway
	app         *application
	sidecar     *sidecar
	merchants   []*merchant
	settings    settings

	lastCall int
	known    []*notification // those that were sent, to be sent again
	accepted map[string]bool // notifications that the application has accepted since the config was loaded
	ahead    []time.Duration // of the gateway's clock, in the answers that the process could follow
	budget   budget          // of the config in use
	switched bool            // whether the process has tried a next key, whose call has two bodies
	done     tally
}

// budget is what a rate has let through since its config was loaded.
type budget struct {
	since time.Time
	asked int // calls that may have used it up
	made  int // calls that must have
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

// start runs a new process, which knows nothing of the one before.
func (w *world) start(t *rapid.T) {
	for _, m := range w.merchants {
		if m.isBroken { // or it would not start
			m.repair(t)
		}
	}
	w.sidecar.start(t, w.config(w.settings))
	w.ahead, w.switched = nil, false
	w.loaded()
}

// loaded says that a config has been loaded.
func (w *world) loaded() {
	w.accepted, w.budget = make(map[string]bool), budget{since: time.Now()}
	for _, m := range w.merchants {
		m.loaded()
	}
}

// end ends everything.
func (w *world) end() {
	if w.sidecar.Process != nil {
		w.sidecar.Kill()
	}
	w.gateway.end()
	w.app.server.CloseClientConnections()
	w.app.server.Close()
	_ = os.RemoveAll(w.folder)
}

// step is what happens at once: calls, notifications, and an event in the middle of them.
type step struct {
	*event
	calls          []*call
	notifications  []*notification
	before         settings // that may be in force for what is under way
	arrivedBefore  int
	reachedBefore  int
	loggedBefore   int
	acceptedBefore map[string]bool
	aheadBefore    []time.Duration
	allowedBefore  map[*merchant]map[int]bool
	process        *testprocess.Process // in which the step has begun
}

// step makes a step, and looks at what has come of it.
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

// settle ends a sequence as an operator would: the keys in the files come into use, and
// the process ends when it is told to.
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
			return signed == m.inFile || signed != none && signed == m.inNext // which was promoted
		}) {
			require.Fail(t, "the key in the file is not in use", "%s signs with key %d, but has %d in its file, and %d as the next one: %s", m.name, signed, m.inFile, m.inNext, w.sidecar.SoFar().Tail())
		}
	}
	printed := w.sidecar.Terminate(t, patience)
	require.Zero(t, w.sidecar.ExitCode())
	requireQuiet(t, printed)
}

// signsWith makes a call and says which key has signed it, or none.
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
