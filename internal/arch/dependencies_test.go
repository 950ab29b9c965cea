package arch_test

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// requirement is one line of go.mod.
type requirement struct {
	module, version string
	indirect        bool
}

func requirements(t *testing.T) []requirement {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^(?:require )?\s*([\w./~-]+\.[\w./~-]+) (v[^ ]+)( // indirect)?$`)
	var out []requirement
	scan := bufio.NewScanner(strings.NewReader(string(text)))
	for scan.Scan() {
		if m := line.FindStringSubmatch(strings.TrimSpace(scan.Text())); m != nil && !strings.HasPrefix(scan.Text(), "module ") {
			out = append(out, requirement{m[1], m[2], m[3] != ""})
		}
	}
	if len(out) < 20 {
		t.Fatalf("only %d requirements found in go.mod", len(out))
	}
	return out
}

// documented are the modules that have a row in docs/dependencies.md.
func documented(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|(.*)$")
	out := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		if out[m[1]] {
			t.Errorf("docs/dependencies.md has two rows for %s", m[1])
		}
		if len(strings.Fields(m[2])) < 6 {
			t.Errorf("docs/dependencies.md does not say why %s is there", m[1])
		}
		out[m[1]] = true
	}
	return out
}

// imported are the modules that code or tests import.
func imported(t *testing.T, required []requirement) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, f := range sources(t) {
		for _, path := range f.imports {
			if !thirdParty(path) {
				continue
			}
			best := ""
			for _, r := range required {
				if within(path, []string{r.module}) && len(r.module) > len(best) {
					best = r.module
				}
			}
			if best == "" {
				t.Errorf("%s imports %s, which go.mod does not require", f.path, path)
			}
			out[best] = true
		}
	}
	return out
}

func TestEveryDependencyIsDocumentedAndEveryDocumentedOneIsThere(t *testing.T) {
	required := requirements(t)
	rows, used := documented(t), imported(t, required)
	direct := map[string]bool{}
	for _, r := range required {
		if r.indirect {
			if used[r.module] {
				t.Logf("go.mod calls %s indirect, but it is imported", r.module)
			}
			continue
		}
		direct[r.module] = true
		if !rows[r.module] {
			t.Errorf("docs/dependencies.md has no row for %s, which go.mod requires", r.module)
		}
	}
	for name := range used {
		if !rows[name] {
			t.Errorf("docs/dependencies.md has no row for %s, which is imported", name)
		}
	}
	for name := range rows {
		if !direct[name] && !used[name] {
			t.Errorf("docs/dependencies.md has a row for %s, which nothing needs", name)
		}
	}
}
