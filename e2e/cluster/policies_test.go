package cluster

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/e2e/cluster/internal/machine"
)

// restrictedPod runs a container of the shop's image in a separate pod that meets the restricted
// standard. It does nothing until a test uses it.
func (c *cluster) restrictedPod(t *testing.T, namespace, name string) {
	t.Helper()
	c.apply(t, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %[1]s, namespace: %[2]s, labels: {app: %[1]s}}
spec:
  terminationGracePeriodSeconds: 1
  securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: shop
      image: example.com/shop:1.0
      args: [--listen=:3000]
      env: [{name: PAYERMAX_URL, value: "http://127.0.0.1:9"}]
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
`, name, namespace))
	c.kubectl(t, "wait", "-n", namespace, "pod/"+name, "--for=condition=Ready", "--timeout=60s")
}

// reaches runs the shop's program in a pod's container shop, and returns its output.
func (c *cluster) reaches(t *testing.T, namespace, pod string, args ...string) (said string, reached bool) {
	t.Helper()
	said, err := c.Kubectl(t.Context(), append([]string{"exec", "-n", namespace, pod, "-c", "shop", "--", "/usr/bin/shop"}, args...)...)
	return said, err == nil
}

// The policies are enforced: traffic may leave only to PayerMax and the name servers, and only
// Prometheus may enter, at the health port of a native sidecar.
func TestNetworkPolicies(t *testing.T) {
	c := start(t)
	namespace := c.namespace(t, "policies")
	c.applied(t, namespace, overlays+"uat")
	c.ready(t, namespace, "shop")
	p := c.pods(t, namespace)[0]

	server := c.kubectl(t, "get", "pods", "-n", "kube-system", "--selector=k8s-app=kube-dns", "-o", "jsonpath={.items[0].status.podIP}")
	for address, allowed := range map[string]bool{
		server + ":53": true, server + ":54": false,
		machine.Public + ":443": true, uat + ":443": true, // needs the name server
		machine.Private + ":443": false, machine.Metadata + ":443": false, machine.Metadata + ":80": false,
		machine.Public + ":80": false,
	} {
		said, reached := c.reaches(t, namespace, p.Metadata.Name, "connect", address)
		// If nothing listens there, the other side refuses a connection that reaches it.
		assert.Equal(t, allowed, reached || strings.Contains(said, "refused"), "%s: %s", address, said)
	}

	stranger := c.namespace(t, "strangers")
	c.restrictedPod(t, monitoring, "prometheus")
	c.restrictedPod(t, stranger, "stranger")
	health := "http://" + p.Status.PodIP + ":8081/metrics"
	said, reached := c.reaches(t, monitoring, "prometheus", "get", health)
	require.True(t, reached, "Prometheus cannot scrape the sidecar: %s", said)
	assert.Contains(t, said, "caddy_payermax_")
	_, reached = c.reaches(t, stranger, "stranger", "get", health)
	assert.False(t, reached, "a stranger scrapes the sidecar")
	for _, from := range [][2]string{{monitoring, "prometheus"}, {stranger, "stranger"}} {
		said, reached = c.reaches(t, from[0], from[1], "connect", p.Status.PodIP+":8080")
		assert.False(t, reached, "%s reaches the port that signs", from[1])
		assert.NotContains(t, said, "refused", "the policy lets %s through", from[1])
		_, reached = c.reaches(t, from[0], from[1], "get", "http://"+p.Status.PodIP+":3000/healthz")
		assert.True(t, reached, "%s does not reach the application", from[1])
	}
	// Whatever the sandbox's pod does, it reaches nothing, not even the name server.
	sandbox := c.namespace(t, "closed")
	c.kubectl(t, "apply", "-n", sandbox, "-k", overlays+"sandbox")
	c.ready(t, sandbox, "shop")
	for _, address := range []string{machine.Public + ":443", server + ":53"} {
		said, reached = c.reaches(t, sandbox, c.onlyPod(t, sandbox).Metadata.Name, "connect", address)
		assert.False(t, reached, "the sandbox reaches %s", address)
		assert.NotContains(t, said, "refused", "the sandbox reaches %s", address)
	}
}
