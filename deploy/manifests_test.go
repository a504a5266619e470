package deploy

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// kubernetesFolders returns the directories that kubectl apply -k accepts, the base first.
func kubernetesFolders(t *testing.T) []string {
	t.Helper()
	overlays, err := filepath.Glob("kubernetes/overlays/*/kustomization.yaml")
	require.NoError(t, err)
	folders := []string{"kubernetes/base"}
	for _, file := range overlays {
		folders = append(folders, filepath.Dir(file))
	}
	require.Greater(t, len(folders), 6)
	return folders
}

// overlays returns the directories that are meant to be applied: all but the base.
func overlays(t *testing.T) []string {
	t.Helper()
	return kubernetesFolders(t)[1:]
}

// manifests are the objects that one directory renders to.
type manifests struct {
	yaml        []byte
	objects     []runtime.Object
	deployments []*appsv1.Deployment
	stores      []*appsv1.StatefulSet
	services    []*corev1.Service
	policies    []*networkingv1.NetworkPolicy
	budgets     []*policyv1.PodDisruptionBudget
	scalers     []*autoscalingv2.HorizontalPodAutoscaler
	configMaps  map[string]*corev1.ConfigMap
}

// render runs kustomize as a library and decodes the result.
func render(t *testing.T, folder string) *manifests {
	t.Helper()
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	require.NoError(t, err)
	text, err := rendered.AsYaml()
	require.NoError(t, err)
	m := &manifests{yaml: text, configMaps: make(map[string]*corev1.ConfigMap)}
	m.objects, err = decode(text)
	require.NoError(t, err)
	for _, object := range m.objects {
		switch object := object.(type) {
		case *appsv1.Deployment:
			m.deployments = append(m.deployments, object)
		case *appsv1.StatefulSet:
			m.stores = append(m.stores, object)
		case *corev1.Service:
			m.services = append(m.services, object)
		case *networkingv1.NetworkPolicy:
			m.policies = append(m.policies, object)
		case *policyv1.PodDisruptionBudget:
			m.budgets = append(m.budgets, object)
		case *autoscalingv2.HorizontalPodAutoscaler:
			m.scalers = append(m.scalers, object)
		case *corev1.ConfigMap:
			m.configMaps[object.Name] = object
		default:
			require.FailNow(t, "a kind that no test looks at", "%T", object)
		}
	}
	return m
}

// strict decodes as an API server does that refuses unknown and repeated fields.
var strict = func() runtime.Decoder {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme, autoscalingv2.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}()

// decode decodes a stream of objects.
func decode(text []byte) ([]runtime.Object, error) {
	var objects []runtime.Object
	documents := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text)))
	buffer := make([]byte, len(text))
	for {
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object, _, err := strict.Decode(buffer[:n], nil, nil)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
}

// signerName is the name of the container that signs.
const signerName = "payermax"

// signer returns the container that signs, and whether it is a native sidecar.
func signer(pod *corev1.PodSpec) (container *corev1.Container, native bool) {
	for i := range pod.InitContainers {
		if pod.InitContainers[i].Name == signerName {
			return &pod.InitContainers[i], true
		}
	}
	for i := range pod.Containers {
		if pod.Containers[i].Name == signerName {
			return &pod.Containers[i], false
		}
	}
	return nil, false
}

// others returns all containers of the pod but the one that signs.
func others(pod *corev1.PodSpec) []*corev1.Container {
	var found []*corev1.Container
	for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for i := range containers {
			if containers[i].Name != signerName {
				found = append(found, &containers[i])
			}
		}
	}
	return found
}
