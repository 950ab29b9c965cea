package project

import (
	"regexp"
	"strings"
)

// aboutKinds matches what is said of a value of the wrong kind, by the schema or by code
// that did not expect it.
var aboutKinds = regexp.MustCompile(`\bmust be an? |unconvertible type|nexpected (value )?type|invalid type|` +
	`unsupported expose value|interface conversion|source data must be|expected a map|missing propert`)

// plainWord is a text of libraries that speaks of Go, and what users read instead; hint
// is used where there is none yet.
type plainWord struct {
	is        *regexp.Regexp
	say, hint string
}

// plainWordings are in order: only the first that matches is used.
//
//nolint:gochecknoglobals // a constant in all but syntax
var plainWordings = []plainWord{
	{regexp.MustCompile(`^strconv\.(?:Atoi|ParseInt|ParseUint): parsing (".*"): invalid syntax.*$`), `$1 is not a whole number`, "write digits only"},
	{regexp.MustCompile(`^strconv\.ParseFloat: parsing (".*"): invalid syntax.*$`), `$1 is not a number`, "write a number, as 0.5"},
	{regexp.MustCompile(`^strconv\.\w+: parsing (".*"): value out of range.*$`), `$1 is out of range`, "use a smaller number"},
	{regexp.MustCompile(`^cannot parse value as '\w+': (-?\S+) overflows \w+$`), `$1 is out of range`, "use a number in range"},
	{regexp.MustCompile(`^cannot parse value as '\w+': .*parsing (".*"): .*$`), `$1 is not a number`, "write digits only"},
	{regexp.MustCompile(`^cannot parse '?\w+'? as \w+: .*parsing (".*"): .*$`), `$1 is not a number`, "write digits only"},
	{regexp.MustCompile(`^time: (?:invalid|unknown unit .*|missing unit) ?(?:in )?duration (".*")$`), `$1 is not a duration`, "write it as 90s or 1m30s"},
	{regexp.MustCompile(`^invalid size: '(.*)'$`), `"$1" is not a size`, "write it as 512k, 64m or 2g"},
	{regexp.MustCompile(`^invalid boolean:? ?(?:.* )?(".*")$`), `$1 is not a boolean`, "write true or false"},
	{regexp.MustCompile(`^invalid boolean: (.*)$`), `"$1" is not a boolean`, "write true or false"},
	{regexp.MustCompile(`^expected type 'string', got unconvertible type .*$`), `must be a string`, "put it in quotes"},
	{regexp.MustCompile(`^expected type '(?:u?int|float)\d*', got unconvertible type .*$`), `must be a number`, "write digits only"},
	{regexp.MustCompile(`^expected type 'bool', got unconvertible type .*$`), `must be a boolean`, "write true or false"},
	{regexp.MustCompile(`^(?:unexpected value|invalid) type float\d+ for .*$`), `must be a whole number that is not too large`, "write digits only"},
	{regexp.MustCompile(`^invalid type \w+ for .*$`), `must be a number`, "write digits only"},
	{regexp.MustCompile(`^.*(?:nexpected (?:value )?type|invalid type|interface conversion|unsupported expose value|source data must be).*$`),
		`value of a wrong kind`, "compare it with the Compose file reference"},
	{regexp.MustCompile(`^missing propert(?:y|ies) (.*)$`), `missing key $1`, "add it"},
}

// plainWords says without Go's words what a library said.
func plainWords(msg, hint string) (newMsg, newHint string) {
	for _, w := range plainWordings {
		if !w.is.MatchString(msg) {
			continue
		}
		if hint == "" {
			hint = w.hint
		}
		return w.is.ReplaceAllString(msg, w.say), hint
	}
	return strings.NewReplacer("must be a array", "must be a list", "must be a integer", "must be an integer",
		"must be a null", "must be empty").Replace(msg), hint
}
