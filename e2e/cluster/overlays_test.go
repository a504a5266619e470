package cluster

import (
	"strings"
	"testing"
	"time"
)

// The overlay unix-socket, unchanged.
func TestUnixSocket(t *testing.T) {
	c := start(t)
	namespace := c.namespace(t, "socket")
	c.applied(t, namespace, overlays+"unix-socket")
	c.ready(t, namespace, "shop")
	p := c.pods(t, namespace)[0]
	c.awaitLog(t, `first call: {"APPLY_SUCCESS":1}`, namespace, p.Metadata.Name, "-c", "shop")
	requireAnswered(t, c.report(t, p))
}

func TestPlainContainer(t *testing.T) {
	c := start(t)
	namespace := c.namespace(t, "plain")
	// The preStop command needs a sleep program, which the shop's image does not have.
	c.applied(t, namespace, consumer(t, "plain-container", `
patches:
  - target: {kind: Deployment, name: shop}
    patch: |
      - {op: remove, path: /spec/template/spec/containers/0/lifecycle}
      - {op: replace, path: /spec/replicas, value: 1}
`))
	c.ready(t, namespace, "shop")
	p := c.onlyPod(t, namespace)
	before := c.report(t, p)[success]
	c.load(t, p, 1)
	await(t, 30*time.Second, "an answer", func() bool { return c.report(t, p)[success] > before })
}

// The overlay production: three replicas, a disruption budget, and the gateway's production name.
func TestProduction(t *testing.T) {
	c := start(t)
	namespace := c.namespace(t, "production")
	c.applied(t, namespace, overlays+"production")
	c.ready(t, namespace, "shop")
	for _, p := range c.pods(t, namespace) {
		requireAnswered(t, c.report(t, p))
	}
	allowed := ""
	await(t, 30*time.Second, "the disruption budget", func() bool {
		allowed = c.kubectl(t, "get", "poddisruptionbudget", "shop", "-n", namespace, "-o", "jsonpath={.status.disruptionsAllowed}")
		return strings.TrimSpace(allowed) == "1"
	})
}
