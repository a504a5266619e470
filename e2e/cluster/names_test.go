package cluster

import (
	"context"
	"fmt"
	"strings"

	"github.com/caddy-payermax/caddy-payermax/e2e/cluster/internal/machine"
)

// nameServer is the cluster's, with the labels that CoreDNS has.
const nameServer = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: kube-dns}}
  template:
    metadata: {labels: {k8s-app: kube-dns}}
    spec:
      containers:
        - name: names
          image: example.com/names:1
          args: [/etc/names/hosts]
          resources: {requests: {cpu: 100m}} # as CoreDNS has, or a busy machine starves it
          volumeMounts: [{name: hosts, mountPath: /etc/names}]
      volumes: [{name: hosts, configMap: {name: names}}]
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: ` + machine.DNS + `
  selector: {k8s-app: kube-dns}
  ports: [{name: dns, protocol: UDP, port: 53}]
---
`

// uat6 is a name of the gateway's that has an IPv6 address alone.
const uat6 = "pay-gate-uat-ipv6.payermax.com"

// hosts are the names that the server knows at first.
func hosts(more ...string) string {
	lines := append([]string{machine.Public + " " + uat + " " + production, machine.Public6 + " " + uat6}, more...)
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: names, namespace: kube-system}\ndata:\n  hosts: |\n    " + strings.Join(lines, "\n    ") + "\n"
}

func (c *cluster) serveNames(ctx context.Context) error {
	cmd := c.Command(ctx, "kubectl", "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(nameServer + hosts())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the name server: %w: %s", err, out)
	}
	_, err := c.Kubectl(ctx, "rollout", "status", "-n", "kube-system", "deployment/coredns", "--timeout=60s")
	return err
}
