package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The shared gateway with the store, as in the README, and with a consumer's own Caddyfile that
// accepts notifications. A notification that arrives at both replicas reaches the application once,
// even after the replicas have restarted. Without the store, notifications still arrive and calls
// are answered. Only the gateways can reach the store.
func TestSharedStore(t *testing.T) {
	c := start(t)
	namespace, callers := c.namespace(t, "store"), c.namespace(t, "store-callers", "payermax-caller=true")
	m, folder := c.sharedGateway(t, namespace, callers)
	c.restrictedPod(t, namespace, "notified")
	c.kubectl(t, "expose", "pod", "notified", "-n", namespace, "--port=3000")
	c.kubectl(t, "apply", "-n", namespace, "-k", storeConsumer(t))
	c.kubectl(t, "rollout", "status", "-n", namespace, "statefulset/payermax-store", "--timeout=60s")
	c.replicated(t, namespace, 2)
	r := replicaSet{c, namespace}
	r.awaitStore(t, true)

	c.certify(t, folder, callers)
	c.caller(t, callers, "http1", "certified", "https://payermax-gateway."+namespace, 2)

	orders := r.deliver(t, "first", 40)
	assert.Equal(t, each(orders, 1), r.notified(t), "with the store")
	c.kubectl(t, "rollout", "restart", "-n", namespace, "deployment/payermax-gateway")
	c.ready(t, namespace, "payermax-gateway")
	await(t, 2*time.Minute, "the old pods to be gone", func() bool { return len(c.gateways(t, namespace)) == 2 })
	r.awaitStore(t, true)
	r.deliver(t, "first", 40)
	assert.Equal(t, each(orders, 1), r.notified(t), "after a restart of the replicas")

	said, reached := c.reaches(t, callers, c.pods(t, callers, "app=http1")[0].Metadata.Name, "connect", "payermax-store."+namespace+":6379")
	assert.False(t, reached, "callers reach the store")
	assert.Contains(t, said, "timeout", "the policy lets callers through, or the name is not known")

	c.kubectl(t, "scale", "-n", namespace, "statefulset/payermax-store", "--replicas=0")
	r.awaitStore(t, false)
	for order := range each(r.deliver(t, "without", 4), 1) {
		assert.NotZero(t, r.notified(t)[order], "a notification is lost without the store")
	}
	answered := m.served.Load()
	await(t, time.Minute, "calls to be answered without the store", func() bool { return m.served.Load() > answered+20 })
	c.kubectl(t, "scale", "-n", namespace, "statefulset/payermax-store", "--replicas=1")
	back := r.awaitStore(t, true)
	orders = r.deliver(t, "again", 10)
	got := r.notified(t)
	for order := range each(orders, 1) {
		assert.Equal(t, 1, got[order], "%s, with the store that is back", order)
	}
	t.Logf("in use again after %.1f s; %d calls answered in all", back.Seconds(), m.served.Load())
}

// gateways returns the pods of the shared gateway, including those that are ending.
func (c *cluster) gateways(t *testing.T, namespace string) []string {
	t.Helper()
	return strings.Fields(c.kubectl(t, "get", "pods", "-n", namespace, "--selector=app=payermax-gateway", "-o", "name"))
}

// storeConsumer writes the README's kustomization, with a component that contains the consumer's
// own Caddyfile.
func storeConsumer(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	relative, err := filepath.Rel(folder, filepath.Dir(filepath.Clean(overlays)))
	require.NoError(t, err)
	text := strings.NewReplacer("../../", relative+"/", "[../", "["+relative+"/overlays/", "shared-store]", "shared-store, notifications]").
		Replace(readmeManifest(t, "## The shared gateway", "shared-store"))
	writeFile(t, folder, "kustomization.yaml", text+"patches:"+cheapReplicas+replicas(2, 2))

	notifications := filepath.Join(folder, "notifications")
	require.NoError(t, os.Mkdir(notifications, 0o700))
	shipped, err := os.ReadFile(overlays + "../components/shared-store/gateway.caddyfile")
	require.NoError(t, err)
	writeFile(t, notifications, "Caddyfile", string(shipped)+`
:8082 {
	payermax_notify /notified* {
		gateway_public_key {env.PAYERMAX_GATEWAY_PUBLIC_KEY}
		app_id {env.PAYERMAX_APP_ID}
		ack after
		duplicates 1h
	}
	reverse_proxy /notified* notified:3000
}
`)
	writeFile(t, notifications, "policy.yaml", `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: notified}
spec:
  podSelector: {matchLabels: {app: payermax-gateway}}
  policyTypes: [Egress]
  egress: [{to: [{podSelector: {matchLabels: {app: notified}}}], ports: [{protocol: TCP, port: 3000}]}]
`)
	writeFile(t, notifications, "kustomization.yaml", `apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources: [policy.yaml]
configMapGenerator: [{name: payermax-caddyfile, behavior: replace, files: [Caddyfile]}]
`)
	return folder
}

