package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// cheapReplicas is a patch that reduces the CPU request of the gateway's replicas, because this
// node does not have enough.
const cheapReplicas = `
  - target: {kind: Deployment}
    patch: |
      - {op: replace, path: /spec/template/spec/containers/0/resources/requests/cpu, value: 50m}
`

// replicas returns a patch for the number of replicas. The maximum is needed as well: the metrics
// that TestScaleByCalls serves reach every autoscaler of the node, and with cheapReplicas little CPU
// is enough for another replica.
func replicas(least, most int) string {
	return fmt.Sprintf(`
  - target: {kind: HorizontalPodAutoscaler}
    patch: |
      - {op: replace, path: /spec/minReplicas, value: %d}
      - {op: replace, path: /spec/maxReplicas, value: %d}
`, least, most)
}

// sharedGateway prepares a namespace for the shared gateway and another one for its callers, with
// all of the README's commands except the last, which applies it. It returns the merchant, and the
// directory of the keys and certificates.
func (c *cluster) sharedGateway(t *testing.T, namespace, callers string) (m *merchant, folder string) {
	t.Helper()
	m, private := c.gateway.enrol(t)
	folder = c.gateway.keyFolder(t, private)
	c.shell(t, folder, fmt.Sprintf(createKeys, namespace))
	here := strings.NewReplacer("-n shop", "-n "+namespace, "gateway.shop", "gateway."+namespace, "namespace shop", "namespace "+callers,
		"kubectl apply", "# kubectl apply")
	for _, commands := range readmeBlocks(t, "## The shared gateway") {
		c.shell(t, folder, here.Replace(commands))
	}
	return m, folder
}

// replicated waits until the autoscaler has created a number of replicas, and all of them are
// ready.
func (c *cluster) replicated(t *testing.T, namespace string, number int) {
	t.Helper()
	await(t, 2*time.Minute, fmt.Sprintf("%d replicas", number), func() bool {
		return c.kubectl(t, "get", "deployment", "payermax-gateway", "-n", namespace, "-o", "jsonpath={.spec.replicas}") == fmt.Sprint(number)
	})
	c.ready(t, namespace, "payermax-gateway")
}

// certify creates a Secret with a caller's certificate in a namespace.
func (c *cluster) certify(t *testing.T, folder, namespace string) {
	t.Helper()
	c.shell(t, folder, "kubectl create secret generic certified -n "+namespace+" --from-file=gateway.crt --from-file=tls.crt=shop.crt --from-file=tls.key=shop.key")
}

// The shared gateway has two replicas: callers with a certificate are served, from labelled
// namespaces, and a rolling restart under load loses no call.
func TestSharedGateway(t *testing.T) {
	c := start(t)
	namespace, callers := c.namespace(t, "gateway"), c.namespace(t, "callers", "payermax-caller=true")
	_, folder := c.sharedGateway(t, namespace, callers)
	c.kubectl(t, "apply", "-n", namespace, "-k", consumer(t, "shared-gateway", "patches:"+cheapReplicas+replicas(2, 2)))
	c.replicated(t, namespace, 2)

	c.certify(t, folder, callers)
	c.shell(t, folder, "kubectl create secret generic uncertified -n "+callers+" --from-file=gateway.crt")
	stranger := c.namespace(t, "unlabelled")
	c.certify(t, folder, stranger)
	url := "https://payermax-gateway." + namespace
	c.caller(t, callers, "http1", "certified", url, 4)
	c.caller(t, callers, "http2", "certified", url, 4)
	c.caller(t, callers, "without", "uncertified", url, 0)
	c.caller(t, stranger, "stranger", "certified", url, 0)

	logs := make(map[string]*following)
	for _, name := range []string{"http1", "http2"} {
		logs[name] = c.follow(t, callers, c.pods(t, callers, "app="+name)[0].Metadata.Name, "shop")
	}
	assert.Contains(t, c.awaitLog(t, "first call", callers, "deployment/without"), "certificate required")

	began := time.Now()
	c.kubectl(t, "rollout", "restart", "-n", namespace, "deployment/payermax-gateway")
	c.ready(t, namespace, "payermax-gateway")
	await(t, 2*time.Minute, "the old pods to be gone", func() bool {
		return strings.Count(c.kubectl(t, "get", "pods", "-n", namespace, "-o", "name"), "pod/") == 2
	})
	t.Logf("restarted in %.1f s", time.Since(began).Seconds())
	c.kubectl(t, "delete", "pods", "-n", callers, "--all", "--wait=false")
	for name, log := range logs {
		t.Logf("%s: %d calls answered", name, requireAnswered(t, log.last(t)))
	}
	assert.NotContains(t, c.awaitLog(t, "first call", stranger, "deployment/stranger"), success, "a namespace without the label is served")
}

// caller creates a Deployment that calls the shared gateway: once, and continuously with the given
// number of workers.
func (c *cluster) caller(t *testing.T, namespace, name, secret, url string, workers int) {
	t.Helper()
	c.apply(t, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: %[2]s}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 10001, fsGroup: 10001, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: shop
          image: example.com/shop:1.0
          args: [--workers=%[4]d, --pause=10ms]
          env: [{name: PAYERMAX_URL, value: %[3]q}, {name: CALLER_CERTIFICATES, value: /certificates}, {name: CALLER_HTTP, value: %[6]q}]
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
          volumeMounts: [{name: certificates, mountPath: /certificates, readOnly: true}]
      volumes: [{name: certificates, secret: {secretName: %[5]s}}]
`, name, namespace, url, workers, secret, strings.TrimPrefix(name, "http")))
	c.ready(t, namespace, name)
}
