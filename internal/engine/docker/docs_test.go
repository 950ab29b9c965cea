package docker

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
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
	last := key[strings.LastIndex(key, ".")+1:]
	short := []string{"consistency", "selinux", "name"}
	if !slices.Contains(short, last) && !regexp.MustCompile(`\b`+last+`:`).Match(content) {
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

func TestTheTableHasARowForEachKeyOfTheSpecification(t *testing.T) {
	keys := map[string]bool{}
	for _, row := range supportRows(t) {
		if keys[row.key] {
			t.Errorf("%s stands twice", row.key)
		}
		keys[row.key] = true
	}
	var wanted []string
	specKeys(reflect.TypeFor[types.ServiceConfig](), "services", &wanted)
	specKeys(reflect.TypeFor[types.NetworkConfig](), "networks", &wanted)
	specKeys(reflect.TypeFor[types.VolumeConfig](), "volumes", &wanted)
	specKeys(reflect.TypeFor[types.FileObjectConfig](), "configs", &wanted)
	specKeys(reflect.TypeFor[types.FileObjectConfig](), "secrets", &wanted)
	// compose-go has one type for limits and reservations; these two are
	// reservations only.
	wanted = slices.DeleteFunc(wanted, func(key string) bool {
		return key == "services.deploy.resources.limits.devices" || key == "services.deploy.resources.limits.generic_resources"
	})
	for _, key := range wanted {
		if !keys[key] && !slices.ContainsFunc(parents(key), func(parent string) bool { return keys[parent] }) {
			t.Errorf("no row for %s", key)
		}
	}
}

// wholeKeys are sections that one row speaks for.
const wholeKeys = "build develop depends_on extends provider models pre_start post_start pre_stop update_config rollback_config placement " +
	"weight_device device_read_bps device_read_iops device_write_bps device_write_iops devices gpus generic_resources ulimits env_file"

// specKeys are the paths of a section's keys, by the tags of compose-go.
func specKeys(section reflect.Type, prefix string, keys *[]string) {
	for section.Kind() == reflect.Pointer || section.Kind() == reflect.Slice || section.Kind() == reflect.Map {
		section = section.Elem()
	}
	if section.Kind() != reflect.Struct {
		*keys = append(*keys, prefix)
		return
	}
	for index := range section.NumField() {
		member := section.Field(index)
		name, _, _ := strings.Cut(member.Tag.Get("yaml"), ",")
		switch {
		case member.Anonymous:
			specKeys(member.Type, prefix, keys)
		case name == "" || name == "-" || strings.HasPrefix(name, "#") || prefix == "services" && name == "name":
		case slices.Contains(strings.Fields(wholeKeys), name):
			*keys = append(*keys, prefix+"."+name)
		default:
			specKeys(member.Type, prefix+"."+name, keys)
		}
	}
}

// parents are the sections around a key that may have a row for all of it.
func parents(key string) []string {
	var result []string
	for at := strings.LastIndex(key, "."); at > strings.Index(key, "."); at = strings.LastIndex(key[:at], ".") {
		result = append(result, key[:at])
	}
	// These have rows for their parts, which must be complete.
	return slices.DeleteFunc(result, func(parent string) bool {
		return parent == "services.networks" || parent == "services.configs" || parent == "services.secrets"
	})
}
