package project

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/format"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// explain turns an error of compose-go into one line with file, line and key. Half of
// its errors name no file, some no key; what they do name is looked up in the files.
func (s *session) explain(err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	e := s.ruled(err)
	if e.Line == 0 || aboutKinds.MatchString(e.Msg) {
		file := e.File
		if e.Line == 0 {
			file = ""
		}
		better, ok := s.misfit(file)
		if !ok && file != "" && len(s.sources.files) > 1 {
			better, ok = s.misfit("") // what it names may come from another file
		}
		if ok {
			better.err = err
			return better
		}
	}
	e.Msg, e.Hint = plainWords(e.Msg, e.Hint)
	return e
}

// ruled is the error that the first rule makes which knows such a text.
func (s *session) ruled(err error) *Error {
	text := err.Error()
	rules := []func(string) *Error{s.schemaError, s.interpolationError, s.decodingError, s.yamlFileError,
		s.cycleError, s.extendError, s.envError, s.missingFileError, s.requiredError, s.pathError, s.shortFormError, s.keyError, s.quotingError}
	for _, rule := range rules {
		if e := rule(text); e != nil {
			e.err = err
			return e
		}
	}
	return s.plainError(text, err)
}

// plainError names the file at least, where there is only one to blame.
func (s *session) plainError(text string, err error) *Error {
	e := &Error{Msg: oneLine(text), err: err}
	if text == "empty compose file" {
		e.Hint = "add services:"
	}
	if len(s.details.ConfigFiles) > 0 {
		e.File = display(s.opts.WorkDir, s.details.ConfigFiles[0].Filename)
	}
	return e
}

// at fills in where a place is.
func (e *Error) at(p place) *Error {
	if len(p.path) > 0 {
		e.File, e.Line, e.Key = p.pos.file, p.pos.line, key(p.path)
	}
	return e
}

// expand interpolates a value as the loader does, "" when that fails.
func (s *session) expand(value string) string {
	if s.opts.NoInterpolate {
		return value
	}
	out, err := template.SubstituteWithOptions(value, s.set.lookup, template.WithoutLogging)
	if err != nil {
		return ""
	}
	return out
}

var (
	interpolating = regexp.MustCompile(`(?s)^error while interpolating (.+?): (required variable .*|failed to cast .*|variables (?:expand|nest) .*)$`)
	badTemplate   = regexp.MustCompile(`(?s)^invalid interpolation format for (.+?)\.\nYou may need to escape any \$ with another \$\.\n(.*)$`)
	nextError     = regexp.MustCompile(`\n(error while interpolating |invalid interpolation format for )`)
	required      = regexp.MustCompile(`^required variable (\S+) is missing a value(?:: (.*))?$`)
)

// interpolationError explains variables that are missing or malformed. Of several the
// first is shown and the others are counted.
func (s *session) interpolationError(text string) *Error {
	if !strings.HasPrefix(text, "error while interpolating ") && !strings.HasPrefix(text, "invalid interpolation format") {
		return nil
	}
	more := len(nextError.FindAllString(text, -1))
	if i := nextError.FindStringIndex(text); i != nil {
		text = text[:i[0]]
	}
	e := &Error{Msg: text}
	if m := badTemplate.FindStringSubmatch(text); m != nil {
		p, _ := s.sources.dotted(m[1], m[2])
		e = (&Error{Msg: fmt.Sprintf("invalid interpolation format %q", m[2]), Hint: "write $$ for a dollar sign"}).at(p)
	} else if m := interpolating.FindStringSubmatch(text); m != nil {
		e = s.valueError(m[1], m[2])
	}
	if more > 0 {
		e.Msg += fmt.Sprintf("; and %d more", more)
	}
	return e
}

// valueError explains a value that cannot be used at a dotted path.
func (s *session) valueError(dotted, msg string) *Error {
	if m := required.FindStringSubmatch(msg); m != nil {
		p, _ := s.sources.dotted(dotted, m[1])
		return (&Error{Msg: msg, Hint: "set " + m[1] + " in the shell or an env file"}).at(p)
	}
	p, _ := s.sources.dotted(dotted, "")
	msg = strings.TrimPrefix(msg, "failed to cast to expected type: ")
	e := (&Error{Msg: msg}).at(p)
	const short = 100
	if p.node != nil && p.node.Kind == yaml.ScalarNode && len(p.node.Value) < short && !strings.Contains(msg, `"`) {
		e.Msg = fmt.Sprintf("%s %q", strings.TrimRight(msg, ": "), s.expand(p.node.Value))
	}
	return e
}

var decoding = regexp.MustCompile(`(?s)^decoding failed due to the following error\(s\):\s*(?:'([^']*)' )?(.*)$`)

// decodingError explains a value of the wrong type or form.
func (s *session) decodingError(text string) *Error {
	m := decoding.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	p, _ := s.sources.dotted(m[1], "")
	first, _, _ := strings.Cut(m[2], "\n")
	e := (&Error{Key: m[1], Msg: first}).at(p)
	if e.File == "" {
		e.File = s.plainError("", nil).File
	}
	return e
}

var parsing = regexp.MustCompile(`(?s)^failed to parse (.+?): (yaml: .*|go-yaml .*|line \d+: .*|cycle detected.*|compose file .*)$`)

// yamlFileError explains what the YAML library refuses in one file.
func (s *session) yamlFileError(text string) *Error {
	m := parsing.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	var e *Error
	if errors.As(yamlError(display(s.opts.WorkDir, m[1]), errors.New(m[2])), &e) && strings.Contains(m[2], "already defined") {
		e.Msg, e.Hint = strings.TrimPrefix(e.Msg, "not valid YAML: "), "remove one of them"
	}
	s.constructError(e)
	return e
}

