package imagetest

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

func TestTheTableOfImagesAndBuildsIsCompleteAndItsTestsExist(t *testing.T) {
	document, err := os.ReadFile("../../docs/compose-support.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(document), "\n## Images and builds\n")
	if !ok {
		t.Fatal("the document has no such section")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	section := reflect.TypeFor[types.BuildConfig]()
	for i := range section.NumField() {
		key, _, _ := strings.Cut(section.Field(i).Tag.Get("yaml"), ",")
		if key != "" && key != "-" && !strings.HasPrefix(key, "#") && !strings.Contains(table, "| `build."+key+"` |") {
			t.Errorf("no row for build.%s", key)
		}
	}
	tests := testsOf(t, ".", "../build")
	for _, name := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(table, -1) {
		if !tests[name[1]] {
			t.Errorf("no test %s", name[1])
		}
	}
}

// testsOf are the names of the tests in some folders.
func testsOf(t *testing.T, folders ...string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)`).FindAllSubmatch(content, -1) {
				names[string(match[1])] = true
			}
		}
	}
	return names
}
