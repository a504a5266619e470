package main

import (
	"context"
	"io"
	"net/http"
	"time"
)

// largePost is the size in bytes of an unreasonably large body.
const largePost = 64 << 20

// measureLargePosts sends each Caddy one large body, first with a Content-Length and then without,
// and records by how much that raised its peak memory.
func measureLargePosts(ctx context.Context, targets []*target, found *results) error {
	for _, t := range targets {
		if t.healthPort == 0 {
			continue
		}
		time.Sleep(time.Second) // lets the memory of the load be released
		if err := t.resetPeak(); err != nil {
			return err
		}
		before, err := t.memory("VmHWM")
		if err != nil {
			return err
		}
		for _, length := range []int64{largePost, -1} {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url(sessionPath), io.LimitReader(blanks{}, largePost))
			if err != nil {
				return err
			}
			r.ContentLength = length
			r.Header.Set("Content-Type", "application/json")
			if w, err := http.DefaultClient.Do(r); err == nil { // a request refused while it is still being sent may get no answer
				_ = drain(w)
			}
		}
		after, err := t.memory("VmHWM")
		if err != nil {
			return err
		}
		found.target(t.name).LargePostBytes = after - before
	}
	return nil
}

// blanks is an endless stream of spaces.
type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// drain reads a response to its end, so that its connection can be reused.
func drain(w *http.Response) error {
	defer w.Body.Close()
	_, err := io.Copy(io.Discard, w.Body)
	return err
}
