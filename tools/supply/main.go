// Command supply reports which modules are linked into the shipped binary, and under which
// licences:
//
//	cd tools/supply && go run . ../../bin/caddy          # compares docs/licences.md, writes bin/caddy.cdx.json
//	cd tools/supply && go run . -update ../../bin/caddy  # writes both
//	cd tools/supply && go run . -release ../../dist/...  # writes the bill, and the licences with their texts
//
// It reads the linked modules from the binary itself. It fails if they differ from those that
// docs/licences.md lists, if a module's licence is unknown, or if a licence is not one of the
// accepted permissive ones.
//
// It does not use cyclonedx-gomod for the bill of materials. That tool (v1.10.0) produces
// reproducible output only without a serial number and a timestamp, and even then the output
// depends on how the tool itself was built, because it contains the tool's digests. When it reads a
// binary, its dependency graph is flat; when it reads a checkout, it does not name the binary. It
// finds one licence per module, although a third of the modules have several or another one, and
// none for the standard library. It also presents lines of go.sum as digests of files.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

const repository = "../.."

// addable are the modules of this repository that are built in on demand, by their directories.
var addable = []string{"keys/kms", "keys/openssl", "stores/redis"}

func main() {
	update := flag.Bool("update", false, "rewrite docs/licences.md, instead of comparing it")
	release := flag.Bool("release", false, "of a binary for any platform, write what goes with it: <binary>.cdx.json and <binary>.licences.txt")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run . [-update | -release] <binary>")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 || *update && *release {
		flag.Usage()
		os.Exit(2)
	}
	task := func(path string) error { return run(path, *update) }
	if *release {
		task = accompany
	}
	if err := task(flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string, update bool) error {
	b, err := readBinary(path)
	if err != nil {
		return err
	}
	linked, err := b.linked(repository)
	if err != nil {
		return err
	}
	caddys, err := b.caddys(repository)
	if err != nil {
		return err
	}
	if err := readLicences(linked); err != nil {
		return err
	}
	var added []addition
	for _, name := range addable {
		modules, err := b.modulesOf(filepath.Join(repository, name))
		if err != nil {
			return err
		}
		modules = without(modules, linked)
		if err := readLicences(modules); err != nil {
			return err
		}
		added = append(added, addition{name, modules})
	}
	wanted := writePage(without(linked, nil), without(linked, caddys), added)
	if err := settle(filepath.Join(repository, "docs", "licences.md"), wanted, update); err != nil {
		return err
	}
	return b.writeBill(path, linked)
}

// accompany writes the files that go with a binary given to others. The linked modules depend on
// the platform, so docs/licences.md is not consulted.
func accompany(path string) error {
	b, err := readBinary(path)
	if err != nil {
		return err
	}
	linked, err := b.linked(repository)
	if err != nil {
		return err
	}
	if err := readLicences(linked); err != nil {
		return err
	}
	texts, err := licenceTexts(repository, linked)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".licences.txt", texts, 0o644); err != nil {
		return err
	}
	return b.writeBill(path, linked)
}

// writeBill writes the bill of materials next to the binary.
func (b *binary) writeBill(path string, linked []*module) error {
	bill, err := b.bill(linked)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".cdx.json", bill, 0o644); err != nil {
		return err
	}
	fmt.Printf("%s.cdx.json: %d modules and Go's standard library, of the binary with SHA-256 %s\n", path, len(b.info.Deps), b.digest)
	return nil
}

// settle compares a page with its wanted contents, or writes them.
func settle(path string, wanted []byte, update bool) error {
	if update {
		return os.WriteFile(path, wanted, 0o644)
	}
	have, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	wantedLines, haveLines := bytes.Split(wanted, []byte("\n")), bytes.Split(have, []byte("\n"))
	for i := range max(len(wantedLines), len(haveLines)) {
		if i >= len(wantedLines) || i >= len(haveLines) || !bytes.Equal(wantedLines[i], haveLines[i]) {
			return fmt.Errorf("%s:%d is not what is linked; write it again, and read the difference: cd tools/supply && go run . -update ../../bin/caddy", path, i+1)
		}
	}
	return nil
}
