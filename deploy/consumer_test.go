package deploy

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// ownPod is a pod of somebody who does not use our components yet. It has its own value wherever
// our components could have an opinion. The YAML is indented for a Deployment.
const ownPod = `
    metadata:
      labels: {app: books, team: accounts}
      annotations: {cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes: scratch}
    spec:
      terminationGracePeriodSeconds: 300
      automountServiceAccountToken: true
      enableServiceLinks: true
      shareProcessNamespace: true
      serviceAccountName: books
      restartPolicy: %s
      securityContext: {fsGroup: 2000, runAsUser: 1000, supplementalGroups: [7]}
      initContainers:
        - {name: migrate, image: "example.com/migrate:1", volumeMounts: [{name: scratch, mountPath: /scratch}]}
      containers:
        - name: books
          image: example.com/books:1
          env: [{name: GOMEMLIMIT, value: 1GiB}]
          ports: [{name: http, containerPort: 8000}]
          securityContext: {runAsUser: 1001}
          volumeMounts: [{name: scratch, mountPath: /scratch}]
        - {name: proxy, image: "example.com/proxy:1"}
      volumes:
        - {name: scratch, emptyDir: {}}
        - {name: config, configMap: {name: books}}
`

// ownWorkloads returns a workload of each kind, each with ownPod as its pod.
func ownWorkloads() map[string]string {
	metadata := "metadata: {name: books, labels: {app: books, payermax-signer: \"true\"}}\n"
	always, never := fmt.Sprintf(ownPod, "Always"), fmt.Sprintf(ownPod, "Never")
	selector := "  selector: {matchLabels: {app: books}}\n"
	return map[string]string{
		"Deployment":  "apiVersion: apps/v1\nkind: Deployment\n" + metadata + "spec:\n" + selector + "  template:" + always,
		"StatefulSet": "apiVersion: apps/v1\nkind: StatefulSet\n" + metadata + "spec:\n  serviceName: books\n" + selector + "  template:" + always,
		"DaemonSet":   "apiVersion: apps/v1\nkind: DaemonSet\n" + metadata + "spec:\n" + selector + "  template:" + always,
		"Job":         "apiVersion: batch/v1\nkind: Job\n" + metadata + "spec:\n  template:" + never,
		"CronJob":     "apiVersion: batch/v1\nkind: CronJob\n" + metadata + "spec:\n  schedule: \"0 3 * * *\"\n  jobTemplate: {spec: {template: " + asJSON(never) + "}}\n",
	}
}

