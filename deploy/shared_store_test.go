package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// The shared gateway with a store differs from the plain one only in the store's block of its
// Caddyfile and in the password.
func TestSharedStoreIsAddedToTheGateway(t *testing.T) {
	t.Parallel()
	plain, err := os.ReadFile("kubernetes/components/mutual-tls/Caddyfile")
	require.NoError(t, err)
	stored, err := os.ReadFile("kubernetes/components/shared-store/gateway.caddyfile")
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(stored), "\t# What the replicas share: docs/shared-state.md.\n")
	require.True(t, found)
	block, after, found := strings.Cut(rest, "\n\n")
	require.True(t, found)
	assert.Equal(t, string(plain), before+after, "keep the two Caddyfiles alike")

	m := render(t, consumerOf(t, "shared-gateway", "shared-store"))
	require.Len(t, m.deployments, 1)
	template, container := podOf(m)
	mounted := mountsOf(container)
	assert.Equal(t, "store-password", mounted["/run/secrets/store"])
	assert.Contains(t, block, "password_file /run/secrets/store/password")
	assert.Equal(t, []string{"password"}, secretItems(t, &template.Spec, "store-password"))
	for name, config := range m.configMaps {
		if strings.HasPrefix(name, "payermax-caddyfile") {
			assert.Equal(t, string(stored), config.Data["Caddyfile"])
		}
	}
}

// The gateways find the store, and nobody else reaches it. It meets the restricted Pod Security
// level, and holds no password.
func TestSharedStore(t *testing.T) {
	t.Parallel()
	m := render(t, consumerOf(t, "shared-gateway", "shared-store"))
	require.Len(t, m.stores, 1)
	store := m.stores[0].Spec.Template
	pod := &store.Spec
	require.Len(t, pod.Containers, 1)
	container := pod.Containers[0]
	assert.Equal(t, []string{"users.acl"}, secretItems(t, pod, "users"))
	assert.Equal(t, "users", mountsOf(&container)["/run/secrets/store"])
	assert.Contains(t, container.Args, "/run/secrets/store/users.acl")
	assert.True(t, *pod.SecurityContext.RunAsNonRoot)
	assert.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
	assert.False(t, *pod.AutomountServiceAccountToken)
	assert.True(t, *container.SecurityContext.ReadOnlyRootFilesystem)
	assert.False(t, *container.SecurityContext.AllowPrivilegeEscalation)
	assert.Equal(t, []corev1.Capability{"ALL"}, container.SecurityContext.Capabilities.Drop)

	assert.NoError(t, checkLabels(m))
	assert.NoError(t, checkRecommended("the store's pod", store.Labels))

	gateways := labels.Set(m.deployments[0].Spec.Template.Labels)
	reached, leaves := false, false
	for _, policy := range m.policies {
		switch policy.Name {
		case "payermax-store":
			require.Len(t, policy.Spec.Ingress, 1)
			reached = selects(t, &policy.Spec.PodSelector, store.Labels) && selects(t, policy.Spec.Ingress[0].From[0].PodSelector, gateways)
			assert.Equal(t, container.Ports[0].ContainerPort, policy.Spec.Ingress[0].Ports[0].Port.IntVal)
			assert.Empty(t, policy.Spec.Egress)
		case "payermax-store-egress":
			leaves = selects(t, &policy.Spec.PodSelector, gateways) && selects(t, policy.Spec.Egress[0].To[0].PodSelector, store.Labels)
		}
	}
	assert.True(t, reached, "the policies keep the gateways from the store")
	assert.True(t, leaves, "the policies keep the gateways from the store")
	found := false
	for _, service := range m.services {
		if service.Name == "payermax-store" {
			found = selects(t, metav1.SetAsLabelSelector(service.Spec.Selector), store.Labels)
		}
	}
	assert.True(t, found, "the gateways do not find the store")
}

// selects reports whether a selector matches these labels.
func selects(t *testing.T, selector *metav1.LabelSelector, of labels.Set) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	require.NoError(t, err)
	return s.Matches(of)
}

// mountsOf returns the volumes of a container, keyed by where they are mounted.
func mountsOf(container *corev1.Container) map[string]string {
	mounts := make(map[string]string)
	for _, mount := range container.VolumeMounts {
		mounts[filepath.Clean(mount.MountPath)] = mount.Name
	}
	return mounts
}

// secretItems returns the items of the Secret payermax-store that a volume contains.
func secretItems(t *testing.T, pod *corev1.PodSpec, volume string) []string {
	t.Helper()
	var items []string
	for _, v := range pod.Volumes {
		if v.Name == volume {
			require.Equal(t, "payermax-store", v.Secret.SecretName)
			for _, item := range v.Secret.Items {
				items = append(items, item.Key)
			}
		}
	}
	return items
}
