package deploy

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// promise is something that holds for every pod that signs.
type promise struct {
	name  string
	check func(*manifests) error
}

// promises are what kubernetes/README.md promises.
var promises = []promise{
	{"the pod fits the restricted Pod Security standard", checkPodSecurity},
	{"a native sidecar, or the pod's own container, with a startup probe", checkSidecar},
	{"the probes ask the health port", checkProbes},
	{"keys come from directories, read-only, for the signer alone", checkKeys},
	{"no secret is in an environment", checkEnvironment},
	{"nobody shares the signer's user", checkUsers},
	{"the root file system is read-only and the rest small", checkFiles},
	{"no token of the API server, no shared processes, no variables of Services", checkIsolation},
	{"Go keeps below the memory limit", checkMemory},
	{"images are named by version", checkImages},
	{"policies let in what they must, and nothing to the port that signs", checkPolicies},
	{"policies and Services give ports by number", checkPortNumbers},
	{"a frozen signer is replaced in time", checkLiveness},
	{"nothing keeps a node from being drained", checkDrain},
	{"everything has the recommended labels, which no selector asks for", checkLabels},
}

// podOf returns the pod of the one Deployment.
func podOf(m *manifests) (*corev1.PodTemplateSpec, *corev1.Container) {
	template := &m.deployments[0].Spec.Template
	container, _ := signer(&template.Spec)
	return template, container
}