// asJSON converts YAML to JSON, for places where indentation would be in the way.
func asJSON(text string) string {
	encoded, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

// renderConsumer renders a workload with our components, as a consumer's own kustomization, and
// returns its objects by kind.
func renderConsumer(t *testing.T, workload string, components ...string) map[string]map[string]any {
	t.Helper()
	folder := t.TempDir()
	text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [workload.yaml]\ncomponents:\n"
	for _, component := range components {
		target, err := filepath.Abs("kubernetes/components/" + component)
		if filepath.IsAbs(component) {
			target = component
		}
		require.NoError(t, err)
		relative, err := filepath.Rel(folder, target)
		require.NoError(t, err)
		text += "  - " + relative + "\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "workload.yaml"), []byte(workload), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o600))
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	require.NoError(t, err)
	objects := make(map[string]map[string]any)
	for _, resource := range rendered.Resources() {
		object, err := resource.Map()
		require.NoError(t, err)
		objects[resource.GetKind()] = object
	}
	return objects
}

// templateOf returns the pod template of a workload.
func templateOf(object map[string]any) map[string]any {
	spec := object["spec"].(map[string]any)
	if job, isCronJob := spec["jobTemplate"].(map[string]any); isCronJob {
		spec = job["spec"].(map[string]any)
	}
	return spec["template"].(map[string]any)
}

// named returns the elements of one of the pod's lists, by name.
func named(template map[string]any, list string) map[string]map[string]any {
	found := make(map[string]map[string]any)
	elements, _ := template["spec"].(map[string]any)[list].([]any)
	for _, element := range elements {
		object := element.(map[string]any)
		found[object["name"].(string)] = object
	}
	return found
}

// The components add to a workload of any kind, and change nothing that it already has.
func TestComponentsAddAndDoNotTake(t *testing.T) {
	t.Parallel()
	for kind, workload := range ownWorkloads() {
		t.Run(kind, func(t *testing.T) {
			before := renderConsumer(t, workload)[kind]
			after := renderConsumer(t, workload, "sidecar", "payermax", "unix-socket")[kind]
			template := templateOf(after)

			first := template["spec"].(map[string]any)["initContainers"].([]any)[0].(map[string]any)
			assert.Equal(t, "payermax", first["name"], "the sidecar starts before what else there is")
			assert.Equal(t, "Always", first["restartPolicy"])
			for _, volume := range []string{"payermax-caddyfile", "payermax-keys", "payermax-socket"} {
				assert.Contains(t, named(template, "volumes"), volume)
			}
			assert.Equal(t, "true", template["metadata"].(map[string]any)["labels"].(map[string]any)["payermax-signer"])

			// Without the additions, the pod is what it was before.
			delete(template["metadata"].(map[string]any)["labels"].(map[string]any), "payermax-signer")
			spec := template["spec"].(map[string]any)
			for _, list := range []string{"initContainers", "volumes"} {
				spec[list] = slices.DeleteFunc(spec[list].([]any), func(element any) bool {
					_, isOwn := named(templateOf(before), list)[element.(map[string]any)["name"].(string)]
					return !isOwn
				})
			}
			was, err := json.MarshalIndent(before, "", " ")
			require.NoError(t, err)
			is, err := json.MarshalIndent(after, "", " ")
			require.NoError(t, err)
			assert.Equal(t, string(was), string(is))
		})
	}
}

// A service account token that the application mounts is not mounted into the sidecar as well.
func TestSidecarHasNoTokenOfTheApplication(t *testing.T) {
	t.Parallel()
	for kind, workload := range ownWorkloads() {
		sidecar := named(templateOf(renderConsumer(t, workload, "sidecar")[kind]), "initContainers")["payermax"]
		assert.True(t, slices.ContainsFunc(sidecar["volumeMounts"].([]any), func(mount any) bool {
			return mount.(map[string]any)["mountPath"] == filepath.Dir(tokenFile)
		}), kind)
	}
}

// The README's Job has an activeDeadlineSeconds, because it would wait forever for a sidecar that
// cannot start. The component sidecar leaves that deadline in place.
func TestJobEnds(t *testing.T) {
	t.Parallel()
	rendered := renderConsumer(t, readmeBlock(t, "kind: Job"), "sidecar")["Job"]
	text, err := yaml.Marshal(rendered)
	require.NoError(t, err)
	var job batchv1.Job
	require.NoError(t, yaml.UnmarshalStrict(text, &job))
	require.NotNil(t, job.Spec.ActiveDeadlineSeconds)
	assert.Equal(t, int64(900), *job.Spec.ActiveDeadlineSeconds)
	assert.Equal(t, int32(0), *job.Spec.BackoffLimit)
	assert.Equal(t, corev1.RestartPolicyNever, job.Spec.Template.Spec.RestartPolicy)
	container, native := signer(&job.Spec.Template.Spec)
	require.True(t, native)
	assert.Equal(t, corev1.ContainerRestartPolicyAlways, *container.RestartPolicy, "which is why it waits")
	assert.Equal(t, int64(60), *job.Spec.Template.Spec.TerminationGracePeriodSeconds)
}

// A CronJob gets the same additions as the other workloads.
func TestCronJobsGetTheSame(t *testing.T) {
	t.Parallel()
	for component, others := range map[string]string{"sidecar": "sidecar.yaml", "payermax": "keys.yaml", "unix-socket": "socket.yaml"} {
		read := func(file string) map[string]any {
			text, err := os.ReadFile("kubernetes/components/" + component + "/" + file)
			require.NoError(t, err)
			var object map[string]any
			require.NoError(t, yaml.UnmarshalStrict(text, &object))
			return templateOf(object)
		}
		assert.Equal(t, read(others), read("cronjob.yaml"), component)
	}
}

// A consumer's own Caddyfile replaces ours, by a component that is named after ours, as the README
// shows.
func TestOwnCaddyfile(t *testing.T) {
	t.Parallel()
	own := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(own, "kustomization.yaml"), []byte(readmeBlock(t, "behavior: replace")), 0o600))
	const text = "http://:8080 {\n\trespond own\n}\n"
	require.NoError(t, os.WriteFile(filepath.Join(own, "Caddyfile"), []byte(text), 0o600))
	objects := renderConsumer(t, ownWorkloads()["StatefulSet"], "sidecar", own)
	config := objects["ConfigMap"]
	assert.Equal(t, text, config["data"].(map[string]any)["Caddyfile"])
	mounted := named(templateOf(objects["StatefulSet"]), "volumes")["payermax-caddyfile"]["configMap"].(map[string]any)["name"]
	assert.Equal(t, config["metadata"].(map[string]any)["name"], mounted)
}

