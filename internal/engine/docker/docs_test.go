package docker

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
)

// supportDoc is the table of keys, from this package's folder.
const supportDoc = "../../../docs/compose-support.md"

// supportRow is one row of the table.
type supportRow struct{ key, field, api, test string }

// supportRows reads the table.
func supportRows(t *testing.T) []supportRow {
	t.Helper()
	content, err := os.ReadFile(supportDoc)
	if err != nil {
		t.Fatal(err)
	}
	var rows []supportRow
	for line := range strings.Lines(string(content)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) == 5 && strings.HasPrefix(line, "| `") {
			rows = append(rows, supportRow{strings.Trim(cells[0], "| `"), cells[1], cells[2], strings.Trim(cells[3], "`")})
		}
	}
	return rows
}

func TestEachRowOfTheTableNamesATestThatExistsOrSaysWhyThereIsNone(t *testing.T) {
	tests := existingTests(t)
	for _, row := range supportRows(t) {
		name, file, sub := strings.Cut(row.test, "/")
		switch {
		case strings.HasPrefix(row.test, "none: "):
			if row.field != "-" && row.api != "-" {
				t.Errorf("%s has a field of API %s and no test", row.key, row.api)
			}
		case !slices.Contains(tests, name):
			t.Errorf("%s names %s, which does not exist", row.key, name)
		case sub:
			mentions(t, row.key, filepath.Join(supportDir, file+".yaml"))
		}
		if !regexp.MustCompile(`^(-|1\.\d+(, [A-Za-z]+ 1\.\d+)?)$`).MatchString(row.api) {
			t.Errorf("%s: API %q", row.key, row.api)
		}
	}
}

// mentions wants a file to use the last part of a key. Short forms of ports
// and volumes do not spell theirs.
func mentions(t *testing.T, key, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Errorf("%s: %v", key, err)
		return
	}
	if !strings.Contains(key, ".") || strings.HasSuffix(key, ".*") {
		return // a section that is there without being spelt
	}
	last := key[strings.LastIndex(key, ".")+1:]
	if last != "selinux" && !regexp.MustCompile(`\b`+last+`:`).Match(content) {
		t.Errorf("%s: %s does not use it", key, file)
	}
}

// existingTests are the names of this package's tests.
func existingTests(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)`).FindAllSubmatch(content, -1) {
			names = append(names, string(match[1]))
		}
	}
	return names
}

// TestTheTableHasARowForEachKeyOfTheSpecification compares the table with the
// schema that the loader holds files against, both ways. A row for "x.*"
// speaks for every key below x.
func TestTheTableHasARowForEachKeyOfTheSpecification(t *testing.T) {
	rows := documentedKeys(t)
	keys := schemaKeys(t)
	for _, key := range keys {
		covered := rows[key]
		for at := strings.LastIndex(key, "."); at > 0 && !covered; at = strings.LastIndex(key[:at], ".") {
			covered = rows[key[:at]+".*"]
		}
		if !covered && !hasRowsBelow(rows, key) {
			t.Errorf("no row for %s", key)
		}
	}
	for row := range rows {
		if !slices.Contains(keys, strings.TrimSuffix(row, ".*")) {
			t.Errorf("the specification has no %s", row)
		}
	}
}

// documentedKeys are the keys that have a row. Those of builds stand in a
// table of their own, which also has rows for flags.
func documentedKeys(t *testing.T) map[string]bool {
	t.Helper()
	content, err := os.ReadFile(supportDoc)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	own, builds, _ := strings.Cut(string(content), "\n## Images and builds\n")
	for _, match := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(own, -1) {
		if rows[match[1]] {
			t.Errorf("%s stands twice", match[1])
		}
		rows[match[1]] = true
	}
	for _, match := range regexp.MustCompile("(?m)^\\| `(build\\.[^`]+)` \\|").FindAllStringSubmatch(builds, -1) {
		rows["services."+match[1]] = true
	}
	return rows
}

// hasRowsBelow tells whether a section has rows for its keys instead of one
// for itself; each of them is wanted in its turn.
func hasRowsBelow(rows map[string]bool, key string) bool {
	for row := range rows {
		if strings.HasPrefix(row, key+".") {
			return true
		}
	}
	return false
}

// schemaKeys are the paths of all keys of the specification.
func schemaKeys(t *testing.T) []string {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal([]byte(schema.Schema), &root); err != nil {
		t.Fatal(err)
	}
	definitions, ok := root["definitions"].(map[string]any)
	if !ok {
		definitions, _ = root["$defs"].(map[string]any)
	}
	found := map[string]bool{}
	collectKeys(root, definitions, "", nil, found)
	keys := slices.Sorted(maps.Keys(found))
	if len(keys) < 500 {
		t.Fatalf("only %d keys found", len(keys))
	}
	return keys
}

// collectKeys walks one schema. What stands for names of a person's own
// (pattern and additional properties) adds nothing to the path.
func collectKeys(node any, definitions map[string]any, path string, within []string, found map[string]bool) {
	switch node := node.(type) {
	case []any:
		for _, one := range node {
			collectKeys(one, definitions, path, within, found)
		}
	case map[string]any:
		if ref, ok := node["$ref"].(string); ok {
			name := ref[strings.LastIndex(ref, "/")+1:]
			if !slices.Contains(within, name) {
				collectKeys(definitions[name], definitions, path, append(slices.Clone(within), name), found)
			}
			return
		}
		for _, part := range []string{"oneOf", "anyOf", "allOf", "items", "additionalProperties"} {
			collectKeys(node[part], definitions, path, within, found)
		}
		patterns, _ := node["patternProperties"].(map[string]any)
		for pattern, one := range patterns {
			if pattern != "^x-" {
				collectKeys(one, definitions, path, within, found)
			}
		}
		properties, _ := node["properties"].(map[string]any)
		for name, one := range properties {
			key := strings.TrimPrefix(path+"."+name, ".")
			found[key] = true
			collectKeys(one, definitions, key, within, found)
		}
	}
}
