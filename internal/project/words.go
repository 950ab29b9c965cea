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
	is, say, hint string
}

// plainWordings are in order: only the first that matches is used.
func plainWordings() []plainWord {
	return []plainWord{
		{`^strconv\.(?:Atoi|ParseInt|ParseUint): parsing (".*"): invalid syntax.*$`, `$1 is not a whole number`, "write digits only"},
		{`^strconv\.ParseFloat: parsing (".*"): invalid syntax.*$`, `$1 is not a number`, "write a number, as 0.5"},
		{`^strconv\.\w+: parsing (".*"): value out of range.*$`, `$1 is out of range`, "use a smaller number"},
		{`^cannot parse value as '\w+': (-?\S+) overflows \w+$`, `$1 is out of range`, "use a number in range"},
		{`^cannot parse value as '\w+': .*parsing (".*"): .*$`, `$1 is not a number`, "write digits only"},
		{`^cannot parse '?\w+'? as \w+: .*parsing (".*"): .*$`, `$1 is not a number`, "write digits only"},
		{`^time: (?:invalid|unknown unit .*|missing unit) ?(?:in )?duration (".*")$`, `$1 is not a duration`, "write it as 90s or 1m30s"},
		{`^invalid size: '(.*)'$`, `"$1" is not a size`, "write it as 512k, 64m or 2g"},
		{`^invalid boolean:? ?(?:.* )?(".*")$`, `$1 is not a boolean`, "write true or false"},
		{`^invalid boolean: (.*)$`, `"$1" is not a boolean`, "write true or false"},
		{`^expected type 'string', got unconvertible type .*$`, `must be a string`, "put it in quotes"},
		{`^expected type '(?:u?int|float)\d*', got unconvertible type .*$`, `must be a number`, "write digits only"},
		{`^expected type 'bool', got unconvertible type .*$`, `must be a boolean`, "write true or false"},
		{`^(?:unexpected value|invalid) type float\d+ for .*$`, `must be a whole number that is not too large`, "write digits only"},
		{`^invalid type \w+ for .*$`, `must be a number`, "write digits only"},
		{`^.*(?:nexpected (?:value )?type|invalid type|interface conversion|unsupported expose value|source data must be).*$`,
			`value of a wrong kind`, "compare it with the Compose file reference"},
		{`^missing propert(?:y|ies) (.*)$`, `missing key $1`, "add it"},
		{`^invalid suffix: '(.*)'$`, `"$1" is not a unit of size`, "write it as 512k, 64m or 2g"},
	}
}

// plainWords says without Go's words what a library said.
func plainWords(msg, hint string) (newMsg, newHint string) {
	for _, w := range plainWordings() {
		is := regexp.MustCompile(w.is)
		if !is.MatchString(msg) {
			continue
		}
		if hint == "" {
			hint = w.hint
		}
		return is.ReplaceAllString(msg, w.say), hint
	}
	return strings.NewReplacer("must be a array", "must be a list", "must be a integer", "must be an integer",
		"must be a null", "must be empty").Replace(msg), hint
}