// The README's patch moves the health port, in the container, its probes and the policy.
func TestHealthPortMoves(t *testing.T) {
	t.Parallel()
	folder := consumerOf(t, "production", "unix-socket")
	file := filepath.Join(folder, "kustomization.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(text, readmeBlock(t, "PAYERMAX_HEALTH_PORT")...), 0o600))
	m := render(t, folder)
	template, container := podOf(m)
	assert.Equal(t, []corev1.ContainerPort{{Name: "payermax-health", ContainerPort: 9081}}, container.Ports)
	assert.EqualValues(t, 9081, portNumber(&template.Spec, container.LivenessProbe.HTTPGet.Port.StrVal, 0))
	assert.Equal(t, "9081", environment(m, container)["PAYERMAX_HEALTH_PORT"])
	for _, policy := range m.policies {
		if policy.Name == "payermax-signer" {
			assert.EqualValues(t, 9081, policy.Spec.Ingress[0].Ports[0].Port.IntVal)
		}
	}
}

// consumerOf writes a kustomization on top of an overlay, and returns its directory.
func consumerOf(t *testing.T, overlay, component string) string {
	t.Helper()
	folder := t.TempDir()
	text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
	for list, target := range map[string]string{"resources": "overlays/" + overlay, "components": "components/" + component} {
		absolute, err := filepath.Abs("kubernetes/" + target)
		require.NoError(t, err)
		relative, err := filepath.Rel(folder, absolute)
		require.NoError(t, err)
		text += list + ": [" + relative + "]\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o600))
	return folder
}

// The autoscaler uses a metric that the sidecar exposes, besides the CPU.
func TestScaleByCalls(t *testing.T) {
	t.Parallel()
	scaler := render(t, consumerOf(t, "shared-gateway", "scale-by-calls")).scalers[0]
	require.Len(t, scaler.Spec.Metrics, 2)
	assert.NotNil(t, scaler.Spec.Metrics[0].Resource)
	p := newPod(t, "kubernetes/overlays/sandbox")
	p.run(t)
	_, metrics := get("http://127.0.0.1:" + p.health + "/metrics")
	assert.Contains(t, metrics, "\n"+scaler.Spec.Metrics[1].Pods.Metric.Name+" ")
}

// On OpenShift the sidecar sets no user, so it gets one of the namespace's own.
func TestOpenShift(t *testing.T) {
	t.Parallel()
	for kind, workload := range ownWorkloads() {
		objects := renderConsumer(t, workload, "sidecar", "payermax", "unix-socket", "openshift")
		sidecar := named(templateOf(objects[kind]), "initContainers")["payermax"]
		settings := sidecar["securityContext"].(map[string]any)
		assert.NotContains(t, settings, "runAsUser", kind)
		assert.NotContains(t, settings, "runAsGroup", kind)
		assert.Equal(t, true, settings["runAsNonRoot"], kind)
	}
}

// The README's patch does the same for the shared gateway, where the sidecar is an ordinary
// container.
func TestSharedGatewayOnOpenShift(t *testing.T) {
	t.Parallel()
	folder := consumerOf(t, "shared-gateway", "scale-by-calls")
	text, err := os.ReadFile(filepath.Join(folder, "kustomization.yaml"))
	require.NoError(t, err)
	_, patches, found := strings.Cut(readmeBlock(t, "/spec/template/spec/securityContext/fsGroup"), "\npatches:")
	require.True(t, found)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "kustomization.yaml"), append(text, "\npatches:"+patches...), 0o600))
	template, container := podOf(render(t, folder))
	assert.Nil(t, template.Spec.SecurityContext.FSGroup)
	assert.Nil(t, container.SecurityContext.RunAsUser)
	assert.Nil(t, container.SecurityContext.RunAsGroup)
	assert.True(t, *container.SecurityContext.RunAsNonRoot)
}

// The overlay plain-container has already moved the container, so the component openshift must come
// before the component plain-container, as the README says.
func TestPlainContainerOnOpenShift(t *testing.T) {
	t.Parallel()
	onTop := consumerOf(t, "plain-container", "openshift")
	_, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), onTop)
	require.ErrorContains(t, err, "initContainers/0/name")

	copied := t.TempDir()
	require.NoError(t, os.CopyFS(copied, os.DirFS("kubernetes")))
	overlay := filepath.Join(copied, "overlays", "plain-container")
	text, err := os.ReadFile(filepath.Join(overlay, "kustomization.yaml"))
	require.NoError(t, err)
	before := strings.Replace(string(text), "components:\n", "components:\n  - ../../components/openshift\n", 1)
	require.NoError(t, os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(before), 0o600))
	template, sidecar := podOf(render(t, overlay))
	assert.Empty(t, template.Spec.InitContainers)
	assert.Nil(t, sidecar.SecurityContext.RunAsUser)
	assert.Nil(t, sidecar.SecurityContext.RunAsGroup)
	assert.True(t, *sidecar.SecurityContext.RunAsNonRoot)
}

