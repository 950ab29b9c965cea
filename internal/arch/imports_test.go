package arch_test

import (
	"slices"
	"strings"
	"testing"
)

func TestEveryPackageHasARowAndEveryRowAPackage(t *testing.T) {
	rows := table()
	seen := map[string]bool{}
	for _, f := range sources(t) {
		if !seen[f.pkg] {
			if _, ok := rows[f.pkg]; !ok {
				t.Errorf("package %s (%s) has no row in the table: add one there and in docs/architecture.md", f.pkg, f.path)
			}
		}
		seen[f.pkg] = true
	}
	for pkg := range rows {
		if !seen[pkg] {
			t.Errorf("the table has a row for %s, which is gone", pkg)
		}
	}
}

func TestPackagesImportOnlyWhatTheirRowAllows(t *testing.T) {
	rows := table()
	for _, f := range sources(t) {
		r, ok := rows[f.pkg]
		if f.test || !ok {
			continue
		}
		for _, path := range f.imports {
			if why := refuse(r, path); why != "" {
				t.Errorf("%s imports %s: %s", f.path, path, why)
			}
		}
	}
}

// refuse says why a package with the row may not have an import; empty if it may.
func refuse(r row, path string) string {
	switch {
	case ours(path):
		if !slices.Contains(r.ours, strings.TrimPrefix(path, module+"/")) {
			return "the table does not let data flow this way"
		}
	case thirdParty(path):
		if !within(path, r.others) {
			return "this module belongs to another package"
		}
	case slices.Contains(r.never, path):
		return "the package promises to do without it"
	}
	return ""
}

func TestRowsAllowNothingThatNobodyUses(t *testing.T) {
	used := map[string][]string{}
	for _, f := range sources(t) {
		if !f.test {
			used[f.pkg] = append(used[f.pkg], f.imports...)
		}
	}
	for pkg, r := range table() {
		for _, own := range r.ours {
			if !slices.Contains(used[pkg], module+"/"+own) {
				t.Errorf("the row of %s allows %s, which it does not import", pkg, own)
			}
		}
		for _, prefix := range r.others {
			if !slices.ContainsFunc(used[pkg], func(p string) bool { return within(p, []string{prefix}) }) {
				t.Errorf("the row of %s allows %s, which it does not import", pkg, prefix)
			}
		}
	}
}

func TestRowsFormNoCycle(t *testing.T) {
	rows := table()
	state := map[string]int{}
	var visit func(pkg string, path []string)
	visit = func(pkg string, path []string) {
		path = append(path, pkg)
		if state[pkg] == 1 {
			t.Errorf("rows form a cycle: %s", strings.Join(path, " -> "))
		}
		if state[pkg] != 0 {
			return
		}
		state[pkg] = 1
		for _, next := range rows[pkg].ours {
			visit(next, path)
		}
		state[pkg] = 2
	}
	for pkg := range rows {
		visit(pkg, nil)
	}
}

// Some modules decide so much that only one package may know them, whatever
// its row says.
func TestSomeModulesHaveOneImporter(t *testing.T) {
	owners := map[string][]string{
		"github.com/docker/docker":                     {"internal/engine/docker"},
		"github.com/docker/cli/cli/connhelper":         {"internal/engine/docker"},
		"github.com/docker/cli/cli/command":            {}, // it brings the whole Docker CLI
		"github.com/docker/compose":                    {}, // another tool for the same task
		"github.com/moby/buildkit":                     {"internal/build"},
		"github.com/spf13/cobra":                       {"internal/cli"},
		"github.com/gofrs/flock":                       {"internal/lock"},
		"github.com/compose-spec/compose-go/v2/cli":    {"internal/project"},
		"github.com/compose-spec/compose-go/v2/loader": {"internal/project", "internal/remote"}, // remote: the interface of loaders
		"github.com/compose-spec/compose-go/v2/graph":  {},                                      // it changes the project while walking it
	}
	// A narrower path below one of these is fine where a row allows it.
	except := []string{
		"github.com/docker/cli/cli/command/formatter/tabwriter",
		"github.com/moby/buildkit/frontend/dockerfile/dfgitutil",
	}
	for _, f := range sources(t) {
		for _, path := range f.imports {
			for prefix, allowed := range owners {
				if !f.test && within(path, []string{prefix}) && !within(path, except) && !slices.Contains(allowed, f.pkg) {
					t.Errorf("%s imports %s, which belongs to %v", f.path, path, allowed)
				}
			}
		}
	}
}
