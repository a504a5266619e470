// Package buffered is the module caddy.logging.writers.payermax_buffered: a log writer for
// Caddy that queues lines instead of waiting until they are written.
package buffered

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
)

func init() {
	caddy.RegisterModule(new(Writer))
	prom.Share(lostLines)
}

// defaultSize holds about five thousand log lines of calls.
const defaultSize = 4 << 20

// Writer is a log writer that wraps another one, so that no call waits for a slow disk
// or for the reader of a pipe. Any of Caddy's logs can use it.
//
// After startup, it writes a line at once if nothing was written in the last ten
// milliseconds. Otherwise it collects the lines of those ten milliseconds and writes
// them together, in order. It writes all lines before a shutdown ends and before a
// reload closes the log. If the process ends without a shutdown, the lines of the last
// ten milliseconds are lost: by SIGKILL, SIGQUIT or a second SIGINT, by a lack of
// memory, or by a crash of the Go runtime.
//
// If the wrapped writer blocks, because its disk stalls or nobody reads its pipe, as
// many lines wait as `size` allows. Further lines are lost, so that no call has to
// wait. The metric caddy_payermax_log_lines_lost_total counts them, and the log says
// how many were lost once it can be written again. A shutdown then waits for five
// seconds.
//
// Lines are JSON, even on a terminal, unless another format is configured.
type Writer struct {
	// The wrapped writer, as Caddy's `output` names it, such as `file` with its
	// options. Default: `stderr`.
	WrapRaw json.RawMessage `json:"wrap,omitempty" caddy:"namespace=caddy.logging.writers inline_key=output"`

	// How many bytes of lines may wait to be written. Default: `4MiB`.
	Size int64 `json:"size,omitempty"`

	wrapped caddy.WriterOpener
	queue   *queue
}

// CaddyModule returns the Caddy module information.
func (*Writer) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.logging.writers.payermax_buffered",
		New: func() caddy.Module { return new(Writer) },
	}
}

// Provision opens the wrapped writer, unless an earlier config has opened it.
func (w *Writer) Provision(ctx caddy.Context) error {
	if err := w.load(ctx); err != nil {
		return err
	}
	var err error
	w.queue, err = ofProcess.use(w.WriterKey(), w.wrapped, int(w.Size))
	return err
}

// load loads the wrapped writer, and sets the defaults.
func (w *Writer) load(ctx caddy.Context) error {
	if err := Options.Check(w); err != nil {
		return err
	}
	if w.Size == 0 {
		w.Size = defaultSize
	}
	if w.WrapRaw == nil {
		w.wrapped = caddy.StderrWriter{}
		return nil
	}
	module, err := ctx.LoadModule(w, "WrapRaw")
	if err != nil {
		return fmt.Errorf("wrap: %w", err)
	}
	if _, isBuffered := module.(*Writer); isBuffered {
		return errors.New("wrap: payermax_buffered cannot wrap itself; name the writer for the lines, such as stderr or file")
	}
	w.wrapped = module.(caddy.WriterOpener)
	return nil
}

// String describes the writer for Caddy's log.
func (w *Writer) String() string { return "buffered " + w.wrapped.String() }

// WriterKey identifies the writer. Logs that wrap the same writer share one queue.
func (w *Writer) WriterKey() string { return "payermax_buffered:" + w.wrapped.WriterKey() }

// OpenWriter returns the queue in front of the wrapped writer.
func (w *Writer) OpenWriter() (io.WriteCloser, error) { return lasting{w.queue}, nil }

// Cleanup writes the waiting lines, unless another config continues to use the queue. Caddy
// calls it on a reload once the new config is in use, and on a shutdown once all servers have
// stopped.
func (w *Writer) Cleanup() error {
	if w.queue != nil {
		w.queue.release()
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner  = (*Writer)(nil)
	_ caddy.CleanerUpper = (*Writer)(nil)
	_ caddy.WriterOpener = (*Writer)(nil)
)