func checkPodSecurity(m *manifests) error {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	template, _ := podOf(m)
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec) {
		if !result.Allowed {
			return fmt.Errorf("%s: %s", result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
	// The standard also accepts a Localhost seccomp profile, and allows adding NET_BIND_SERVICE.
	for _, container := range allContainers(&template.Spec) {
		if len(container.SecurityContext.Capabilities.Add) > 0 {
			return fmt.Errorf("%s adds capabilities", container.Name)
		}
		for _, context := range []*corev1.SeccompProfile{container.SecurityContext.SeccompProfile, podSeccomp(&template.Spec)} {
			if context != nil && context.Type != corev1.SeccompProfileTypeRuntimeDefault {
				return fmt.Errorf("%s has another seccomp profile", container.Name)
			}
		}
	}
	return nil
}

// podSeccomp returns the pod's own profile, if it has one.
func podSeccomp(pod *corev1.PodSpec) *corev1.SeccompProfile {
	if pod.SecurityContext == nil {
		return nil
	}
	return pod.SecurityContext.SeccompProfile
}

func checkSidecar(m *manifests) error {
	template, container := podOf(m)
	_, native := signer(&template.Spec)
	switch {
	case container == nil:
		return errors.New("nothing signs")
	case container.StartupProbe == nil:
		return errors.New("without a startup probe the application starts first")
	case native && (container.RestartPolicy == nil || *container.RestartPolicy != corev1.ContainerRestartPolicyAlways):
		return errors.New("an ordinary init container has to end before the application starts")
	case native && template.Spec.InitContainers[0].Name != signerName:
		return errors.New("other init containers start before the sidecar")
	case !native && container.RestartPolicy != nil:
		return errors.New("old clusters know no restartPolicy of a container")
	}
	return nil
}

// healthPort is where the Caddyfiles serve payermax_health and metrics.
const healthPort = 8081

func checkProbes(m *manifests) error {
	_, container := podOf(m)
	for asks, probe := range map[string]*corev1.Probe{
		"/startupz": container.StartupProbe, "/livez": container.LivenessProbe, "/readyz": container.ReadinessProbe,
	} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != asks {
			return fmt.Errorf("no probe asks %s", asks)
		}
		port := probe.HTTPGet.Port.IntValue()
		for _, named := range container.Ports {
			if named.Name == probe.HTTPGet.Port.StrVal {
				port = int(named.ContainerPort)
			}
		}
		if port != healthPort {
			return fmt.Errorf("%s is asked on port %d", asks, port)
		}
	}
	return nil
}

func checkKeys(m *manifests) error {
	template, container := podOf(m)
	secret := make(map[string]bool)
	for _, volume := range template.Spec.Volumes {
		if volume.Projected != nil || volume.CSI != nil || volume.HostPath != nil {
			return fmt.Errorf("volume %s is of a kind that is not looked into here", volume.Name)
		}
		if volume.Secret == nil {
			continue
		}
		secret[volume.Name] = true
		if mode := volume.Secret.DefaultMode; mode == nil || *mode != 0o440 {
			return fmt.Errorf("the files of %s are not of mode 0440", volume.Name)
		}
		if slices.ContainsFunc(volume.Secret.Items, func(item corev1.KeyToPath) bool { return item.Mode != nil }) {
			return fmt.Errorf("a file of %s has a mode of its own", volume.Name)
		}
		if optional := volume.Secret.Optional; optional != nil && *optional {
			return fmt.Errorf("the pod starts without %s", volume.Name)
		}
	}
	if group := template.Spec.SecurityContext.FSGroup; len(secret) > 0 && group == nil {
		return errors.New("without fsGroup the signer cannot read mode 0440")
	}
	mounted := 0
	for _, mount := range container.VolumeMounts {
		switch {
		case mount.SubPath != "" || mount.SubPathExpr != "":
			return fmt.Errorf("%s is a subPath, which is never updated", mount.Name)
		case secret[mount.Name] && !mount.ReadOnly:
			return fmt.Errorf("%s can be written", mount.Name)
		case secret[mount.Name]:
			mounted++
		}
	}
	if mounted != len(secret) {
		return errors.New("a Secret is not mounted")
	}
	for _, other := range others(&template.Spec) {
		if slices.ContainsFunc(other.VolumeMounts, func(mount corev1.VolumeMount) bool { return secret[mount.Name] }) {
			return fmt.Errorf("%s mounts a Secret of the signer", other.Name)
		}
	}
	return nil
}

func checkEnvironment(m *manifests) error {
	template, container := podOf(m)
	for _, c := range allContainers(&template.Spec) {
		for _, source := range c.EnvFrom {
			if source.SecretRef != nil {
				return fmt.Errorf("%s has a Secret in its environment", c.Name)
			}
		}
		for _, variable := range c.Env {
			if variable.ValueFrom != nil && variable.ValueFrom.SecretKeyRef != nil {
				return fmt.Errorf("%s has a Secret in its environment", c.Name)
			}
		}
	}
	for _, variable := range container.Env {
		if strings.HasSuffix(variable.Name, "_KEY") && !mounts(container, variable.Value) {
			return fmt.Errorf("%s is not in a mounted directory", variable.Name)
		}
	}
	return nil
}

// mounts reports whether a file is in a directory that the container mounts.
func mounts(container *corev1.Container, file string) bool {
	return slices.ContainsFunc(container.VolumeMounts, func(mount corev1.VolumeMount) bool {
		return mount.MountPath == path.Dir(file)
	})
}

func checkUsers(m *manifests) error {
	template, container := podOf(m)
	if user := container.SecurityContext.RunAsUser; user == nil || *user != 65532 {
		return errors.New("the signer is not the image's user 65532")
	}
	for _, other := range others(&template.Spec) {
		user := other.SecurityContext.RunAsUser
		if user == nil {
			user = template.Spec.SecurityContext.RunAsUser
		}
		if user == nil || *user == 0 || *user == *container.SecurityContext.RunAsUser {
			return fmt.Errorf("%s does not have a user of its own", other.Name)
		}
	}
	return nil
}

func checkFiles(m *manifests) error {
	template, _ := podOf(m)
	for _, container := range allContainers(&template.Spec) {
		if readOnly := container.SecurityContext.ReadOnlyRootFilesystem; readOnly == nil || !*readOnly {
			return fmt.Errorf("%s can write its root file system", container.Name)
		}
	}
	for _, volume := range template.Spec.Volumes {
		if volume.EmptyDir != nil && (volume.EmptyDir.SizeLimit == nil || volume.EmptyDir.SizeLimit.Value() > 16<<20) {
			return fmt.Errorf("%s has no small limit", volume.Name)
		}
	}
	return nil
}

// tokenFile is where a token of the API server would be, if nothing else were mounted there.
const tokenFile = "/var/run/secrets/kubernetes.io/serviceaccount/token"

func checkIsolation(m *manifests) error {
	template, container := podOf(m)
	spec := &template.Spec
	is := func(flag *bool, value bool) bool { return flag != nil && *flag == value }
	switch {
	case !is(spec.AutomountServiceAccountToken, false) && !mounts(container, tokenFile):
		return errors.New("a token of the API server is mounted")
	case !is(spec.EnableServiceLinks, false):
		return errors.New("Services leave variables in the environment")
	case is(spec.ShareProcessNamespace, true), spec.HostNetwork, spec.HostPID, spec.HostIPC:
		return errors.New("something is shared that need not be")
	}
	return nil
}

func checkMemory(m *manifests) error {
	_, container := podOf(m)
	limit := container.Resources.Limits.Memory().Value()
	if limit == 0 || container.Resources.Requests.Memory().IsZero() || container.Resources.Requests.Cpu().IsZero() {
		return errors.New("requests and the memory limit are needed")
	}
	if !container.Resources.Limits.Cpu().IsZero() {
		return errors.New("a CPU limit throttles signatures")
	}
	for _, variable := range container.Env {
		if variable.Name != "GOMEMLIMIT" {
			continue
		}
		mebibytes, err := strconv.ParseInt(strings.TrimSuffix(variable.Value, "MiB"), 10, 64)
		if err != nil || mebibytes > math.MaxInt64>>20 {
			return errors.New("GOMEMLIMIT is not in MiB")
		}
		if share := float64(mebibytes<<20) / float64(limit); share < 0.8 || share > 0.9 {
			return fmt.Errorf("GOMEMLIMIT is %.0f %% of the limit; expected 80 to 90 %%", share*100)
		}
		return nil
	}
	return errors.New("GOMEMLIMIT is missing")
}

func checkImages(m *manifests) error {
	template, _ := podOf(m)
	for _, container := range allContainers(&template.Spec) {
		name, tag, found := strings.Cut(container.Image, ":")
		if !found || tag == "" || tag == "latest" || !strings.Contains(name, "/") {
			return fmt.Errorf("%s is %q", container.Name, container.Image)
		}
	}
	return nil
}

func checkPolicies(m *manifests) error {
	template, container := podOf(m)
	allowed := make(map[int32]bool)
	isolated := make(map[networkingv1.PolicyType]bool)
	for _, p := range m.policies {
		if !labels.SelectorFromSet(p.Spec.PodSelector.MatchLabels).Matches(labels.Set(template.Labels)) {
			continue
		}
		for _, direction := range p.Spec.PolicyTypes {
			isolated[direction] = true
		}
		for _, rule := range p.Spec.Ingress {
			if len(rule.Ports) == 0 {
				return fmt.Errorf("%s lets everything in", p.Name)
			}
			for _, port := range rule.Ports {
				if port.EndPort != nil {
					return fmt.Errorf("%s lets a range of ports in", p.Name)
				}
				number := portNumber(&template.Spec, port.Port.StrVal, port.Port.IntVal)
				allowed[number] = true
				if number == healthPort && len(rule.From) == 0 {
					return fmt.Errorf("%s lets everybody at the health port", p.Name)
				}
			}
		}
		for _, rule := range p.Spec.Egress {
			if len(rule.To) == 0 || len(rule.Ports) == 0 {
				return fmt.Errorf("%s lets too much out", p.Name)
			}
		}
	}
	if !isolated[networkingv1.PolicyTypeIngress] || !isolated[networkingv1.PolicyTypeEgress] {
		return errors.New("the policies do not isolate the pod")
	}
	const signing = 8080
	if allowed[signing] || slices.ContainsFunc(container.Ports, func(p corev1.ContainerPort) bool { return p.ContainerPort == signing }) {
		return errors.New("the port that signs is open")
	}
	if !allowed[healthPort] {
		return errors.New("Prometheus cannot come in")
	}
	return nil
}

// checkPortNumbers requires numeric ports in the policies and Services. The port of a native
// sidecar belongs to an init container, and several network plugins, and Services before Kubernetes
// 1.32, resolve only the port names of ordinary containers.
func checkPortNumbers(m *manifests) error {
	for _, p := range m.policies {
		for _, rule := range p.Spec.Ingress {
			for _, port := range rule.Ports {
				if port.Port.StrVal != "" {
					return fmt.Errorf("the policy %s gives a port by name", p.Name)
				}
			}
		}
	}
	for _, s := range m.services {
		for _, port := range s.Spec.Ports {
			if port.TargetPort.StrVal != "" {
				return fmt.Errorf("the Service %s gives a port by name", s.Name)
			}
		}
	}
	return nil
}

// replacement is how many seconds may pass until a frozen signer has been replaced.
const replacement = 40

func checkLiveness(m *manifests) error {
	_, container := podOf(m)
	probe := container.LivenessProbe
	if probe.TerminationGracePeriodSeconds == nil {
		return errors.New("a frozen signer is left the pod's whole time to end")
	}
	const start = 3
	takes := probe.PeriodSeconds*probe.FailureThreshold + probe.TimeoutSeconds + int32(*probe.TerminationGracePeriodSeconds) + start
	if takes > replacement {
		return fmt.Errorf("a frozen signer is replaced after %d s", takes)
	}
	return nil
}

// evictable is the annotation that names the volumes whose loss a pod tolerates.
const evictable = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"

func checkDrain(m *manifests) error {
	template, _ := podOf(m)
	bears := strings.Split(template.Annotations[evictable], ",")
	for _, volume := range template.Spec.Volumes {
		if (volume.EmptyDir != nil || volume.HostPath != nil) && !slices.Contains(bears, volume.Name) {
			return fmt.Errorf("%s keeps the cluster autoscaler from removing the node", volume.Name)
		}
	}
	for _, b := range m.budgets {
		if b.Spec.UnhealthyPodEvictionPolicy == nil || *b.Spec.UnhealthyPodEvictionPolicy != policyv1.AlwaysAllow {
			return fmt.Errorf("the budget %s keeps pods that are not ready on their node", b.Name)
		}
	}
	return nil
}

// recommended are those of the labels recommended by Kubernetes that do not change with a release
// or an installation. The labels version and instance are left to whoever applies the manifests.
var recommended = []string{"app.kubernetes.io/name", "app.kubernetes.io/component", "app.kubernetes.io/part-of"}

// checkLabels also keeps these labels out of selectors. A selector cannot be changed once it is
// applied, so it must not contain labels that somebody may want to change.
func checkLabels(m *manifests) error {
	for _, object := range m.objects {
		named, err := meta.Accessor(object)
		if err != nil {
			return err
		}
		if err := checkRecommended(named.GetName(), named.GetLabels()); err != nil {
			return err
		}
	}
	if err := checkRecommended("the pod", m.deployments[0].Spec.Template.Labels); err != nil {
		return err
	}
	selectors := []*metav1.LabelSelector{m.deployments[0].Spec.Selector}
	for _, p := range m.policies {
		selectors = append(selectors, &p.Spec.PodSelector)
	}
	for _, b := range m.budgets {
		selectors = append(selectors, b.Spec.Selector)
	}
	for _, s := range m.services {
		selectors = append(selectors, &metav1.LabelSelector{MatchLabels: s.Spec.Selector})
	}
	for _, selector := range selectors {
		for _, label := range recommended {
			if _, found := selector.MatchLabels[label]; found {
				return fmt.Errorf("a selector asks for %s", label)
			}
		}
	}
	return nil
}

func checkRecommended(name string, has map[string]string) error {
	for _, label := range recommended {
		if has[label] == "" {
			return fmt.Errorf("%s lacks %s", name, label)
		}
	}
	return nil
}

// portNumber returns the number of a named port.
func portNumber(pod *corev1.PodSpec, name string, number int32) int32 {
	for _, container := range allContainers(pod) {
		for _, port := range container.Ports {
			if port.Name == name && name != "" {
				return port.ContainerPort
			}
		}
	}
	return number
}
