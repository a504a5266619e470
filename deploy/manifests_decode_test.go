package deploy

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Every directory renders to objects of which Kubernetes knows every field, and each object occurs
// once.
func TestFoldersRender(t *testing.T) {
	t.Parallel()
	for _, folder := range kubernetesFolders(t) {
		t.Run(folder, func(t *testing.T) {
			seen := make(map[string]bool)
			for _, object := range render(t, folder).objects {
				accessor, err := meta.Accessor(object)
				require.NoError(t, err)
				name := object.GetObjectKind().GroupVersionKind().Kind + "/" + accessor.GetName()
				assert.False(t, seen[name], "%s is there twice", name)
				assert.Empty(t, validation.IsDNS1123Subdomain(accessor.GetName()))
				assert.Empty(t, accessor.GetNamespace(), "%s: kubectl's -n decides", name)
				seen[name] = true
			}
		})
	}
}

// The decoder refuses wrong manifests.
func TestDecoderIsStrict(t *testing.T) {
	t.Parallel()
	good := "apiVersion: v1\nkind: Service\nmetadata:\n  name: s\nspec:\n  selector: {a: b}\n"
	objects, err := decode([]byte(good + "---\n" + good))
	require.NoError(t, err)
	require.Len(t, objects, 2)
	for says, text := range map[string]string{
		`unknown field "spec.selectors"`: strings.Replace(good, "selector", "selectors", 1),
		"already set in map":             good + "kind: Service\n",
		"no kind":                        strings.Replace(good, "Service", "Servant", 1),
		"cannot unmarshal":               strings.Replace(good, "{a: b}", "[a, b]", 1),
	} {
		_, err := decode([]byte(text))
		assert.ErrorContains(t, err, says)
	}
}

// kubectl embeds an older kustomize, which renders the directories to the same result.
func TestKubectlRendersTheSame(t *testing.T) {
	t.Parallel()
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("kubectl is not on this machine; the kustomize library renders the same")
	}
	for _, folder := range kubernetesFolders(t) {
		t.Run(folder, func(t *testing.T) {
			rendered, err := exec.Command(kubectl, "kustomize", folder).Output()
			require.NoError(t, err)
			theirs, err := decode(rendered)
			require.NoError(t, err)
			assert.ElementsMatch(t, theirs, render(t, folder).objects)
		})
	}
}

// References between objects resolve: names, labels and ports.
func TestManifestsFitTogether(t *testing.T) {
	t.Parallel()
	for _, folder := range kubernetesFolders(t) {
		t.Run(folder, func(t *testing.T) {
			m := render(t, folder)
			require.Len(t, m.deployments, 1)
			deployment := m.deployments[0]
			template := deployment.Spec.Template
			selects := func(selector *metav1.LabelSelector) {
				t.Helper()
				s, err := metav1.LabelSelectorAsSelector(selector)
				require.NoError(t, err)
				assert.True(t, s.Matches(labels.Set(template.Labels)), "%s selects no pod", s)
			}
			selects(deployment.Spec.Selector)
			for _, spread := range template.Spec.TopologySpreadConstraints {
				selects(spread.LabelSelector)
			}
			for _, budget := range m.budgets {
				selects(budget.Spec.Selector)
			}
			for _, scaler := range m.scalers {
				assert.Equal(t, deployment.Name, scaler.Spec.ScaleTargetRef.Name)
				assert.Nil(t, deployment.Spec.Replicas, "the autoscaler decides")
			}
			for _, service := range m.services {
				selects(metav1.SetAsLabelSelector(service.Spec.Selector))
				for _, port := range service.Spec.Ports {
					assert.True(t, listens(&template.Spec, port.TargetPort), "no container listens on %s", &port.TargetPort)
				}
			}
			for _, policy := range m.policies {
				selects(&policy.Spec.PodSelector)
				for _, rule := range policy.Spec.Ingress {
					for _, port := range rule.Ports {
						assert.True(t, listens(&template.Spec, *port.Port), "no container listens on %s", port.Port)
					}
				}
			}
			containersFit(t, m, &template.Spec)
		})
	}
}

// containersFit checks the volumes, ConfigMaps and ports that containers refer to.
func containersFit(t *testing.T, m *manifests, pod *corev1.PodSpec) {
	volumes, used := make(map[string]bool), make(map[string]bool)
	for _, volume := range pod.Volumes {
		assert.False(t, volumes[volume.Name], "volume %s is there twice", volume.Name)
		volumes[volume.Name] = true
		if volume.ConfigMap != nil {
			assert.Contains(t, m.configMaps, volume.ConfigMap.Name)
			used[volume.ConfigMap.Name] = true
		}
	}
	ports := make(map[int32]bool)
	for _, container := range allContainers(pod) {
		for _, mount := range container.VolumeMounts {
			assert.True(t, volumes[mount.Name], "%s mounts %s, which is no volume", container.Name, mount.Name)
		}
		for _, source := range container.EnvFrom {
			if assert.NotNil(t, source.ConfigMapRef) {
				assert.Contains(t, m.configMaps, source.ConfigMapRef.Name)
				used[source.ConfigMapRef.Name] = true
			}
		}
		for _, port := range container.Ports {
			assert.False(t, ports[port.ContainerPort], "port %d is taken twice", port.ContainerPort)
			ports[port.ContainerPort] = true
			assert.Empty(t, validation.IsValidPortName(port.Name))
		}
		for _, probe := range []*corev1.Probe{container.StartupProbe, container.LivenessProbe, container.ReadinessProbe} {
			if probe != nil {
				assert.True(t, listens(&corev1.PodSpec{Containers: []corev1.Container{*container}}, probe.HTTPGet.Port))
				assert.Empty(t, probe.HTTPGet.Host, "the kubelet probes the pod")
			}
		}
	}
	for name := range m.configMaps {
		assert.True(t, used[name], "nobody uses the ConfigMap %s", name)
	}
}

// allContainers returns the containers of a pod, in the order in which they start.
func allContainers(pod *corev1.PodSpec) []*corev1.Container {
	found := others(pod)
	if container, _ := signer(pod); container != nil {
		found = append([]*corev1.Container{container}, found...)
	}
	return found
}

// listens reports whether a container of the pod declares the port.
func listens(pod *corev1.PodSpec, port intstr.IntOrString) bool {
	for _, container := range allContainers(pod) {
		for _, p := range container.Ports {
			if p.Name == port.StrVal || p.ContainerPort == port.IntVal {
				return true
			}
		}
	}
	return false
}
