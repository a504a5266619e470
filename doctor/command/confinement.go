package command

import (
	"os"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-payermax/caddy-payermax/doctor"
	"github.com/caddy-payermax/caddy-payermax/internal/layout"
	"github.com/caddy-payermax/caddy-payermax/internal/regular"
	"github.com/caddy-payermax/caddy-payermax/internal/setting"
	"github.com/caddy-payermax/caddy-payermax/modules/landlock"
)

// describeConfinement reports which files of the config payermax_landlock keeps the process
// from reading again, for a reload or a call.
func (c configTree) describeConfinement(name string) []doctor.Result {
	app, isConfined := c.at("apps", "payermax_landlock").(map[string]any)
	if !isConfined {
		return nil
	}
	var files namedFiles
	files.collect(map[string]any(c), false)
	slices.Sort(files.others)
	outside := landlock.Outside(layout.Texts(app["read"]), layout.Texts(app["write"]), regular.Directories(files.keys...), slices.Compact(files.others))
	if len(outside) == 0 {
		return nil
	}
	return []doctor.Result{found(name, "confinement", doctor.Warning,
		"payermax_landlock keeps the process from opening "+strings.Join(outside, ", ")+" again once it has started, so a reload, or a call that needs the file, fails",
		"name the directories in payermax_landlock: with read or, for a log, with write")}
}

// namedFiles are the files that a config names and that exist.
type namedFiles struct {
	// keys are those whose directories payermax_landlock adds on its own.
	keys, others []string
}

// collect collects the files in a part of a config. isOwn says that the part belongs to this
// module.
func (f *namedFiles) collect(node any, isOwn bool) {
	switch node := node.(type) {
	case string:
		if inPlaceholders := setting.FilesIn(node); len(inPlaceholders) > 0 {
			f.others = append(f.others, regularFiles(inPlaceholders)...)
			return
		}
		path := regularFiles([]string{caddy.NewReplacer().ReplaceKnown(node, "")})
		if isOwn {
			f.keys = append(f.keys, path...)
		} else {
			f.others = append(f.others, path...)
		}
	case []any:
		for _, member := range node {
			f.collect(member, isOwn)
		}
	case map[string]any:
		handler, _ := node["handler"].(string)
		isOwn = isOwn || strings.HasPrefix(handler, "payermax")
		for name, member := range node {
			if !strings.HasPrefix(name, "payermax") { // an app
				f.collect(member, isOwn)
			}
		}
	}
}

// regularFiles returns those paths that name regular files.
func regularFiles(paths []string) []string {
	return slices.DeleteFunc(paths, func(path string) bool {
		info, err := os.Stat(path)
		return err != nil || !info.Mode().IsRegular()
	})
}