var extendsLine = regexp.MustCompile(`(?m)^  (?:extends )?(\S+) in (.*)$`)

// cycleError names a cycle of include or extends as a path on one line.
func (s *session) cycleError(text string) *Error {
	if rest, ok := strings.CutPrefix(text, "include cycle detected:\n"); ok {
		var names []string
		for _, l := range strings.Split(rest, "\n") {
			names = append(names, display(s.opts.WorkDir, strings.TrimPrefix(strings.TrimSpace(l), "include ")))
		}
		if len(names) == 1 || names[0] != names[len(names)-1] {
			names = append(names, names[0])
		}
		p, _ := s.sources.dotted("include", "")
		return &Error{File: names[0], Line: p.pos.line, Key: "include", Msg: "include cycle detected: " + strings.Join(names, " -> "),
			Hint: "remove one of these includes"}
	}
	if strings.HasPrefix(text, "Circular reference:") {
		var names []string
		for _, m := range extendsLine.FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
		if len(names) == 0 {
			return nil
		}
		p, _ := s.sources.dotted("services."+names[0]+".extends", "")
		return (&Error{Msg: "extends cycle detected: " + strings.Join(names, " -> "), Hint: "remove one of these extends"}).at(p)
	}
	return nil
}

var extending = regexp.MustCompile(`^cannot extend service "([^"]*)" in ([^:]+): (.*)$`)

// extendError explains an extends that leads nowhere.
func (s *session) extendError(text string) *Error {
	m := extending.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	p, _ := s.sources.dotted("services."+m[1]+".extends", "")
	e := &Error{File: display(s.opts.WorkDir, m[2]), Key: "services." + m[1] + ".extends",
		Msg: fmt.Sprintf("cannot extend service %q: %s", m[1], m[3]), Hint: "check service: and file: of extends"}
	if len(p.path) > 0 {
		e.File, e.Line = p.pos.file, p.pos.line
	}
	return e
}

var envRead = regexp.MustCompile(`(?s)^failed to read (.+?): (line \d+: .*|Invalid template: .*|required variable .*)$`)

// envError explains a malformed env_file or label_file.
func (s *session) envError(text string) *Error {
	m := envRead.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	data, err := readBounded(m[1], maxEnvFile)
	if err != nil {
		return nil //nolint:nilerr // the text that is being explained stays
	}
	cause := errors.New(m[2])
	if quoted, ok := strings.CutPrefix(m[2], "Invalid template: "); ok {
		cause = &template.InvalidTemplateError{Template: strings.Trim(quoted, `"`)}
	}
	var e *Error
	errors.As(envFileError(s.opts.WorkDir, m[1], data, cause), &e)
	return e
}

var opening = regexp.MustCompile(`(?:open|stat|read) (.+?): (no such file or directory|permission denied|is a directory|not a directory)|^(.+) is (not a file)$`)

// missingFileError explains an include or extends of a file that cannot be read.
func (s *session) missingFileError(text string) *Error {
	m := opening.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	file, reason := m[1]+m[3], m[2]+m[4]
	named := func(p place) bool {
		name := s.expand(p.node.Value)
		return p.node.Kind == yaml.ScalarNode &&
			(filepath.Base(name) == filepath.Base(file) || absFrom(s.details.WorkingDir, name) == file)
	}
	e := &Error{Msg: file + ": " + reason, Hint: "correct the name or create the file"}
	for _, pattern := range [][]string{{"include", "*"}, {"include", "*", "path"}, {"include", "*", "path", "*"},
		{"include", "*", "env_file"}, {"include", "*", "env_file", "*"},
		{"services", "*", "extends", "file"}, {"jobs", "*", "extends", "file"}} {
		if p, ok := s.sources.find(named, pattern...); ok {
			return e.at(p)
		}
	}
	if _, err := os.Stat(file); err == nil {
		e.Hint = ""
	}
	return e
}

// sections are the top-level keys that error texts start with.
func sections() []string {
	return []string{"services", "jobs", "networks", "volumes", "configs", "secrets", "models", "include", "name"}
}

// pathError explains an error that starts with a path of its own.
func (s *session) pathError(text string) *Error {
	head, _, _ := strings.Cut(text, " ")
	section, _, dotted := strings.Cut(strings.TrimSuffix(head, ":"), ".")
	if !slices.Contains(sections(), section) || !dotted && !strings.HasSuffix(head, ":") && section == head {
		if !slices.Contains(sections(), head) {
			return nil
		}
	}
	p, rest := s.sources.dotted(text, "")
	if len(p.path) == 0 {
		return nil
	}
	return (&Error{Msg: rest}).at(p)
}

// shortFormError finds the port or volume in its short form that is to blame for an
// error without a path.
func (s *session) shortFormError(text string) *Error {
	blamed := func(parse func(string) error) func(place) bool {
		return func(p place) bool {
			if p.node.Kind != yaml.ScalarNode {
				return false
			}
			err := parse(s.expand(p.node.Value))
			return err != nil && err.Error() == text
		}
	}
	port := func(v string) error { _, err := types.ParsePortConfig(v); return err }
	volume := func(v string) error { _, err := format.ParseVolume(v); return err }
	for _, section := range []string{"services", "jobs"} {
		if p, ok := s.sources.find(blamed(port), section, "*", "ports", "*"); ok {
			return (&Error{Msg: fmt.Sprintf("invalid port %q: %s", s.expand(p.node.Value), text),
				Hint: "write [[IP:]HOST:]CONTAINER[/PROTOCOL]"}).at(p)
		}
		if p, ok := s.sources.find(blamed(volume), section, "*", "volumes", "*"); ok {
			return (&Error{Msg: text, Hint: "write [SOURCE:]TARGET[:MODE]"}).at(p)
		}
	}
	return nil
}
