package model

import (
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// event is something that happens while calls and notifications are in flight.
type event struct {
	name   string
	fits   func(*world) bool // nil if it can always happen
	before func(*world, *rapid.T)
	during func(*world, *rapid.T)
	after  func(*world, *rapid.T)

	cuts     bool // closes connections to the sidecar before it has read a request
	kills    bool // kills the process at once
	ends     bool // ends the process
	loads    bool // loads a new config, or the same one again
	isolates bool // isolates the gateway: calls may not reach it, or its answers may not come back
	starves  bool // starves the sidecar: it may not reach the notifications' application either
}

// events lists all events. The first one, nothing, is as frequent as any other.
var events = []*event{
	{name: "nothing"},

	// Keys.
	{name: "a key is replaced", during: func(w *world, t *rapid.T) {
		m := w.drawMerchant(t)
		m.rotate(t)
		w.gateway.set(func() { delete(w.gateway.accepts, m.appID) })
		w.done.rotations++
	}},
	{name: "a key is broken", during: func(w *world, t *rapid.T) {
		m := w.drawMerchant(t)
		breakages[rapid.IntRange(0, len(breakages)-1).Draw(t, "breakage")](t, m)
		m.isBroken = true
	}},
	{name: "a key is repaired", fits: func(w *world) bool { return w.merchants[0].isBroken || w.merchants[1].isBroken }, during: func(w *world, t *rapid.T) {
		for _, m := range w.merchants {
			m.repair(t)
		}
	}},
	{name: "a next key appears", during: func(w *world, t *rapid.T) {
		m := w.drawMerchant(t)
		if w.accepts(m) != nil {
			return // another next key would be refused, and the first one would stay in use
		}
		m.inNext = m.unusedKey()
		replaceFile(t, m.next, privatePEM(signingKeys()[m.inNext]))
		w.done.rotations++
	}},
	{name: "the dashboard gets the next key", fits: hasNext, during: func(w *world, t *rapid.T) {
		m := w.drawMerchantWithNext(t)
		w.gateway.set(func() { w.gateway.accepts[m.appID] = map[int]bool{m.inNext: true} })
	}},
	{name: "the next key becomes the key", fits: hasNext, during: func(w *world, t *rapid.T) {
		m := w.drawMerchantWithNext(t)
		m.inFile, m.isBroken = m.inNext, false
		replaceFile(t, m.file, privatePEM(signingKeys()[m.inFile]))
		m.allow(m.inFile)
		require.NoError(t, os.Remove(m.next))
		m.inNext = none
		w.done.rotations++
	}},

	// Configs.
	{name: "a config is loaded", fits: isWhole, cuts: true, loads: true, during: func(w *world, t *rapid.T) {
		w.settings = drawSettings(t)
		status, said := w.sidecar.load(t, w.config(w.settings))
		require.Equal(t, 200, status, said)
		w.loaded()
		w.done.reloads++
	}},
	{name: "two configs are loaded at once", fits: isWhole, cuts: true, loads: true, during: func(w *world, t *rapid.T) {
		var loads sync.WaitGroup
		var statuses [2]int
		for i := range statuses {
			loads.Go(func() { statuses[i], _, _ = w.sidecar.tryToLoad(w.config(w.settings)) })
		}
		loads.Wait()
		require.Contains(t, statuses[:], 200)
		for _, status := range statuses {
			// Caddy's admin endpoint is replaced together with the config, and may close the other
			// load's connection.
			require.Contains(t, []int{200, 0}, status)
		}
		w.loaded()
		w.done.reloads += len(statuses)
	}},
	{name: "a bad config is refused", during: func(w *world, t *rapid.T) {
		config := w.config(drawSettings(t))
		bad := rapid.SampledFrom([]string{
			"{", strings.Replace(config, "endpoints drop_in", "endpoints everything", 1), strings.Replace(config, "app_id", "app_di", 1),
			strings.ReplaceAll(config, w.gatewayFile, w.gatewayFile+".gone"), strings.Replace(config, "max_amount IDR", "max_amount RUPIAH", 1),
			config + "http://:" + port(w.app.address) + " {\n\tbind 127.0.0.1\n}\n", // that port is in use
		}).Draw(t, "bad config")
		status, said := w.sidecar.load(t, bad)
		require.NotEqual(t, 200, status, said)
	}},
	{name: "a config is refused for its broken key", fits: func(w *world) bool { return !isWhole(w) }, during: func(w *world, t *rapid.T) {
		status, said := w.sidecar.load(t, w.config(drawSettings(t)))
		require.NotEqual(t, 200, status, said)
	}},

	// The gateway.
	{name: "the gateway is down", isolates: true, before: func(w *world, _ *rapid.T) { w.gateway.down() }, after: up},
	{name: "the gateway goes down", isolates: true, during: func(w *world, _ *rapid.T) { w.gateway.down() }, after: up},
	{name: "the gateway was away for a moment", isolates: true, during: func(w *world, t *rapid.T) { w.gateway.down(); w.gateway.up(t) }},
	{name: "the gateway resets connections", isolates: true, before: func(w *world, t *rapid.T) {
		w.gateway.down()
		w.gateway.set(func() { w.gateway.resets = true })
		w.gateway.up(t)
	}, after: func(w *world, _ *rapid.T) { w.gateway.set(func() { w.gateway.resets = false }) }},
	{name: "the gateway's clock jumps", during: func(w *world, t *rapid.T) {
		ahead := rapid.SampledFrom([]time.Duration{0, 30 * time.Second, -100 * time.Second, 55 * time.Minute, 3 * time.Hour}).Draw(t, "ahead")
		w.gateway.set(func() { w.gateway.ahead = ahead })
	}},

	// The process.
	{name: "SIGTERM", cuts: true, ends: true, during: func(w *world, t *rapid.T) {
		w.sidecar.Terminate(t, patience)
		require.Zero(t, w.sidecar.ExitCode())
	}, after: again},
	{name: "SIGTERM while a config is loaded", fits: isWhole, cuts: true, ends: true, loads: true, during: func(w *world, t *rapid.T) {
		pause := time.Duration(rapid.IntRange(0, 30).Draw(t, "until SIGTERM in ms")) * time.Millisecond
		config := w.config(w.settings)
		var load sync.WaitGroup
		load.Go(func() { _, _, _ = w.sidecar.tryToLoad(config) })
		time.Sleep(pause)
		w.sidecar.Terminate(t, patience)
		load.Wait()
		require.Zero(t, w.sidecar.ExitCode())
	}, after: again},
	{name: "SIGKILL", cuts: true, ends: true, kills: true, during: func(w *world, t *rapid.T) {
		w.sidecar.Kill()
	}, after: again},
}

func up(w *world, t *rapid.T) { w.gateway.up(t) }

// again starts another process.
func again(w *world, t *rapid.T) {
	w.settings = drawSettings(t)
	w.start(t)
	w.done.restarts++
}

// accepts returns the keys that PayerMax accepts from a merchant, or nil if it accepts all.
func (w *world) accepts(m *merchant) (keys map[int]bool) {
	w.gateway.set(func() { keys = w.gateway.accepts[m.appID] })
	return keys
}

func isWhole(w *world) bool { return !w.merchants[0].isBroken && !w.merchants[1].isBroken }

func hasNext(w *world) bool { return w.merchants[0].inNext != none || w.merchants[1].inNext != none }

func (w *world) drawMerchant(t *rapid.T) *merchant {
	return w.merchants[rapid.IntRange(0, len(w.merchants)-1).Draw(t, "merchant")]
}

func (w *world) drawMerchantWithNext(t *rapid.T) *merchant {
	var those []*merchant
	for _, m := range w.merchants {
		if m.inNext != none {
			those = append(those, m)
		}
	}
	return those[rapid.IntRange(0, len(those)-1).Draw(t, "merchant")]
}

// breakages are the ways in which a key file comes to contain no key.
var breakages = []func(t require.TestingT, m *merchant){
	func(t require.TestingT, m *merchant) { replaceFile(t, m.file, nil) },
	func(t require.TestingT, m *merchant) { replaceFile(t, m.file, []byte("not a key\n")) },
	func(t require.TestingT, m *merchant) {
		whole := privatePEM(signingKeys()[m.inFile])
		replaceFile(t, m.file, whole[:len(whole)/2])
	},
	func(t require.TestingT, m *merchant) { replaceFile(t, m.file, publicPEM(&gatewayKey().PublicKey)) },
	func(t require.TestingT, m *merchant) { require.NoError(t, os.RemoveAll(m.file)) },
	func(t require.TestingT, m *merchant) {
		require.NoError(t, os.RemoveAll(m.file))
		require.NoError(t, os.Mkdir(m.file, 0o700))
	},
	func(t require.TestingT, m *merchant) {
		require.NoError(t, os.RemoveAll(m.file))
		require.NoError(t, syscall.Mkfifo(m.file, 0o600))
	},
}
