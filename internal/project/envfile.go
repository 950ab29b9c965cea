package project

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
)

// maxEnvFile bounds an env file in bytes, maxEnvValue one of its values after
// expansion. The kernel allows 128 KiB for one variable of a process.
const (
	maxEnvFile  = 4 << 20
	maxEnvValue = 1 << 20
)

// readEnvFiles parses env files in order, later over earlier. A variable in a file
// is looked up in env first, then in what the files have set so far. Each file is read
// once, so that it may be a pipe.
func readEnvFiles(workDir string, env types.Mapping, files []string) (map[string]string, error) {
	values := map[string]string{}
	lookup := func(k string) (string, bool) {
		if v, ok := env[k]; ok {
			return v, true
		}
		v, ok := values[k]
		return v, ok
	}
	for _, f := range files {
		data, err := readEnvFile(workDir, f, "correct --env-file")
		if err != nil {
			return nil, err
		}
		if err := checkEnvText(workDir, f, data, lookup); err != nil {
			return nil, err
		}
		if err := dotenv.ParseWithFormat(bytes.NewReader(data), f, values, lookup, dotenv.DotEnv); err != nil {
			return nil, envFileError(workDir, f, data, err)
		}
	}
	return values, nil
}

// readEnvFile reads an env file of bounded size; fix is what to do when it is missing.
func readEnvFile(workDir, file, fix string) ([]byte, error) {
	data, err := readBounded(file, maxEnvFile)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, &Error{Msg: "env file " + file + " not found", Hint: "create it or " + fix, err: err}
	case err != nil:
		return nil, &Error{File: display(workDir, file), Msg: "cannot read env file: " + reason(err), err: err}
	}
	return data, nil
}

// checkEnvText refuses what would expand without bound.
func checkEnvText(workDir, file string, data []byte, lookup func(string) (string, bool)) error {
	if nests(string(data)) {
		return &Error{File: display(workDir, file), Msg: fmt.Sprintf("variables nest deeper than %d levels", maxDepth),
			Hint: "use fewer defaults in defaults"}
	}
	name, line := envBomb(string(data), lookup)
	if name == "" {
		return nil
	}
	return &Error{File: display(workDir, file), Line: line, Key: name,
		Msg:  fmt.Sprintf("value expands to more than %d bytes", maxEnvValue),
		Hint: "remove the repeated references"}
}

// envReference finds variable references in the value of an env file line.
var envReference = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)`)

// envBomb returns the first variable whose value could grow beyond maxEnvValue, and
// its line. It overestimates: quoting and comments count as if they were expanded.
func envBomb(text string, lookup func(string) (string, bool)) (name string, line int) {
	if strings.Count(text, "$") < 2 {
		return "", 0
	}
	size := map[string]int{}
	current := ""
	for i, l := range strings.Split(text, "\n") {
		key, value, ok := strings.Cut(l, "=")
		if ok && !strings.ContainsAny(strings.TrimSpace(strings.TrimPrefix(key, "export ")), " \t#$\"'") {
			current = strings.TrimSpace(strings.TrimPrefix(key, "export "))
		} else {
			value = l // the text of a quoted value goes on
		}
		n := len(value)
		for _, ref := range envReference.FindAllStringSubmatch(value, -1) {
			if known, ok := lookup(ref[1]); ok {
				n += len(known)
			} else {
				n += size[ref[1]]
			}
		}
		if !ok {
			n += size[current]
		}
		if n > maxEnvValue && n > 2*len(value) {
			return current, i + 1
		}
		size[current] = n
	}
	return "", 0
}

// envFileLine matches where compose-go's parser stopped.
var envFileLine = regexp.MustCompile(`line (\d+): (.*)`)

// envFileError turns an error of the env file parser into one with file and line.
func envFileError(workDir, file string, data []byte, err error) error {
	e := &Error{File: display(workDir, file), err: err}
	var invalid *template.InvalidTemplateError
	var missing *template.MissingRequiredError
	text := err.Error()
	switch m := envFileLine.FindStringSubmatch(text); {
	case errors.As(err, &invalid):
		e.Line = lineOf(data, invalid.Template)
		e.Msg = fmt.Sprintf("invalid interpolation format %q", invalid.Template)
		e.Hint = "write $$ for a dollar sign or put the value in single quotes"
	case errors.As(err, &missing):
		e.Line, e.Key = lineOf(data, missing.Variable), missing.Variable
		e.Msg = missing.Error()
		e.Hint = "set " + missing.Variable
	case m != nil:
		e.Line, _ = strconv.Atoi(m[1])
		e.Msg = oneLine(m[2])
		e.Hint = "write KEY=VALUE"
		if value, ok := strings.CutPrefix(m[2], "unterminated quoted value "); ok {
			if opened := lineOf(data, value); opened > 0 {
				e.Line = opened // the parser stops at the end of the file
			}
			e.Hint = "close the quote"
		}
	default:
		e.Msg = oneLine(strings.TrimPrefix(text, "failed to read "+file+": "))
	}
	return e
}

// lineOf returns the first line of data that holds text, or 0.
func lineOf(data []byte, text string) int {
	i := bytes.Index(data, []byte(text))
	if i < 0 || text == "" {
		return 0
	}
	return bytes.Count(data[:i], []byte("\n")) + 1
}
