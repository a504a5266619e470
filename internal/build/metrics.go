package build

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-payermax/caddy-payermax/internal/prom"
)

func init() { prom.Share(info{}) }

var infoDescription = prom.Description("build_info",
	"Which build this is, always 1: the version of this module and the commit that it was made from, unknown if the binary does not tell, and the version of Go.",
	"version", "commit", "goversion")

// info is a collector of the metric that describes the build.
type info struct{}

// Describe sends the description of the metric.
func (info) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- infoDescription }

// Collect sends the metric.
func (info) Collect(metrics chan<- prometheus.Metric) {
	b := Current()
	metrics <- prometheus.MustNewConstMetric(infoDescription, prometheus.GaugeValue, 1, b.Version, b.Commit, b.Go)
}
