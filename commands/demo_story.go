package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/caddy-payermax/caddy-payermax/sandbox"
	"github.com/caddy-payermax/caddy-payermax/signer"
)

// introduce prints the participants.
func (d *demo) introduce(sidecar, gateway string, k *demoKeys) {
	d.say(`One call from an application to PayerMax, all on this machine.

  application  this program; it holds no key
  sidecar      http://%s, from %s
               signs with the key
    %s
  gateway      http://%s, the sandbox in PayerMax's place
               signs with the key
    %s
`, sidecar, d.name, signer.Fingerprint(&k.merchant.PublicKey), gateway, signer.Fingerprint(&k.gateway.PublicKey))
}

// tell shows the calls. An interrupt is not a failure.
func (d *demo) tell(ctx context.Context, sidecar string) error {
	if err := d.show(ctx, sidecar); ctx.Err() == nil {
		return err
	}
	return nil
}

// show makes one good call and one bad call, and prints both.
func (d *demo) show(ctx context.Context, sidecar string) error {
	answer, body, err := post(ctx, sidecar, complete)
	if err != nil {
		return fmt.Errorf("calling the sidecar: %w", err)
	}
	var call sandbox.Call
	select {
	case call = <-d.calls:
	default:
		return fmt.Errorf("the gateway was not called; the sidecar answered %s: %s", answer.Status, body)
	}

	d.heading("1. The application posts business data to the sidecar")
	d.request(http.Header{"Content-Type": {"application/json"}}, []byte(complete))

	d.heading("2. The sidecar fills the envelope, signs it and sends it to the gateway")
	d.request(call.Header, call.Body)
	if !call.Verified {
		return fmt.Errorf("the gateway refused the signature: %s %s", call.Code, call.Msg)
	}
	d.say("\n  %d bytes signed;\n  the gateway verified the signature with the merchant's public key.\n", len(call.Body))

	d.heading("3. The gateway answers, and the sidecar verifies its signature")
	d.response(answer, body)
	if !strings.Contains(answer.Header.Get("Proxy-Status"), "answer verified") {
		return errors.New("the sidecar did not verify the answer")
	}

	d.heading("4. A mistake is explained on the spot and goes no further")
	d.say("  PayerMax's documented example lacks the totalAmount that its own table\n  requires.\n\n")
	if answer, body, err = post(ctx, sidecar, documented); err != nil {
		return fmt.Errorf("calling the sidecar: %w", err)
	}
	d.response(answer, body)
	select {
	case <-d.calls:
		return errors.New("the invalid request reached the gateway")
	default:
		d.say("\n  The gateway was not called.\n")
	}
	return nil
}

// invite prints the pages to look at and what to try next.
func (d *demo) invite(sidecar, gateway, shop string) {
	d.heading("Your turn; Ctrl-C stops it")
	d.say(`  checkout     http://%[4]s/
               a shop, to click through in a browser
  live page    http://%[2]s/sandbox/
               every order and call, as the gateway sees it

  1. Fill in the test card and pay. Then pay again, with "asks for 3DS" chosen
     in the list "Sandbox: this payment", and press either button of the bank's
     page.

  2. Make a call of your own, and find it on the live page:

  curl -i http://%[1]s%[3]s \
    -H 'Content-Type: application/json' \
    -d '{"data":{"totalAmount":10000,"currency":"IDR",
         "country":"ID","userId":"U10001"}}'

  3. Have the gateway sign its next answer wrongly, repeat the call, and see
     that your application gets none of that answer:

  curl -X PUT http://%[2]s/sandbox/faults \
    -d '{"endpoint":"applyDropinSession","fault":"wrong-signature"}'

  Then set up a sidecar with your own keys: docs/quick-start.md
`, sidecar, gateway, endpoint, shop)
}

// post sends body as an application would, without a key or a signature.
func post(ctx context.Context, sidecar, body string) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+sidecar+endpoint, strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Content-Type", "application/json")

	client := &http.Client{Transport: new(http.Transport)} // no proxy from the environment
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	received, err := io.ReadAll(answer.Body)
	return answer, received, err
}

// request prints a request to the endpoint.
func (d *demo) request(header http.Header, body []byte) {
	d.say("  POST %s\n", endpoint)
	d.message(header, body)
}

// response prints an answer.
func (d *demo) response(answer *http.Response, body []byte) {
	d.say("  HTTP %s\n", answer.Status)
	d.message(answer.Header, body)
}

// message prints the relevant headers and the body, indented.
func (d *demo) message(header http.Header, body []byte) {
	for _, field := range []string{"Content-Type", "Sign", "Proxy-Status"} {
		for _, value := range header.Values(field) {
			d.lines("  " + field + ": " + abbreviate(value))
		}
	}
	var indented bytes.Buffer
	if json.Indent(&indented, body, "  ", "  ") != nil {
		indented.Write(body)
	}
	d.say("\n")
	d.lines("  " + string(bytes.TrimSpace(indented.Bytes())))
}

// lines prints a text and wraps lines that are wider than a terminal.
func (d *demo) lines(text string) {
	const width = 80
	for line := range strings.Lines(text + "\n") {
		line = strings.TrimSuffix(line, "\n")
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))] + "    "
		for len(line) > width {
			at := strings.LastIndexByte(line[:width+1], ' ')
			if at < len(indent) {
				break // one long word
			}
			d.say("%s\n", line[:at])
			line = indent + line[at+1:]
		}
		d.say("%s\n", line)
	}
}

// abbreviate shortens a long value, such as a signature.
func abbreviate(value string) string {
	const shown = 80
	if len(value) <= shown {
		return value
	}
	return fmt.Sprintf("%s... (%d characters)", value[:48], len(value))
}

// heading prints a heading.
func (d *demo) heading(text string) {
	title := text
	if d.coloured {
		title = bold + text + plain
	}
	d.say("\n%s\n%s\n\n", title, strings.Repeat("-", len(text)))
}

// say prints to out. It ignores errors: a demonstration whose output cannot be seen has
// nothing else to do.
func (d *demo) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.out, format, args...)
}
