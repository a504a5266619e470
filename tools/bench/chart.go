package main

import (
	"fmt"
	"slices"
	"strings"
)

// Measures of the chart, in pixels.
const (
	chartWidth  = 860
	labelWidth  = 330
	barHeight   = 18
	barDistance = 26
	headHeight  = 56
)

// chart draws the CPU time of a request at 32 connections and over TLS, as all are in
// production, as SVG: what plain Caddy takes, what the signature takes, and the rest.
func (r *results) chart() string {
	longest := 0.0
	targets := slices.DeleteFunc(slices.Clone(r.Targets), func(t *measured) bool { return !strings.HasSuffix(t.Name, overTLS) })
	for _, t := range targets {
		longest = max(longest, r.median(t.Name, 32).CPU)
	}
	scale := (chartWidth - labelWidth - 90) / longest
	plain := r.median(targetPlain+overTLS, 32).CPU

	var svg strings.Builder
	height := headHeight + len(targets)*barDistance + 34
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" role="img" font-size="13">
<title>CPU time of a request</title>
%s<rect width="100%%" height="100%%" class="page"/>
<text x="12" y="22" font-size="15" font-weight="600" class="head">CPU time of a request, in microseconds, at 32 connections, over TLS to the gateway</text>
<text x="12" y="41" class="soft">of the proxy's processes; %s, %d CPUs of %s, %s</text>
`, chartWidth, height, chartStyle, r.Date, r.CPUs, escape(r.CPU), escape(r.Go))
	for i, t := range targets {
		y := headHeight + i*barDistance
		cpu := r.median(t.Name, 32).CPU
		fmt.Fprintf(&svg, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", labelWidth-8, y+14, escape(strings.TrimSuffix(t.Name, overTLS)))
		x := float64(labelWidth)
		for _, part := range r.segments(t.Name, cpu, plain) {
			fmt.Fprintf(&svg, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", x, y, part.seconds*scale, barHeight, part.color)
			x += part.seconds * scale
		}
		fmt.Fprintf(&svg, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", x+6, y+14, micro(cpu))
	}
	x, y := labelWidth, headHeight+len(targets)*barDistance+8
	for _, part := range []segment{{name: "proxying", color: colorProxy}, {name: "one RSA signature", color: colorSign}, {name: "the rest", color: colorRest}} {
		fmt.Fprintf(&svg, "<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"12\" fill=\"%s\"/><text x=\"%d\" y=\"%d\">%s</text>\n", x, y, part.color, x+18, y+11, part.name)
		x += 170
	}
	svg.WriteString("</svg>\n")
	return svg.String()
}

// chartStyle has the colours of the other figures in docs/, which follow the reader's dark
// mode. Those of the bars are seen in both.
const chartStyle = `<style>
text { fill: #334155 } .page { fill: #ffffff } .head { fill: #0f172a } .soft { fill: #64748b }
@media (prefers-color-scheme: dark) {
text { fill: #c9d1d9 } .page { fill: #0d1117 } .head { fill: #f0f6fc } .soft { fill: #9198a1 }
}
</style>
`

const (
	colorProxy = "#94a3b8"
	colorSign  = "#d97706"
	colorRest  = "#2563eb"
)

// segment is a part of a bar.
type segment struct {
	name, color string
	seconds     float64
}

// segments divides a target's CPU time. nginx proxies for less than Caddy does, so
// of its time only the signature is told from the rest; and what a signature of a batch
// takes is not known apart.
func (r *results) segments(name string, cpu, plain float64) []segment {
	var sign float64
	switch strings.TrimSuffix(name, overTLS) {
	case targetPlain:
		return []segment{{color: colorProxy, seconds: cpu}}
	case targetNginx:
		sign, plain = median(r.Cryptography.OpenSSLSign), 0
	case targetOpenSSL:
		sign = median(r.Cryptography.OpenSSLSign)
	case targetBefore, targetUnchecked, targetVerifying:
		sign = median(r.Cryptography.BusySign)
	}
	return []segment{
		{color: colorProxy, seconds: plain},
		{color: colorSign, seconds: sign},
		{color: colorRest, seconds: max(0, cpu-plain-sign)},
	}
}

func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
