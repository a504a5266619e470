package machine

import (
	"fmt"
	"path/filepath"
)

const (
	nodeName         = "node"
	containerdSocket = "containerd.sock"
	// PauseImage is the image of a pod's sandbox. It must be imported with Import.
	PauseImage  = "example.com/pause:1"
	policyQueue = "100"
)

// component is a process of the machine.
type component struct {
	name string
	args []string
}

var componentNames = []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kube-network-policies"}

// components returns the processes of the machine in the order of their start. Processes that start
// too early wait for the others, or exit and are restarted.
func components(folder string) []component {
	in := func(name string) string { return filepath.Join(folder, name) }
	config := func(name string) string { return in(name + ".kubeconfig") }
	return []component{
		{"containerd", []string{"--config", in("containerd.toml")}},
		{"etcd", []string{
			"--data-dir", in("etcd"), "--unsafe-no-fsync",
			"--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
			"--listen-peer-urls", "http://127.0.0.1:2380", "--log-level", "error",
		}},
		{"kube-apiserver", []string{
			"--etcd-servers=http://127.0.0.1:2379", "--secure-port=" + apiPort, "--advertise-address=" + NodeIP,
			"--service-cluster-ip-range=10.96.0.0/16," + serviceIP6, "--kubelet-preferred-address-types=InternalIP",
			"--tls-cert-file=" + in("certificates/api.crt"), "--tls-private-key-file=" + in("certificates/api.key"), "--cert-dir=" + in("certificates"),
			"--token-auth-file=" + in("certificates/tokens.csv"), "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
			"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + in("certificates/accounts.key"),
			"--service-account-signing-key-file=" + in("certificates/accounts.key"),
			// How aggregated APIs learn on whose behalf the API server makes a request.
			"--proxy-client-cert-file=" + in("certificates/proxy.crt"), "--proxy-client-key-file=" + in("certificates/proxy.key"),
			"--requestheader-client-ca-file=" + in("certificates/proxy.crt"), "--requestheader-username-headers=X-Remote-User",
			"--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
		}},
		{"kube-controller-manager", []string{
			"--kubeconfig=" + config("kube-controller-manager"), "--use-service-account-credentials", "--leader-elect=false",
			"--service-account-private-key-file=" + in("certificates/accounts.key"), "--root-ca-file=" + in("certificates/api.crt"),
			"--cert-dir=" + in("certificates"),
		}},
		{"kube-scheduler", []string{
			"--kubeconfig=" + config("kube-scheduler"), "--leader-elect=false", "--cert-dir=" + in("certificates"),
		}},
		{"kubelet", []string{
			"--config=" + in("kubelet.yaml"), "--kubeconfig=" + config("kubelet"), "--hostname-override=" + nodeName, "--node-ip=" + NodeIP + "," + nodeIP6,
			"--cert-dir=" + in("certificates"),
		}},
		{"kube-proxy", []string{"--config=" + in("kube-proxy.yaml"), "--hostname-override=" + nodeName}},
		{"kube-network-policies", []string{"--kubeconfig=" + config("kube-network-policies"), "--hostname-override=" + nodeName}},
	}
}

// configs returns the files that the components read, by name: text, or objects.
func configs(folder string) map[string]any {
	in := func(name string) string { return filepath.Join(folder, name) }
	return map[string]any{
		"containerd.toml": fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  disable_apparmor = true
  disable_hugetlb_controller = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = %q
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`, in("containerd"), "/run/containerd-state", in(containerdSocket), PauseImage, in("cni")),
		"cni/pods.conflist": map[string]any{
			"cniVersion": "0.4.0", "name": "pods",
			"plugins": []any{map[string]any{
				"type": "bridge", "bridge": "pods", "isGateway": true, "hairpinMode": true,
				"ipam": map[string]any{
					"type": "host-local", "dataDir": in("cni-addresses"),
					"ranges": []any{[]any{map[string]any{"subnet": PodCIDR}}, []any{map[string]any{"subnet": podCIDR6}}},
					"routes": []any{map[string]any{"dst": "0.0.0.0/0"}, map[string]any{"dst": "::/0"}},
				},
			}},
		},
		"kubelet.yaml": map[string]any{
			"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
			"authentication": map[string]any{"anonymous": map[string]any{"enabled": true}, "webhook": map[string]any{"enabled": false}},
			"authorization":  map[string]any{"mode": "AlwaysAllow"},
			"cgroupDriver":   "cgroupfs", "cgroupRoot": "/" + filepath.Base(folder),
			"failCgroupV1": false, "failSwapOn": false, "seccompDefault": true, "resolvConf": "",
			"clusterDNS": []string{DNS}, "clusterDomain": "cluster.local",
			"containerRuntimeEndpoint": "unix://" + in(containerdSocket), "podLogsDir": in("pods"),
			"evictionHard":                map[string]any{"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
			"imageGCHighThresholdPercent": 100,
			"syncFrequency":               "5s", // a minute by default; a changed Secret takes that long to arrive
			"registerNode":                true,
		},
		"kube-proxy.yaml": map[string]any{
			"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
			"clientConnection": map[string]any{"kubeconfig": in("kube-proxy.kubeconfig")},
			"mode":             "iptables", "clusterCIDR": PodCIDR + "," + podCIDR6,
			"conntrack": map[string]any{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
		},
	}
}
