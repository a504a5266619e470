// Command shop is the application of the manifests: it makes calls through the sidecar and counts
// how they end.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "connect":
			connect(os.Args[2])
			return
		case "get":
			get(os.Args[2])
			return
		case "lookup":
			lookUp(os.Args[2], os.Args[3], os.Args[4])
			return
		}
	}
	var listen string
	var calls, workers int
	var t traffic
	flag.StringVar(&listen, "listen", "", "serve on this address until SIGTERM; POST /load?workers=N begins to call")
	flag.IntVar(&calls, "calls", 0, "make so many calls and end")
	flag.IntVar(&workers, "workers", 0, "call all the time until SIGTERM")
	flag.DurationVar(&t.pause, "pause", 20*time.Millisecond, "between two calls of a worker")
	flag.Parse()
	t.client, t.url = newClient()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if calls > 0 {
		for range calls {
			t.call()
		}
		t.report(os.Stdout)
		return
	}
	t.call() // at once: the sidecar must be serving already
	fmt.Print("first call: ")
	t.report(os.Stdout)
	if listen != "" {
		go serve(ctx, listen, &t)
	}
	t.load(ctx, workers)
	<-ctx.Done()
	t.wait()
	fmt.Print("last: ")
	t.report(os.Stdout)
}

// serve answers the kubelet's probes and the requests of the tests.
func serve(ctx context.Context, address string, t *traffic) {
	http.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("GET /report", func(w http.ResponseWriter, _ *http.Request) { t.report(w) })
	http.HandleFunc("POST /load", func(_ http.ResponseWriter, r *http.Request) {
		workers, _ := strconv.Atoi(r.FormValue("workers"))
		t.load(ctx, workers)
	})
	var n notified
	http.HandleFunc("POST /notified", n.accept)
	http.HandleFunc("GET /notified", n.report)
	fmt.Fprintln(os.Stderr, http.ListenAndServe(address, nil))
	os.Exit(1)
}

// connect prints whether an address can be reached.
func connect(address string) {
	conn, err := net.DialTimeout("tcp", address, 2*time.Second)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	conn.Close()
	fmt.Println("connected")
}

// get prints the response to a GET request.
func get(url string) {
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(os.Stdout, answer.Body)
}
