package cluster

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddy-payermax/caddy-payermax/e2e/cluster/internal/machine"
)

// uat6 is a name of the gateway that has only an IPv6 address.
const uat6 = "pay-gate-uat-ipv6.payermax.com"

// nameServer returns the manifests of CoreDNS as kubeadm 1.34 sets it up, in a namespace, with
// labels and on a port. It forwards names outside the cluster to the internet's name server.
func nameServer(namespace, labels string, port int) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: ServiceAccount
metadata: {name: coredns, namespace: %[1]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: system:coredns}
rules:
  - {apiGroups: [""], resources: [endpoints, services, pods, namespaces], verbs: [list, watch]}
  - {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: system:coredns:%[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:coredns}
subjects: [{kind: ServiceAccount, name: coredns, namespace: %[1]s}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: coredns, namespace: %[1]s}
data:
  Corefile: |
    .:%[3]d {
        errors
        health {
           lameduck 5s
        }
        ready
        kubernetes cluster.local in-addr.arpa ip6.arpa {
           pods insecure
           fallthrough in-addr.arpa ip6.arpa
           ttl 30
        }
        prometheus :9153
        forward . %[4]s {
           max_concurrent 1000
        }
        cache 30 {
           disable success cluster.local
           disable denial cluster.local
        }
        loop
        reload
        loadbalance
    }
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: %[1]s}
spec:
  selector: {matchLabels: {%[2]s}}
  template:
    metadata: {labels: {%[2]s}}
    spec:
      serviceAccountName: coredns
      dnsPolicy: Default
      terminationGracePeriodSeconds: 1
      containers:
        - name: coredns
          image: example.com/coredns:1
          args: ["-conf", /etc/coredns/Corefile]
          resources: {limits: {memory: 170Mi}, requests: {cpu: 100m, memory: 70Mi}}
          volumeMounts: [{name: config, mountPath: /etc/coredns, readOnly: true}]
          livenessProbe: {httpGet: {path: /health, port: 8080}, initialDelaySeconds: 60, timeoutSeconds: 5}
          readinessProbe: {httpGet: {path: /ready, port: 8181}, periodSeconds: 1, timeoutSeconds: 5}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {add: [NET_BIND_SERVICE], drop: [ALL]}, readOnlyRootFilesystem: true}
      volumes: [{name: config, configMap: {name: coredns}}]
`, namespace, labels, port, machine.Public)
}

// kubeDNS is the label by which the policies recognise the cluster's name server.
const kubeDNS = "k8s-app: kube-dns"

// kubeDNSService is the Service that the kubelet tells pods to use for DNS.
const kubeDNSService = `
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: ` + machine.DNS + `
  selector: {` + kubeDNS + `}
  ports: [{name: dns, protocol: UDP, port: 53}, {name: dns-tcp, protocol: TCP, port: 53}]
`

// serveNames starts the internet's name server, which also stands for those on node-local
// addresses, and the cluster's.
func (c *cluster) serveNames(ctx context.Context) error {
	internet := c.Command(context.WithoutCancel(ctx), "ip", "netns", "exec", "world", os.Getenv(coreDNSBinary), "-conf", "stdin")
	internet.Stdin = strings.NewReader(fmt.Sprintf(`.:53 {
		bind %[1]s %[2]s %[3]s
		errors
		hosts {
			%[1]s %[4]s %[5]s
			%[6]s %[7]s
		}
	}`, machine.Public, machine.NodeLocal, machine.Metadata, uat, production, machine.Public6, uat6))
	if err := internet.Start(); err != nil {
		return err
	}
	go func() { _ = internet.Wait() }() // returns when the machine ends
	cmd := c.Command(ctx, "kubectl", "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(nameServer("kube-system", kubeDNS, 53) + "---" + kubeDNSService)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the name server: %w: %s", err, out)
	}
	_, err := c.Kubectl(ctx, "rollout", "status", "-n", "kube-system", "deployment/coredns", "--timeout=60s")
	return err
}

// serverIn starts a name server in a namespace, and returns the address of its pod.
func (c *cluster) serverIn(t *testing.T, namespace, labels string, port int) string {
	t.Helper()
	c.kubectl(t, "create", "namespace", namespace)
	t.Cleanup(func() {
		_, err := c.Kubectl(context.Background(), "delete", "namespace", namespace, "--wait=false")
		assert.NoError(t, err)
	})
	c.apply(t, nameServer(namespace, labels, port))
	c.ready(t, namespace, "coredns")
	return fmt.Sprintf("%s:%d", c.onlyPod(t, namespace).Status.PodIP, port)
}

// For each kind of name server that the README names, the policies let queries through, over UDP
// and TCP, for names of Services and for PayerMax's. Queries to other name servers are blocked, and
// the sandbox cannot query any.
func TestNameServers(t *testing.T) {
	c := start(t)
	namespace, closed := c.namespace(t, "names"), c.namespace(t, "no-names")
	c.applied(t, namespace, overlays+"uat")
	c.kubectl(t, "apply", "-n", closed, "-k", overlays+"sandbox")
	openshift := c.serverIn(t, "openshift-dns", "dns.operator.openshift.io/daemonset-dns: default", 5353)
	elsewhere := c.serverIn(t, "not-kube-system", kubeDNS, 53)
	c.ready(t, namespace, "shop")
	c.ready(t, closed, "shop")
	signer, sandbox := c.pods(t, namespace)[0].Metadata.Name, c.onlyPod(t, closed).Metadata.Name

	const service = "kubernetes.default.svc.cluster.local."
	for _, ask := range []struct {
		server, name, address string
	}{
		{machine.DNS + ":53", service, "10.96.0.1"}, {machine.DNS + ":53", uat + ".", machine.Public},
		{machine.NodeLocal + ":53", uat + ".", machine.Public}, {machine.Metadata + ":53", uat + ".", machine.Public},
		{openshift, service, "10.96.0.1"}, {openshift, uat + ".", machine.Public},
	} {
		for _, network := range []string{"udp", "tcp"} {
			said := ""
			await(t, 30*time.Second, fmt.Sprintf("%s to answer over %s", ask.server, network), func() (answered bool) {
				said, answered = c.reaches(t, namespace, signer, "lookup", network, ask.server, ask.name)
				return answered
			})
			assert.Equal(t, "["+ask.address+"]", strings.TrimSpace(said), "%s of %s", ask.name, ask.server)
			_, answered := c.reaches(t, closed, sandbox, "lookup", network, ask.server, ask.name)
			assert.False(t, answered, "the sandbox asks %s over %s", ask.server, network)
		}
	}
	c.restrictedPod(t, "not-kube-system", "beside")
	for _, server := range []string{elsewhere, machine.Public + ":53"} {
		for _, network := range []string{"udp", "tcp"} {
			said, answered := c.reaches(t, "not-kube-system", "beside", "lookup", network, server, uat+".")
			require.True(t, answered, "%s does not answer at all: %s", server, said)
			_, answered = c.reaches(t, namespace, signer, "lookup", network, server, uat+".")
			assert.False(t, answered, "%s is asked over %s", server, network)
		}
	}
}
