package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

// queue is the number of the NFQUEUE that the iptables rules of package machine fill.
const queue = 100

// networkPolicies enforces the cluster's NetworkPolicies on the packets that arrive in the queue.
// The caller must set up iptables rules that send packets there: the agent's own nftables rules
// need nft's queue statement, which not every kernel has. Without it, the agent logs that it
// failed, and continues.
func networkPolicies() *cobra.Command {
	var kubeconfig, node string
	command := &cobra.Command{
		Use:  "kube-network-policies",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return err
			}
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			cluster := informers.NewSharedInformerFactory(client, 0)
			agent, err := networkpolicy.NewController(
				client,
				cluster.Networking().V1().NetworkPolicies(),
				cluster.Core().V1().Namespaces(),
				cluster.Core().V1().Pods(),
				nil, nil, nil, nil, // for AdminNetworkPolicies, which are disabled
				networkpolicy.Config{NodeName: node, QueueID: queue},
			)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(command.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			cluster.Start(ctx.Done())
			return agent.Run(ctx)
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API server")
	command.Flags().StringVar(&node, "hostname-override", "", "the node's name")
	return command
}
