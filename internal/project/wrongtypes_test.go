package project

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
)

// wrongValues are values of every kind; at most places most of them are wrong.
func wrongValues() []string {
	return []string{"word", `""`, "7", "1.5", "-3", "123456789012345678901234567890", "1e400", "true", "null", "[]", "[word]",
		"[7]", "[[word]]", "[null]", "{}", "{q: word}", "{q: 7}", "{q: [word]}", "{q: {r: s}}", "[{q: word}]", "{q: null}",
		"2020-01-01"}
}

// misplaced writes a Compose file that holds value at path, each key on a line of its
// own: "*" in the path stands for some name, "[]" for an item of a list.
func misplaced(path []string, value string) (text string, line int) {
	var b strings.Builder
	indent := ""
	for i, element := range path {
		switch {
		case i == 0:
			b.WriteString(element + ":")
		case element == "[]":
			b.WriteString("\n" + indent + "-")
		case path[i-1] == "[]":
			b.WriteString(" " + strings.Replace(element, "*", "k", 1) + ":")
		default:
			b.WriteString("\n" + indent + strings.Replace(element, "*", "k", 1) + ":")
		}
		indent += "  "
		if i == 1 && path[0] == "services" && len(path) > 2 && path[2] != "image" {
			b.WriteString("\n" + indent + "image: x")
		}
	}
	b.WriteString(" " + value + "\n")
	text = b.String()
	line = strings.Count(text, "\n")
	for _, other := range []string{"services: {s: {image: x}}", "networks: {k: {}}", "volumes: {k: {}}", "configs: {k: {content: x}}",
		"secrets: {k: {environment: HOME}}", "models: {k: {model: x}}"} {
		if !strings.HasPrefix(other, path[0]+":") {
			text += other + "\n"
		}
	}
	return text, line
}

// leaks matches what only those understand who know the code.
var leaks = regexp.MustCompile(`map\[|\[\]|interface|mapstructure|cannot unmarshal|!!|\w\.Time|<nil>|\bu?int\d*\b|\bfloat\d+\b|` +
	`\bany\b|%!|strconv|unexpected type|expected type|a integer|a array|a null`)

func TestAValueOfAnyKindAnywhereGivesOneLineWithItsPlace(t *testing.T) {
	dir := t.TempDir()
	values := wrongValues()
	const step = 5 // of the values at each place: all of them take half a minute
	for i, attribute := range schema.AttributePaths() {
		path := strings.Split(string(attribute), ".")
		for at := i % step; at < len(values); at += step {
			text, line := misplaced(path, values[at])
			write(t, dir, "c.yaml", text)
			_, err := Config(context.Background(), Options{Files: []string{"c.yaml"}, WorkDir: dir}, ConfigFlags{})
			if err == nil {
				continue
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%s: %s: no error of this package: %v", attribute, values[at], err)
				continue
			}
			if strings.Contains(e.Error(), "\n") || leaks.MatchString(strings.ReplaceAll(e.Msg, dir, "")) {
				t.Errorf("%s: %s: not one line in plain words: %v", attribute, values[at], err)
			}
			if e.File != "c.yaml" || e.Line < 1 || e.Line > line || !strings.HasPrefix(e.Key, path[0]) {
				t.Errorf("%s: %s: want it in %s, at line %d or above: %v", attribute, values[at], path[0], line, err)
			}
		}
	}
}
