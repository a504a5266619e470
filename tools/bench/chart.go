package main

import (
	"fmt"
	"slices"
	"strings"
)

// The dimensions of the chart, in pixels.
const (
	chartWidth  = 860
	labelWidth  = 330
	barHeight   = 18
	barDistance = 26
	headHeight  = 56

	legendDistance = 200
)

// chart draws an SVG with the CPU time of a request at 32 connections over TLS, as in production:
// the time that plain Caddy takes, the time of the signature, and the rest. The parts of a bar add
// up to the number beside it.
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
		for _, part := range t.segments(cpu, plain) {
			fmt.Fprintf(&svg, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", x, y, part.seconds*scale, barHeight, part.color)
			x += part.seconds * scale
		}
		fmt.Fprintf(&svg, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", x+6, y+14, micro(cpu))
	}
	x, y := 12, headHeight+len(targets)*barDistance+8
	for _, part := range legend {
		fmt.Fprintf(&svg, "<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"12\" fill=\"%s\"/><text x=\"%d\" y=\"%d\">%s</text>\n", x, y, part.color, x+18, y+11, part.name)
		x += legendDistance
	}
	svg.WriteString("</svg>\n")
	return svg.String()
}

// chartStyle uses the colours of the other figures in docs/, which follow the reader's dark mode.
// The colours of the bars are visible in both modes.
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
	colorWhole = "#0d9488"
)

// legend gives the meaning of each colour.
var legend = []struct{ name, color string }{
	{"proxying, as plain Caddy", colorProxy}, {"the signature", colorSign}, {"the rest", colorRest}, {"all, not profiled", colorWhole},
}

// segment is a part of a bar.
type segment struct {
	color   string
	seconds float64
}

// segments divides a target's CPU time according to its own profile: the signature gets its share
// of the profile, since it takes longer under this load than in a loop. A target that was not
// profiled, such as nginx, is not divided. Neither is a target that takes no more than plain Caddy
// plus the signature: there, variation between rounds exceeds the rest.
func (t *measured) segments(cpu, plain float64) []segment {
	sign := cpu * t.profiledShare(partSign)
	switch {
	case t.Name == targetPlain+overTLS:
		return []segment{{colorProxy, cpu}}
	case sign == 0 || plain+sign > cpu:
		return []segment{{colorWhole, cpu}}
	}
	return []segment{{colorProxy, plain}, {colorSign, sign}, {colorRest, cpu - plain - sign}}
}

// profiledShare returns a part's share of the target's profile, or 0 if there is no profile.
func (t *measured) profiledShare(name string) float64 {
	if t.Profile == nil {
		return 0
	}
	all := 0.0
	for _, part := range t.Profile {
		all += part
	}
	return shares(t.Profile).of(name) / all
}

func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
