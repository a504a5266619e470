package deploy

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// signingPod is a pod that a test breaks, with the objects around it.
type signingPod struct {
	*manifests
	spec   *corev1.PodSpec
	signer *corev1.Container
}

// policy returns the NetworkPolicy with the name.
func (p *signingPod) policy(name string) *networkingv1.NetworkPolicy {
	i := slices.IndexFunc(p.policies, func(policy *networkingv1.NetworkPolicy) bool { return policy.Name == name })
	return p.policies[i]
}

// keysMount returns the signer's mount of the keys.
func (p *signingPod) keysMount() *corev1.VolumeMount {
	i := slices.IndexFunc(p.signer.VolumeMounts, func(mount corev1.VolumeMount) bool { return mount.Name == "payermax-keys" })
	return &p.signer.VolumeMounts[i]
}

// Each promise's check fails when the promise is broken.
func TestBrokenPromisesAreNoticed(t *testing.T) {
	t.Parallel()
	yes, user, mode := true, int64(65532), int32(0o644)
	for says, breaks := range map[string]func(*signingPod){
		"allowPrivilegeEscalation": func(p *signingPod) {
			p.signer.SecurityContext.AllowPrivilegeEscalation = &yes
		},
		"adds capabilities": func(p *signingPod) {
			p.signer.SecurityContext.Capabilities.Add = []corev1.Capability{"NET_BIND_SERVICE"}
		},
		"another seccomp profile": func(p *signingPod) {
			p.signer.SecurityContext.SeccompProfile.Type = corev1.SeccompProfileTypeLocalhost
		},
		"without a startup probe": func(p *signingPod) {
			p.signer.StartupProbe = nil
		},
		"an ordinary init container": func(p *signingPod) {
			p.signer.RestartPolicy = nil
		},
		"other init containers start before": func(p *signingPod) {
			p.spec.InitContainers = []corev1.Container{p.spec.Containers[0], *p.signer}
		},
		"no probe asks /livez": func(p *signingPod) {
			p.signer.LivenessProbe.HTTPGet.Path = "/"
		},
		"is asked on port 8080": func(p *signingPod) {
			p.signer.ReadinessProbe.HTTPGet.Port = intstr.FromInt32(8080)
		},
		"not of mode 0440": func(p *signingPod) {
			p.spec.Volumes[0].Secret.DefaultMode = &mode
		},
		"has a mode of its own": func(p *signingPod) {
			p.spec.Volumes[0].Secret.Items = []corev1.KeyToPath{{Mode: &mode}}
		},
		"the pod starts without": func(p *signingPod) {
			p.spec.Volumes[0].Secret.Optional = &yes
		},
		"cannot read mode 0440": func(p *signingPod) {
			p.spec.SecurityContext.FSGroup = nil
		},
		"of a kind that is not looked into": func(p *signingPod) {
			p.spec.Volumes[0].VolumeSource = corev1.VolumeSource{Projected: new(corev1.ProjectedVolumeSource)}
		},
		"is a subPath": func(p *signingPod) {
			p.keysMount().SubPath = "private.key"
		},
		"can be written": func(p *signingPod) {
			p.keysMount().ReadOnly = false
		},
		"a Secret is not mounted": func(p *signingPod) {
			p.keysMount().Name = "payermax-caddyfile"
		},
		"shop mounts a Secret": func(p *signingPod) {
			p.spec.Containers[0].VolumeMounts = []corev1.VolumeMount{*p.keysMount()}
		},
		"payermax has a Secret in its environment": func(p *signingPod) {
			p.signer.EnvFrom[0].SecretRef = new(corev1.SecretEnvSource)
		},
		"shop has a Secret in its environment": func(p *signingPod) {
			p.spec.Containers[0].Env[0].ValueFrom = &corev1.EnvVarSource{SecretKeyRef: new(corev1.SecretKeySelector)}
		},
		"PAYERMAX_PRIVATE_KEY is not in a mounted": func(p *signingPod) {
			p.signer.Env[0].Value = "MIIE"
		},
		"not the image's user": func(p *signingPod) {
			p.signer.SecurityContext.RunAsUser = nil
		},
		"shop does not have a user of its own": func(p *signingPod) {
			p.spec.Containers[0].SecurityContext.RunAsUser = &user
		},
		"can write its root file system": func(p *signingPod) {
			p.signer.SecurityContext.ReadOnlyRootFilesystem = nil
		},
		"has no small limit": func(p *signingPod) {
			p.spec.Volumes = append(p.spec.Volumes, corev1.Volume{Name: "home", VolumeSource: corev1.VolumeSource{EmptyDir: new(corev1.EmptyDirVolumeSource)}})
		},
		"a token of the API server": func(p *signingPod) {
			p.spec.AutomountServiceAccountToken = nil
			p.signer.VolumeMounts = p.signer.VolumeMounts[:2]
		},
		"Services leave variables": func(p *signingPod) {
			p.spec.EnableServiceLinks = nil
		},
		"something is shared": func(p *signingPod) {
			p.spec.ShareProcessNamespace = &yes
		},
		"requests and the memory limit": func(p *signingPod) {
			p.signer.Resources.Requests = nil
		},
		"a CPU limit throttles": func(p *signingPod) {
			p.signer.Resources.Limits["cpu"] = resource.MustParse("1")
		},
		"GOMEMLIMIT is 125 %": func(p *signingPod) {
			p.signer.Resources.Limits["memory"] = resource.MustParse("128Mi")
		},
		"GOMEMLIMIT is missing": func(p *signingPod) {
			p.signer.Env = nil
		},
		`payermax is "example.com/caddy:latest"`: func(p *signingPod) {
			p.signer.Image = "example.com/caddy:latest"
		},
		"lets everything in": func(p *signingPod) {
			p.policy("shop").Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
		},
		"lets too much out": func(p *signingPod) {
			p.policy("payermax-egress").Spec.Egress[0].To = nil
		},
		"lets everybody at the health port": func(p *signingPod) {
			p.policy("payermax-signer").Spec.Ingress[0].From = nil
		},
		"do not isolate the pod": func(p *signingPod) {
			p.policies = p.policies[:1]
		},
		"the port that signs is open": func(p *signingPod) {
			p.policy("shop").Spec.Ingress[0].Ports[0].Port = new(intstr.FromInt32(8080))
		},
		"Prometheus cannot come in": func(p *signingPod) {
			p.policy("payermax-signer").Spec.Ingress = nil
		},
		"the policy payermax-signer gives a port by name": func(p *signingPod) {
			p.policy("payermax-signer").Spec.Ingress[0].Ports[0].Port = new(intstr.FromString("payermax-health"))
		},
		"left the pod's whole time": func(p *signingPod) {
			p.signer.LivenessProbe.TerminationGracePeriodSeconds = nil
		},
		"replaced after 60 s": func(p *signingPod) {
			p.signer.LivenessProbe.PeriodSeconds = 10
		},
		"payermax-egress lacks app.kubernetes.io/component": func(p *signingPod) {
			delete(p.policy("payermax-egress").Labels, "app.kubernetes.io/component")
		},
		"the pod lacks app.kubernetes.io/name": func(p *signingPod) {
			delete(p.deployments[0].Spec.Template.Labels, "app.kubernetes.io/name")
		},
		"a selector asks for app.kubernetes.io/name": func(p *signingPod) {
			p.deployments[0].Spec.Selector.MatchLabels["app.kubernetes.io/name"] = "shop"
		},
		"keeps the cluster autoscaler from": func(p *signingPod) {
			p.spec.Volumes[1].VolumeSource = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: new(resource.MustParse("1Mi"))}}
		},
		"keeps pods that are not ready on their node": func(p *signingPod) {
			p.budgets = []*policyv1.PodDisruptionBudget{{Spec: policyv1.PodDisruptionBudgetSpec{Selector: p.deployments[0].Spec.Selector}}}
			p.budgets[0].Labels = p.deployments[0].Labels
		},
	} {
		t.Run(says, func(t *testing.T) {
			m := render(t, "kubernetes/overlays/uat")
			template, container := podOf(m)
			breaks(&signingPod{m, &template.Spec, container})
			var noticed []string
			for _, promise := range promises {
				if err := promise.check(m); err != nil {
					noticed = append(noticed, err.Error())
				}
			}
			require.NotEmpty(t, noticed)
			assert.Contains(t, noticed[0], says)
		})
	}
}
