// Package testbrowser drives a headless Chromium in tests.
package testbrowser

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/caddy-payermax/caddy-payermax/internal/testtool"
	"github.com/stretchr/testify/require"
)

// Browser is a headless Chromium, driven by the WebDriver protocol.
type Browser struct {
	t       *testing.T
	session string
}

// New starts Chromium until the end of the test, with additional command line options. Without Chromium the test is
// skipped, or fails if CI is set.
func New(t *testing.T, options ...string) *Browser {
	t.Helper()
	testtool.Find(t, "chromium")
	driver := testtool.Find(t, "chromedriver")
	port := ""
	for attempts := 0; port == ""; attempts++ {
		var said string
		port, said = start(t, driver)
		require.Less(t, attempts, 10, "chromedriver ends: %s", said)
	}

	b := &Browser{t: t, session: "http://127.0.0.1:" + port + "/session"}
	arguments := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
		"--user-data-dir=" + folder(t),
	}, options...)
	var opened struct {
		SessionID string `json:"sessionId"`
	}
	b.Command(http.MethodPost, "", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"goog:chromeOptions": map[string]any{"args": arguments},
		"goog:loggingPrefs":  map[string]string{"browser": "ALL"},
	}}}, &opened)
	b.session += "/" + opened.SessionID
	// This runs before the driver is killed, which would leave the browser running.
	t.Cleanup(func() { b.Command(http.MethodDelete, "", nil, nil) })
	return b
}

// folder creates a temporary directory. Unlike t.TempDir, it retries the removal until no process of the browser writes
// to the directory any more.
func folder(t *testing.T) string {
	t.Helper()
	path, err := os.MkdirTemp("", "browser")
	require.NoError(t, err)
	t.Cleanup(func() {
		require.Eventually(t, func() bool { return os.RemoveAll(path) == nil }, 30*time.Second, 10*time.Millisecond)
	})
	return path
}

// start starts chromedriver until the end of the test, and returns its port and its output so far. The port is "" if
// chromedriver has ended: it picks a free port for IPv4, which may not be free for IPv6.
func start(t *testing.T, driver string) (port, said string) {
	t.Helper()
	command := exec.Command(driver, "--port=0")
	command.Env = append(os.Environ(), "HOME="+folder(t))
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	command.Stderr = command.Stdout
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	// The line that names the port is the last one that it prints before it listens.
	for lines := bufio.NewScanner(output); port == "" && lines.Scan(); {
		said += lines.Text() + "\n"
		if _, after, found := strings.Cut(lines.Text(), "started successfully on port "); found {
			port = strings.TrimSuffix(after, ".")
		}
	}
	go func() { _, _ = io.Copy(io.Discard, output) }() // otherwise it would block on a full pipe
	return port, said
}

// Command sends a command to the driver, and fails the test if it does not succeed.
func (b *Browser) Command(method, path string, body, value any) {
	b.t.Helper()
	require.NoError(b.t, b.send(method, path, body, value))
}

// send sends a command to the driver.
func (b *Browser) send(method, path string, body, value any) error {
	var content io.Reader // nil for methods without a body
	if method == http.MethodPost {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(raw)
	}
	r, err := http.NewRequest(method, b.session+path, content)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: 3 * time.Minute}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	if value == nil {
		return nil
	}
	return json.Unmarshal(answer, &struct {
		Value any `json:"value"`
	}{value})
}

// Open loads a page.
func (b *Browser) Open(url string) {
	b.t.Helper()
	b.Command(http.MethodPost, "/url", map[string]string{"url": url}, nil)
}

// Run runs JavaScript in the page and returns its result.
func (b *Browser) Run(script string) any {
	b.t.Helper()
	var value any
	b.Command(http.MethodPost, "/execute/sync", map[string]any{"script": script, "args": []any{}}, &value)
	return value
}

// WaitFor waits until a JavaScript expression in the page is true. An error counts as not true yet: another page may be
// loading.
func (b *Browser) WaitFor(script string) {
	b.t.Helper()
	var lastErr error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var value any
		lastErr = b.send(http.MethodPost, "/execute/sync", map[string]any{"script": "return " + script, "args": []any{}}, &value)
		if lastErr == nil && value == true {
			return
		}
	}
	b.t.Fatalf("%s never came true (%v); the page is\n%v", script, lastErr, b.Run("return document.body.innerText"))
}

// element is the key of element references in WebDriver (section "Elements").
const element = "element-6066-11e4-a52e-4f735466cecf"

// EnterFrame directs the following commands to the frame that a JavaScript expression in the page returns, until Leave.
func (b *Browser) EnterFrame(script string) {
	b.t.Helper()
	frame, isElement := b.Run("return " + script).(map[string]any)
	require.True(b.t, isElement && frame[element] != nil, "%s is no element", script)
	b.Command(http.MethodPost, "/frame", map[string]any{"id": frame}, nil)
}

// Leave returns from a frame to the page.
func (b *Browser) Leave() {
	b.t.Helper()
	b.Command(http.MethodPost, "/frame", map[string]any{"id": nil}, nil)
}

// Complaints returns the entries of the console, including violations of the page's policy.
func (b *Browser) Complaints() []any {
	b.t.Helper()
	var entries []any
	b.Command(http.MethodPost, "/se/log", map[string]string{"type": "browser"}, &entries)
	return entries
}

// Prefer emulates a reader who prefers a colour scheme: "light" or "dark".
func (b *Browser) Prefer(scheme string) {
	b.t.Helper()
	b.Command(http.MethodPost, "/goog/cdp/execute", map[string]any{"cmd": "Emulation.setEmulatedMedia", "params": map[string]any{
		"features": []any{map[string]string{"name": "prefers-color-scheme", "value": scheme}},
	}}, nil)
}

// Screenshot returns the content of the window as a PNG.
func (b *Browser) Screenshot() []byte {
	b.t.Helper()
	var text string
	b.Command(http.MethodGet, "/screenshot", nil, &text)
	image, err := base64.StdEncoding.DecodeString(text)
	require.NoError(b.t, err)
	return image
}
