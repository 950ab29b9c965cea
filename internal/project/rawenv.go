package project

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// rawFormat is the env_file format that takes values as they are written: no quotes,
// no variables, no inline comments.
const rawFormat = "raw"

// parseRaw reads an env file of the raw format. A name without = is looked up.
func parseRaw(r io.Reader, file string, vars map[string]string, lookup func(string) (string, bool)) error {
	const blank = " \t"
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, maxEnvFile+1)
	for n := 1; scanner.Scan(); n++ {
		text := scanner.Text()
		if n == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		text = strings.TrimLeft(text, blank)
		if text == "" || text[0] == '#' {
			continue
		}
		key, value, hasValue := strings.Cut(text, "=")
		switch {
		case key == "":
			return fmt.Errorf("failed to read %s: line %d: no variable name before =", file, n)
		case strings.ContainsAny(key, blank):
			return fmt.Errorf("failed to read %s: line %d: variable %q contains whitespace", file, n, key)
		case hasValue:
			vars[key] = value
		default:
			if v, ok := lookup(key); ok {
				vars[key] = v
			}
		}
	}
	return scanner.Err()
}
