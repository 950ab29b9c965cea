package project

import (
	"bytes"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/joho/godotenv"
)

// listEnvironment prints the environment of interpolation as a valid env file: read
// back by --env-file it gives the same values. Lines are KEY=VALUE as docker compose
// prints them; only a value that would not survive is quoted, and a name that no env
// file can hold becomes a comment.
func listEnvironment(ctx context.Context, s *session, _ ConfigFlags) ([]byte, error) {
	p, err := s.project(ctx)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(p.Environment)) {
		buf.WriteString(envLine(name, p.Environment[name]) + "\n")
	}
	return buf.Bytes(), nil
}

// envName matches the names that an env file can hold. They start with a letter,
// since a name that is a number is dropped by some readers.
var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// envLine writes one variable.
func envLine(name, value string) string {
	if !envName.MatchString(name) {
		return "# " + oneLine(name) + " cannot be written in an env file"
	}
	single := name + "='" + value + "'"
	for _, line := range []string{name + "=" + value, single, name + `="` + doubleQuoted(value) + `"`} {
		if survives(line, name, value) {
			return line
		}
	}
	return single
}

// doubleQuoted escapes what has a meaning between double quotes.
func doubleQuoted(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "$", `\$`).Replace(value)
}

// survives tells whether a line reads back as value, by Compose's parser and by the
// common one.
func survives(line, name, value string) bool {
	const next = "\nNEXT__=1\n" // the line must not swallow what follows
	anything := func(string) (string, bool) { return "", true }
	ours, err := dotenv.ParseWithLookup(strings.NewReader(line+next), anything)
	if err != nil || len(ours) != 2 || ours[name] != value {
		return false
	}
	theirs, err := godotenv.Unmarshal(line + next)
	return err == nil && len(theirs) == 2 && theirs[name] == value
}
