package deploy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
)

func TestPromisesAreKept(t *testing.T) {
	t.Parallel()
	for _, folder := range overlays(t) {
		m := render(t, folder)
		for _, promise := range promises {
			assert.NoError(t, promise.check(m), "%s: %s", folder, promise.name)
		}
	}
}

// How a pod starts and ends and where it gets its keys match each overlay's name.
func TestOverlaysAreWhatTheySay(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		native, keys, socket bool
		gateway              string
	}{
		"uat":             {native: true, keys: true, gateway: "uat"},
		"production":      {native: true, keys: true, gateway: "production"},
		"sandbox":         {native: true, gateway: "sandbox"},
		"unix-socket":     {native: true, keys: true, socket: true, gateway: "uat"},
		"plain-container": {keys: true, gateway: "uat"},
		"shared-gateway":  {keys: true, gateway: "uat"},
	} {
		m := render(t, "kubernetes/overlays/"+name)
		template, container := podOf(m)
		_, native := signer(&template.Spec)
		assert.Equal(t, want.native, native, name)
		assert.Equal(t, want.keys, mounts(container, "/run/secrets/payermax/private.key"), name)
		assert.Equal(t, want.keys, reachesInternet(m), name)
		assert.Equal(t, want.gateway, environment(m, container)["PAYERMAX_GATEWAY"], name)
		assert.Equal(t, want.socket, mounts(container, "/run/payermax/payermax.sock"), name)
		for _, app := range others(&template.Spec) {
			assert.Equal(t, want.socket, mounts(app, "/run/payermax/payermax.sock"), name)
			assert.NotNil(t, app.Lifecycle.PreStop, name)
			assert.Equal(t, !native, app.Lifecycle.PreStop.Exec != nil, "%s: old clusters have no sleep action", name)
		}
	}
}

// reachesInternet reports whether a policy lets the pod reach addresses other than those of pods.
func reachesInternet(m *manifests) bool {
	for _, policy := range m.policies {
		for _, rule := range policy.Spec.Egress {
			for _, peer := range rule.To {
				if peer.IPBlock != nil {
					return true
				}
			}
		}
	}
	return false
}

// environment returns the variables of a container.
func environment(m *manifests, container *corev1.Container) map[string]string {
	variables := make(map[string]string)
	for _, source := range container.EnvFrom {
		for name, value := range m.configMaps[source.ConfigMapRef.Name].Data {
			variables[name] = value
		}
	}
	for _, variable := range container.Env {
		variables[variable.Name] = variable.Value
	}
	return variables
}
