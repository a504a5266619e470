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

// introduce says who takes part.
func (d *demo) introduce(sidecar, gateway string, k *demoKeys) {
	d.say(`One call from an application to PayerMax, all on this machine.

  application  this program; it holds no key
  sidecar      http://%s, from %s
               signs with %s
  gateway      http://%s, the sandbox in PayerMax's place
               signs with %s
`, sidecar, d.name, signer.Fingerprint(&k.merchant.PublicKey), gateway, signer.Fingerprint(&k.gateway.PublicKey))
}

// show makes one good call and one bad one, and tells both.
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
	d.say("  %d bytes signed; the gateway verified the signature with the merchant's public key.\n", len(call.Body))

	d.heading("3. The gateway answers, and the sidecar verifies its signature in turn")
	d.response(answer, body)
	if !strings.Contains(answer.Header.Get("Proxy-Status"), "answer verified") {
		return errors.New("the sidecar did not verify the answer")
	}

	d.heading("4. A mistake is explained on the spot and goes no further")
	d.say("  PayerMax's documented example lacks the totalAmount that its own table requires.\n\n")
	if answer, body, err = post(ctx, sidecar, documented); err != nil {
		return fmt.Errorf("calling the sidecar: %w", err)
	}
	d.response(answer, body)
	select {
	case <-d.calls:
		return errors.New("the invalid request reached the gateway")
	default:
		d.say("  The gateway was not called.\n")
	}
	return nil
}

// invite says where the checkout is, and what to try.
func (d *demo) invite(sidecar, gateway, shop string) {
	d.heading("Your turn; Ctrl-C ends it")
	d.say(`  A checkout       http://%s/
  The other side   http://%s/sandbox/

  In a browser, fill in the test card and pay. Then try:
  - "asks for 3DS" under the card, and either button of the bank's page
  - "stays pending", and end that order on the sandbox's page
  - "End sessions" there while the card form is open
  - the fault drop-notification: the shop asks, and learns it all the same

  A call of your own:

  curl -i http://%s%s \
    -H 'Content-Type: application/json' \
    -d '%s'
`, shop, gateway, sidecar, endpoint, complete)
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

// request shows a request to the endpoint.
func (d *demo) request(header http.Header, body []byte) {
	d.say("  POST %s\n", endpoint)
	d.message(header, body)
}

// response shows an answer.
func (d *demo) response(answer *http.Response, body []byte) {
	d.say("  HTTP %s\n", answer.Status)
	d.message(answer.Header, body)
}

// message shows the headers that matter and the body, indented for reading.
func (d *demo) message(header http.Header, body []byte) {
	for _, field := range []string{"Content-Type", "Sign", "Proxy-Status"} {
		for _, value := range header.Values(field) {
			d.say("  %s: %s\n", field, abbreviate(value))
		}
	}
	var indented bytes.Buffer
	if json.Indent(&indented, body, "  ", "  ") != nil {
		indented.Write(body)
	}
	d.say("\n  %s\n\n", bytes.TrimSpace(indented.Bytes()))
}

// abbreviate shortens what nobody would read to its end, such as a signature.
func abbreviate(value string) string {
	const shown = 80
	if len(value) <= shown {
		return value
	}
	return fmt.Sprintf("%s... (%d characters)", value[:48], len(value))
}

// heading begins a chapter.
func (d *demo) heading(text string) {
	d.say("\n%s\n%s\n\n", text, strings.Repeat("-", len(text)))
}

// say prints. A demonstration that cannot be seen has nothing else to do.
func (d *demo) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.out, format, args...)
}
