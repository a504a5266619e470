package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The shipped binary's bill of materials is valid and reproducible, and lists exactly the modules
// that the binary says it is made of. Each of them is needed by another one.
func TestBill(t *testing.T) {
	b, text := shippedBill(t)
	validate(t, text)
	_, again := shippedBill(t)
	assert.Equal(t, text, again)

	stated := make(map[string]string)
	for _, dependency := range b.info.Deps {
		stated[dependency.Path+" "+dependency.Version] = dependency.Sum
	}
	listed := make(map[string]string)
	bill := decode(t, text)
	reached := reachable(bill)
	assert.Len(t, reached, len(*bill.Components)+1)
	for _, component := range *bill.Components {
		assert.True(t, reached[component.BOMRef], "nothing needs %s", component.Name)
		assert.NotEmpty(t, *component.Licenses, component.Name)
		if component.Name == standardLibrary {
			assert.Equal(t, b.info.GoVersion, "go"+component.Version)
			continue
		}
		listed[component.Name+" "+component.Version] = (*component.Properties)[0].Value
	}
	assert.Equal(t, stated, listed)
	assert.Len(t, *bill.Components, len(stated)+1)
	assert.Equal(t, []cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: b.digest}}, *bill.Metadata.Component.Hashes)
}

// reachable returns everything that a bill's dependencies lead to, starting from the binary.
func reachable(bill *cdx.BOM) map[string]bool {
	needs := make(map[string][]string)
	for _, dependency := range *bill.Dependencies {
		if dependency.Dependencies != nil {
			needs[dependency.Ref] = *dependency.Dependencies
		}
	}
	reached := make(map[string]bool)
	var reach func(string)
	reach = func(reference string) {
		if !reached[reference] {
			reached[reference] = true
			for _, needed := range needs[reference] {
				reach(needed)
			}
		}
	}
	reach(bill.Metadata.Component.BOMRef)
	return reached
}

// shippedBill returns the binary under test and its bill of materials.
func shippedBill(t *testing.T) (*binary, []byte) {
	t.Helper()
	b, err := shipped()
	require.NoError(t, err)
	linked, err := b.linked(repository)
	require.NoError(t, err)
	require.NoError(t, readLicences(linked))
	text, err := b.bill(linked)
	require.NoError(t, err)
	return b, text
}

func decode(t *testing.T, text []byte) *cdx.BOM {
	t.Helper()
	bill := new(cdx.BOM)
	require.NoError(t, cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(bill))
	return bill
}

// validate checks a bill against CycloneDX's own schema.
func validate(t *testing.T, bill []byte) {
	t.Helper()
	folder := filepath.Join(moduleFolder(t, "github.com/CycloneDX/cyclonedx-go"), "schema")
	compiler := jsonschema.NewCompiler()
	for file, name := range map[string]string{
		"bom-1.6.schema.json":   "bom-1.6.schema.json",
		"spdx.schema.json":      "spdx.schema.json",
		"jsf-0.82.schemax.json": "jsf-0.82.schema.json",
	} {
		text, err := os.ReadFile(filepath.Join(folder, file))
		require.NoError(t, err)
		schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		require.NoError(t, compiler.AddResource("http://cyclonedx.org/schema/"+name, schema))
	}
	schema, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(bill))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(value))
}
