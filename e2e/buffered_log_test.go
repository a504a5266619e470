package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/internal/testkeys"
	"github.com/caddy-payermax/caddy-payermax/internal/testnet"
	"github.com/caddy-payermax/caddy-payermax/internal/testprocess"
)

// sandboxSite is a payermax directive that needs no other gateway than its embedded sandbox.
const sandboxSite = "payermax {\ngateway sandbox\n}"

// buffered returns the global option that writes the log through payermax_buffered.
func buffered(options string) string {
	return "log {\noutput payermax_buffered {\n" + options + "\n}\n}"
}

// callers make calls to a sidecar until it is gone, and keep the IDs of the calls that were
// answered.
type callers struct {
	all      sync.WaitGroup
	stopping atomic.Bool
	mutex    sync.Mutex
	answered [4][]string // of each caller, in order
}

func startCallers(addr string) *callers {
	c := new(callers)
	for i := range c.answered {
		c.all.Go(func() {
			client := &http.Client{Transport: new(http.Transport), Timeout: 20 * time.Second}
			defer client.CloseIdleConnections()
			for !c.stopping.Load() {
				c.call(client, addr, i)
			}
		})
	}
	return c
}

// call makes one call. If the sidecar is gone, there is no answer, which is not a failure.
func (c *callers) call(client *http.Client, addr string, by int) {
	res, err := client.Post("http://"+addr+endpointPath, "application/json", strings.NewReader(validBody()))
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.answered[by] = append(c.answered[by], res.Header.Get("Payermax-Request-Id"))
}

func (c *callers) count() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	count := 0
	for _, ids := range c.answered {
		count += len(ids)
	}
	return count
}

func (c *callers) stop() {
	c.stopping.Store(true)
	c.all.Wait()
}

