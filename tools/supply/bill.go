package main

import (
	"bytes"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// bill returns the binary's bill of materials as CycloneDX 1.6 JSON. The same binary always yields
// the same bytes; the timestamp is that of the commit.
func (b *binary) bill(linked []*module) ([]byte, error) {
	components, dependencies := []cdx.Component{}, []cdx.Dependency{}
	var self cdx.Component
	for _, m := range linked {
		if m.own {
			self = b.application(m)
		} else {
			components = append(components, b.library(m))
		}
		needed := []string{}
		for _, other := range linked {
			if m.needs[other.path] {
				needed = append(needed, b.packageURL(other))
			}
		}
		dependencies = append(dependencies, cdx.Dependency{Ref: b.packageURL(m), Dependencies: &needed})
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{
		Timestamp:  b.setting("vcs.time"),
		Lifecycles: &[]cdx.Lifecycle{{Phase: cdx.LifecyclePhasePostBuild}},
		Tools:      &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: ownModules + "/supply"}}},
		Component:  &self,
	}
	bom.Components, bom.Dependencies = &components, &dependencies
	var text bytes.Buffer
	err := cdx.NewBOMEncoder(&text, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6)
	return text.Bytes(), err
}

// application describes the binary itself.
func (b *binary) application(m *module) cdx.Component {
	var settings []cdx.Property
	for _, s := range b.info.Settings {
		settings = append(settings, cdx.Property{Name: "go:build:" + s.Key, Value: s.Value})
	}
	return cdx.Component{
		BOMRef:     b.packageURL(m),
		Type:       cdx.ComponentTypeApplication,
		Name:       m.path,
		Version:    b.version(m),
		PackageURL: b.packageURL(m),
		Hashes:     &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: b.digest}},
		Licenses:   &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0", Acknowledgement: cdx.LicenseAcknowledgementDeclared}}},
		Properties: &settings,
	}
}

func (b *binary) library(m *module) cdx.Component {
	component := cdx.Component{
		BOMRef:     b.packageURL(m),
		Type:       cdx.ComponentTypeLibrary,
		Name:       m.path,
		Version:    b.version(m),
		PackageURL: b.packageURL(m),
		Licenses:   m.licence.choice(),
	}
	// The sum is a digest of digests. Listed among the hashes, it would be mistaken for the digest
	// of a file.
	if m.sum != "" {
		component.Properties = &[]cdx.Property{{Name: "go:sum", Value: m.sum}}
	}
	if m.path == standardLibrary {
		component.CPE = "cpe:2.3:a:golang:go:" + b.version(m) + ":*:*:*:*:*:*:*"
	}
	return component
}

// choice returns the licence in CycloneDX's form, as concluded, that is, found by reading files.
func (l *licence) choice() *cdx.Licenses {
	concluded := cdx.LicenseAcknowledgementConcluded
	if len(l.ids) == 1 {
		return &cdx.Licenses{{License: &cdx.License{ID: l.ids[0], Acknowledgement: concluded}}}
	}
	return &cdx.Licenses{{Expression: l.expression(), Acknowledgement: &concluded}}
}

// version returns the module's version in the form that scanners know, or "" for a module built
// outside a commit.
func (b *binary) version(m *module) string {
	switch {
	case m.path == standardLibrary:
		return b.goVersion()
	case m.path != b.info.Main.Path:
		return m.version
	case b.info.Main.Version == "(devel)":
		return ""
	default:
		return b.info.Main.Version
	}
}

// packageURL returns the module's purl.
func (b *binary) packageURL(m *module) string {
	version := b.version(m)
	if version == "" {
		return "pkg:golang/" + m.path
	}
	return "pkg:golang/" + m.path + "@" + strings.ReplaceAll(version, "+", "%2B") // as in +incompatible
}