// replicaSet is the set of replicas of a shared gateway.
type replicaSet struct {
	*cluster
	namespace string
}

func (r replicaSet) pods(t *testing.T) []pod {
	t.Helper()
	return r.cluster.pods(t, r.namespace, "app=payermax-gateway")
}

// awaitStore waits until all replicas report that they can reach the store, or that they cannot.
// They are ready in either case.
func (r replicaSet) awaitStore(t *testing.T, reachable bool) time.Duration {
	t.Helper()
	return await(t, time.Minute, fmt.Sprintf("the store to be reachable: %t", reachable), func() bool {
		agree := true
		for _, p := range r.pods(t) {
			status, said := r.get(t, "http://"+p.Status.PodIP+":8081/readyz")
			agree = agree && status == http.StatusOK && strings.Contains(said, fmt.Sprintf(`"store":{"module":"redis","reachable":%t`, reachable))
		}
		return agree
	})
}

// notified returns how often the application got each order's notification.
func (r replicaSet) notified(t *testing.T) map[string]int {
	t.Helper()
	address := r.kubectl(t, "get", "pod", "notified", "-n", r.namespace, "-o", "jsonpath={.status.podIP}")
	_, body := r.get(t, "http://"+address+":3000/notified")
	var orders map[string]int
	require.NoError(t, json.Unmarshal([]byte(body), &orders), body)
	return orders
}

// deliver delivers the notifications of a number of orders as PayerMax would: each to all replicas
// at once, until one of them acknowledges it, and then to all of them once more.
func (r replicaSet) deliver(t *testing.T, name string, number int) (orders []string) {
	t.Helper()
	replicas := r.pods(t)
	require.Len(t, replicas, 2)
	for i := range number {
		order := fmt.Sprintf("%s-%d", name, i)
		await(t, time.Minute, "a notification to be acknowledged", func() bool { return r.once(t, replicas, order) })
		r.once(t, replicas, order)
		orders = append(orders, order)
	}
	return orders
}

// once delivers a notification to all replicas at the same time.
func (r replicaSet) once(t *testing.T, replicas []pod, order string) (acknowledged bool) {
	t.Helper()
	body := fmt.Sprintf(`{"code":"APPLY_SUCCESS","msg":"","keyVersion":"1","appId":"your-uat-app-id","notifyTime":"2026-11-28T09:33:54.540+00:00","notifyType":"PAYMENT","data":{"outTradeNo":%q,"status":"SUCCESS","totalAmount":10000.00}}`, order)
	signature, err := r.gateway.sign([]byte(body))
	require.NoError(t, err)
	said := make([]int, len(replicas))
	var all sync.WaitGroup
	for i, p := range replicas {
		all.Go(func() { said[i] = r.post(t.Context(), "http://"+p.Status.PodIP+":8082/notified", signature, body) })
	}
	all.Wait()
	for _, status := range said {
		acknowledged = acknowledged || status == http.StatusOK
	}
	return acknowledged
}

// post posts a notification from the node, and returns the status, or 0 without an answer.
func (r replicaSet) post(ctx context.Context, url, signature, body string) int {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: r.DialFromNode, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Sign", signature)
	answer, err := client.Do(request)
	if err != nil {
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}

// each returns the expected counts if the application got each notification that many times.
func each(orders []string, times int) map[string]int {
	all := make(map[string]int)
	for _, order := range orders {
		all[order] = times
	}
	return all
}