// A label that is added in the same kustomization comes too late, as the README says.
func TestLabelOfTheSameKustomization(t *testing.T) {
	t.Parallel()
	workload := strings.ReplaceAll(ownWorkloads()["Deployment"], `, payermax-signer: "true"`, "")
	late := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(late, "kustomization.yaml"), []byte(
		"apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels: [{pairs: {payermax-signer: \"true\"}}]\n"), 0o600))
	after := renderConsumer(t, workload, "sidecar", late)["Deployment"]
	assert.NotContains(t, named(templateOf(after), "initContainers"), "payermax")
	before := renderConsumer(t, workload, late, "sidecar")["Deployment"]
	assert.Contains(t, named(templateOf(before), "initContainers"), "payermax")
}

// nameServers are the labels of the pods that clusters use for DNS: CoreDNS or kube-dns, NodeLocal
// DNSCache where queries are redirected to its pod, and OpenShift's DNS.
var nameServers = []labels.Set{
	{"k8s-app": "kube-dns"}, {"k8s-app": "node-local-dns"}, {"dns.operator.openshift.io/daemonset-dns": "default"},
}

// commonLabels also adds its labels to selectors. That must not cut the pods off from the name
// servers, whose pods have none of these labels.
func TestCommonLabels(t *testing.T) {
	t.Parallel()
	folder := consumerOf(t, "uat", "openshift")
	text, err := os.ReadFile(filepath.Join(folder, "kustomization.yaml"))
	require.NoError(t, err)
	text = append(text, "commonLabels: {team: payments}\n"...)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "kustomization.yaml"), text, 0o600))
	policies := render(t, folder).policies
	for _, pod := range nameServers {
		assert.True(t, slices.ContainsFunc(policies, func(policy *networkingv1.NetworkPolicy) bool {
			return slices.ContainsFunc(policy.Spec.Egress, func(rule networkingv1.NetworkPolicyEgressRule) bool {
				return slices.ContainsFunc(rule.To, func(peer networkingv1.NetworkPolicyPeer) bool {
					selector, err := metav1.LabelSelectorAsSelector(peer.PodSelector)
					require.NoError(t, err)
					return selector.Matches(pod)
				})
			})
		}), "%v cannot be asked", pod)
	}
}

// The policies let traffic out to name servers on node-local addresses and to the internet (by
// IPv4, by IPv6 and through NAT64), but to no private network.
func TestWhereTrafficMayGo(t *testing.T) {
	t.Parallel()
	policies := render(t, "kubernetes/overlays/uat").policies
	for _, c := range []struct {
		address string
		port    int32
		allowed bool
	}{
		{"169.254.20.10", 53, true},   // NodeLocal DNSCache
		{"169.254.10.10", 53, true},   // AKS LocalDNS, for dnsPolicy Default
		{"169.254.10.11", 53, true},   // AKS LocalDNS, for ClusterFirst
		{"169.254.169.254", 53, true}, // GKE Cloud DNS
		{"169.254.10.11", 443, false},
		{"169.254.169.254", 80, false}, // the clouds' instance metadata
		{"169.254.169.254", 443, false},
		{"169.254.10.12", 53, false},
		{"8.8.8.8", 53, false},
		{"203.0.113.7", 443, true},
		{"203.0.113.7", 80, false},
		{"2a00:1450:4001::1", 443, true},
		{"64:ff9b::203.0.113.7", 443, true},
		{"10.1.2.3", 443, false}, {"64:ff9b::10.1.2.3", 443, false},
		{"100.100.1.1", 443, false}, {"64:ff9b::100.100.1.1", 443, false},
		{"64:ff9b::169.254.169.254", 443, false},
		{"172.31.0.1", 443, false}, {"64:ff9b::172.31.0.1", 443, false},
		{"192.168.1.1", 443, false}, {"64:ff9b::192.168.1.1", 443, false},
		{"fd00::1", 443, false}, {"fe80::1", 443, false}, {"::1", 443, false},
	} {
		assert.Equal(t, c.allowed, mayGo(policies, netip.MustParseAddr(c.address), c.port), "%s, port %d", c.address, c.port)
	}
}

// mayGo reports whether the policies let traffic out to a TCP port of an address.
func mayGo(policies []*networkingv1.NetworkPolicy, address netip.Addr, port int32) bool {
	for _, policy := range policies {
		for _, rule := range policy.Spec.Egress {
			isOpen := slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool {
				return *p.Protocol == corev1.ProtocolTCP && p.Port.IntVal == port
			})
			if isOpen && slices.ContainsFunc(rule.To, func(peer networkingv1.NetworkPolicyPeer) bool {
				return peer.IPBlock != nil && netip.MustParsePrefix(peer.IPBlock.CIDR).Contains(address) &&
					!slices.ContainsFunc(peer.IPBlock.Except, func(except string) bool { return netip.MustParsePrefix(except).Contains(address) })
			}) {
				return true
			}
		}
	}
	return false
}
