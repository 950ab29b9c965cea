package docker

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// loaderKeys are merged into others while a file is loaded, so that they can
// only be taken out of its text.
const loaderKeys = "env_file extends label_file"

// unseenKeys change nothing that an engine shows of the files here, for the
// reasons given.
var unseenKeys = map[string]string{
	"volumes.external": "the engine answers a request for a volume that is there with that volume",
}

// TestTheTestOfARowFailsWithoutItsKey takes each key in turn out of the file
// that shows it and wants the engine's container to be none that the file
// accepts.
func TestTheTestOfARowFailsWithoutItsKey(t *testing.T) {
	for _, row := range supportRows(t) {
		_, name, ok := strings.Cut(row.test, "TestTheEngineShowsWhatTheFileAsks/")
		section, rest, nested := strings.Cut(row.key, ".")
		if !ok || !nested || strings.HasSuffix(row.key, ".*") || unseenKeys[row.key] != "" {
			continue
		}
		t.Run(row.key, func(t *testing.T) {
			t.Parallel()
			edit := supportEdit{loaded: func(p *types.Project) { forgetKey(t, p, section, rest) }}
			if slices.Contains(strings.Fields(loaderKeys), rest) {
				edit = supportEdit{text: withoutText(rest)}
			}
			e := realEngine(t)
			loaded, err := loadSupport(t, name+".yaml", edit)
			if err == nil && len(loaded.check(t, e, loaded.make(t, e))) == 0 {
				t.Errorf("%s.yaml is content with a container that knows nothing of %s", name, row.key)
			}
		})
	}
}

// forgetKey takes a key out of a loaded project.
func forgetKey(t *testing.T, p *types.Project, section, path string) {
	t.Helper()
	var all any
	switch section {
	case "services":
		all = p.Services
	case "networks":
		all = p.Networks
	case "volumes":
		all = p.Volumes
	case "configs":
		all = p.Configs
	case "secrets":
		all = p.Secrets
	}
	if path == "environment" && section != "services" {
		forgetKey(t, p, section, "content") // the loader has put the value there
	}
	if !forget(reflect.ValueOf(all), append([]string{"*"}, strings.Split(path, ".")...)) {
		t.Errorf("the file has no %s.%s", section, path)
	}
}

// forget empties what a path of YAML keys leads to, in all elements of lists
// and, for keys of a person's own, of maps. It tells whether there was any.
func forget(value reflect.Value, path []string) bool {
	switch value.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !value.IsNil() && forget(value.Elem(), path)
	case reflect.Slice:
		found := false
		for index := range value.Len() {
			found = forget(value.Index(index), path) || found
		}
		return found
	case reflect.Map:
		return forgetInMap(value, strings.TrimPrefix(strings.Join(path, "."), "*."))
	case reflect.Struct:
		for index := range value.NumField() {
			member, field := value.Field(index), value.Type().Field(index)
			tag, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			if tag == "" {
				tag = strings.ToLower(field.Name)
			}
			switch {
			case field.Anonymous:
				if forget(member, path) {
					return true
				}
			case tag != path[0]:
			case len(path) > 1:
				return forget(member, path[1:])
			case !member.IsZero():
				member.SetZero()
				return true
			}
		}
	}
	return false
}

// forgetInMap is forget for each element of a map, which has to be put back.
func forgetInMap(value reflect.Value, path string) bool {
	found := false
	for _, key := range value.MapKeys() {
		element := reflect.New(value.Type().Elem()).Elem()
		element.Set(value.MapIndex(key))
		if forget(element, strings.Split(path, ".")) {
			value.SetMapIndex(key, element)
			found = true
		}
	}
	return found
}
