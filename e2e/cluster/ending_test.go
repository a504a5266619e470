package cluster

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A pod that is deleted under load, while the gateway is slow, still answers every call that its
// application makes.
func TestPodEndsUnderLoad(t *testing.T) {
	c := start(t)
	namespace := c.namespace(t, "ending")
	m, _ := c.applied(t, namespace, overlays+"uat")
	c.ready(t, namespace, "shop")
	p := c.pods(t, namespace)[0]
	log := c.follow(t, namespace, p.Metadata.Name, "shop")
	m.delay.Store(int64(3 * time.Second))
	c.load(t, p, 4)
	await(t, 30*time.Second, "calls to be answered", func() bool { return c.report(t, p)[success] > 8 })

	began := time.Now()
	c.kubectl(t, "delete", "pod", "-n", namespace, p.Metadata.Name, "--wait=false")
	exit := c.awaitEnd(t, namespace, p.Metadata.Name)
	t.Logf("%d calls answered; the pod was gone after %.1f s; the sidecar ended with %d", requireAnswered(t, log.last(t)), time.Since(began).Seconds(), exit)
	assert.Zero(t, exit)
}

// awaitEnd waits until a pod is gone, and returns the last exit code of its sidecar.
func (c *cluster) awaitEnd(t *testing.T, namespace, name string) (exit int) {
	t.Helper()
	await(t, 90*time.Second, "the pod to end", func() bool {
		text, err := c.Kubectl(t.Context(), "get", "pod", "-n", namespace, name, "-o", "json")
		if err != nil {
			return strings.Contains(err.Error(), "not found")
		}
		var p pod
		require.NoError(t, json.Unmarshal([]byte(text), &p))
		if ended := p.container("payermax").State.Terminated; ended != nil {
			exit = ended.ExitCode
		}
		return false
	})
	return exit
}

// kubectl drain moves the pods without a flag that accepts data loss, and the replacement pod is
// ready once there is a node for it.
func TestDrain(t *testing.T) {
	c := start(t)
	namespace := c.namespace(t, "drain")
	c.kubectl(t, "apply", "-n", namespace, "-k", consumer(t, "sandbox", "labels: [{pairs: {to-be: drained}, includeTemplates: true}]\n"))
	c.ready(t, namespace, "shop")
	t.Cleanup(func() {
		_, err := c.Kubectl(context.Background(), "uncordon", "node")
		assert.NoError(t, err)
	})
	began := time.Now()
	said := c.kubectl(t, "drain", "node", "--pod-selector=to-be=drained", "--timeout=60s")
	t.Logf("drained in %.1f s", time.Since(began).Seconds())
	assert.Contains(t, said, "evicted")
	c.kubectl(t, "uncordon", "node")
	c.ready(t, namespace, "shop")
}

// A Job with the sidecar completes as soon as its own container has completed, without the delay
// that only Services need.
func TestJob(t *testing.T) {
	c := start(t)
	namespace := c.namespace(t, "job")
	folder := workload(t, `
apiVersion: batch/v1
kind: Job
metadata: {name: settle, labels: {payermax-signer: "true"}}
spec:
  activeDeadlineSeconds: 900
  template:
    metadata: {labels: {app: settle}}
    spec:
      restartPolicy: Never
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: settle
          image: example.com/shop:1.0
          args: [--calls=200]
          env: [{name: PAYERMAX_URL, value: "http://127.0.0.1:8080"}]
          securityContext: {runAsUser: 10001, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
`)
	c.kubectl(t, "apply", "-n", namespace, "-k", folder)
	c.kubectl(t, "wait", "-n", namespace, "job/settle", "--for=condition=Complete", "--timeout=60s")
	p := c.onlyPod(t, namespace)
	c.awaitLog(t, `{"APPLY_SUCCESS":200}`, namespace, p.Metadata.Name, "-c", "settle")
	app, sidecar := p.container("settle").State.Terminated, p.container("payermax").State.Terminated
	require.NotNil(t, app)
	require.NotNil(t, sidecar)
	t.Logf("the sidecar ended %v after the application", sidecar.FinishedAt.Sub(app.FinishedAt))
	assert.Zero(t, sidecar.ExitCode)
	log := c.awaitLog(t, "shutdown complete", namespace, p.Metadata.Name, "-c", "payermax")
	assert.NotContains(t, log, "shutdown scheduled", "it waits for shutdown_delay")
}

// workload writes a kustomization as a consumer would: a workload of their own, with the component
// sidecar and the sandbox.
func workload(t *testing.T, text string) string {
	t.Helper()
	folder := t.TempDir()
	component, err := filepath.Abs(repository + "/deploy/kubernetes/components/sidecar")
	require.NoError(t, err)
	relative, err := filepath.Rel(folder, component)
	require.NoError(t, err)
	writeFile(t, folder, "workload.yaml", text)
	writeFile(t, folder, "kustomization.yaml", `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [workload.yaml]
components: [`+relative+`]
configMapGenerator:
  - {name: payermax-settings, literals: [PAYERMAX_GATEWAY=sandbox]}
images:
  - {name: caddy-payermax, newName: example.com/caddy-payermax, newTag: v0.1.0}
`)
	return folder
}