// missing returns the calls that do not have exactly one line in the log.
func (c *callers) missing(log testprocess.Printed) (ids []string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	lines := make(map[string]int)
	for _, line := range log.Lines(`"msg":"call"`) {
		if _, rest, isCall := strings.Cut(line, `"msg":"call","request_id":"`); isCall {
			id, _, _ := strings.Cut(rest, `"`)
			lines[id]++
		}
	}
	for _, answered := range c.answered {
		for _, id := range answered {
			if lines[id] != 1 {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// Each answered call has its log line, whichever way the process is told to end, and the log ends
// with the final message of the shutdown.
func TestBufferedLogIsComplete(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, s *sidecar, admin string){
		"SIGTERM": func(t *testing.T, s *sidecar, _ string) { s.Signal(t, syscall.SIGTERM) },
		"SIGINT":  func(t *testing.T, s *sidecar, _ string) { s.Signal(t, syscall.SIGINT) },
		"caddy stop": func(t *testing.T, _ *sidecar, admin string) {
			said, err := caddyCommand(t, t.Context(), nil, "stop", "--address", admin).CombinedOutput()
			require.NoError(t, err, "%s", said)
		},
	} {
		for where, wrap := range map[string]string{"standard error": "", "a file": "wrap file FILE"} {
			t.Run(name+", "+where, func(t *testing.T) {
				t.Parallel()
				port, file := testnet.FreePort(t), t.TempDir()+"/log"
				admin := fmt.Sprintf("127.0.0.1:%d", testnet.FreePort(t))
				config := strings.Replace(caddyfile(port, sandboxSite), "admin off", "admin "+admin, 1)
				config = strings.Replace(config, "debug\n", buffered(strings.Replace(wrap, "FILE", file, 1))+"\n", 1)
				s := start(t, "127.0.0.1:"+strconv.Itoa(port), config, nil)
				c := startCallers(s.addr)
				await(t, patience, "calls", func() bool { return c.count() >= 100 })
				end(t, s, admin)
				log := s.awaitEnd(t)
				c.stop()
				if wrap != "" {
					log = readLog(t, file)
				}
				assert.Empty(t, c.missing(log), "of %d calls", c.count())
				assert.True(t, log.Has("exiting; byeee"))
				if wrap == "" { // by then, Caddy has closed the file
					lines := strings.Split(strings.TrimSpace(string(log)), "\n")
					assert.Contains(t, lines[len(lines)-1], "shutdown complete")
				}
			})
		}
	}
}

// A reload loses no line, whether the log's output stays the same or changes.
func TestBufferedLogThroughReloads(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/log"
	s := startSidecar(t, setup{site: sandboxSite, globals: buffered("")})
	c := startCallers(s.addr)
	config, err := os.ReadFile(s.config)
	require.NoError(t, err)
	for i, options := range []string{"", "wrap file " + file, "size 1MiB", "wrap file " + file} {
		await(t, patience, "calls", func() bool { return c.count() >= 30*(i+1) })
		changed := strings.Replace(string(config), buffered(""), buffered(options), 1)
		require.NoError(t, os.WriteFile(s.config, []byte(changed), 0o600))
		s.Signal(t, syscall.SIGUSR1)
		s.Await(t, "to reload", func(soFar testprocess.Printed) bool {
			text, _ := os.ReadFile(file) // the file may not exist yet
			return soFar.Count(reloaded)+testprocess.Printed(text).Count(reloaded) == i+1
		})
	}
	c.stop()
	printed := s.terminate(t)
	assert.Empty(t, c.missing(readLog(t, file)+printed), "of %d calls", c.count())
}

// A killed process loses only the tail of its log: of each application's calls, only the last ones.
// After the first call without a line, no call has one.
func TestBufferedLogLosesOnlyItsTail(t *testing.T) {
	t.Parallel()
	s := startSidecar(t, setup{site: sandboxSite, globals: buffered("")})
	c := startCallers(s.addr)
	await(t, patience, "calls", func() bool { return c.count() >= 200 })
	printed := s.Kill()
	s.told = true
	c.stop()

	missing := c.missing(printed)
	t.Logf("%d of %d calls have no line", len(missing), c.count())
	assert.Less(t, len(missing), c.count()/2, "what is lost is the last 10 ms, and what a busy machine takes to get to it")
	for _, answered := range c.answered {
		tail := slices.IndexFunc(answered, func(id string) bool { return slices.Contains(missing, id) })
		if tail < 0 {
			continue
		}
		assert.Subset(t, missing, answered[tail:])
	}
}

// The log of a process that cannot start ends with the reason.
func TestBufferedLogOfAFailedStart(t *testing.T) {
	t.Parallel()
	port := testnet.FreePort(t)
	config := testkeys.WriteFile(t, strings.Replace(caddyfile(port, "bind handover/127.0.0.1\n"+sandboxSite), "debug\n", buffered("")+"\n", 1))
	said, err := caddyCommand(t, t.Context(), nil, "run", "--adapter", "caddyfile", "--config", config).CombinedOutput()
	require.Error(t, err)
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	assert.Contains(t, lines[len(lines)-1], "loading initial config")
	assert.Contains(t, lines[len(lines)-1], "address already in use")
}

// Without load nothing is buffered: a line is written before anybody could look.
func TestBufferedLogOfOneCall(t *testing.T) {
	t.Parallel()
	s := startSidecar(t, setup{site: sandboxSite, globals: buffered("")})
	for range 3 {
		res := s.dial(t)
		answer, err := res.roundTrip(post(validBody()))
		require.NoError(t, err)
		s.requireLogged(t, answer, "answered")
	}
}

// Calls do not wait for a pipe that nobody reads. When somebody reads it again, the log says how
// many of its lines were lost. If nobody ever does, the process still exits.
func TestBufferedLogThatNobodyReads(t *testing.T) {
	for name, isRead := range map[string]bool{"for a while": true, "ever": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read, written, err := os.Pipe()
			require.NoError(t, err)
			defer read.Close()
			port := testnet.FreePort(t)
			addr := "127.0.0.1:" + strconv.Itoa(port)
			config := strings.Replace(caddyfile(port, "metrics /metrics\n"+sandboxSite), "debug\n", buffered("size 16KiB")+"\n", 1)
			cmd := caddyCommand(t, t.Context(), nil, "run", "--adapter", "caddyfile", "--config", "/dev/stdin")
			cmd.Stdin, cmd.Stderr = strings.NewReader(config), written
			require.NoError(t, cmd.Start())
			exited := make(chan error, 1)
			go func() { exited <- cmd.Wait() }()
			written.Close()

			lost := func() bool {
				res, err := http.Get("http://" + addr + "/metrics")
				if err != nil {
					return false
				}
				defer res.Body.Close()
				text, _ := io.ReadAll(res.Body)
				return bytes.Contains(text, []byte("caddy_payermax_log_lines_lost_total")) &&
					!bytes.Contains(text, []byte("\ncaddy_payermax_log_lines_lost_total 0\n"))
			}
			c := startCallers(addr)
			await(t, patience, "the pipe and the buffer to be full", lost)
			answered := c.count()
			await(t, patience, "calls meanwhile", func() bool { return c.count() >= answered+50 })

			if isRead {
				told := make(chan bool, 1)
				go func() { told <- tellsOfLostLines(read) }()
				select {
				case isTold := <-told:
					assert.True(t, isTold)
				case <-time.After(patience):
					assert.Fail(t, "no line is about those that were lost")
				}
			}
			c.stop()
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			select {
			case err := <-exited:
				assert.NoError(t, err)
			case <-time.After(20 * time.Second):
				_ = cmd.Process.Kill()
				assert.Fail(t, "caddy did not end")
			}
		})
	}
}

// tellsOfLostLines reads a log until a line says how many others were lost. It keeps reading after
// that, so that the writer does not block.
func tellsOfLostLines(log io.Reader) bool {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "log lines were lost") && strings.Contains(lines.Text(), `"lines":`) {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return true
		}
	}
	return false
}
