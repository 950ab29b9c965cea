package project

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// yamlPlace matches how releases of the YAML library write a position.
var yamlPlace = regexp.MustCompile(
	`(?:at )?(?:L(\d+)\.C\d+(?:-L\d+\.C\d+)?|line (\d+)(?:, column \d+)?|(<unknown position>)): `)

// yamlNoise matches the library's words around the reason.
var yamlNoise = regexp.MustCompile(`^(yaml: )?(construct errors: *)?(go-yaml )?(load error in \w+ )?(\(.*?\) )?`)

// yamlError turns an error of the YAML library into one with file and line.
func yamlError(shown string, err error) error {
	text := oneLine(err.Error())
	e := &Error{File: shown, Hint: "check indentation, colons and quotes there", err: err}
	places := yamlPlace.FindAllStringSubmatchIndex(text, -1)
	if len(places) > 0 {
		at := places[len(places)-1]
		text = text[at[1]:]
		if strings.Contains(text, "unexpected end of stream") {
			at = places[0] // where the quote was opened
		}
		e.Line = yamlLine(err, oneLine(err.Error()), at)
	}
	text = yamlNoise.ReplaceAllString(text, "")
	e.Msg = "not valid YAML: " + strings.TrimSpace(text)
	return e
}

// yamlLine reads the line of a match of yamlPlace. The parser of some releases counts
// lines from 0, and calls the first unknown; the scanner counts from 1.
func yamlLine(err error, text string, at []int) int {
	first := 0
	if fmt.Sprintf("%T", err) == "libyaml.ParserError" {
		first = 1
	}
	for group := 1; group <= 2; group++ {
		if at[2*group] < 0 {
			continue
		}
		n, convErr := strconv.Atoi(text[at[2*group]:at[2*group+1]])
		if convErr != nil {
			return 0
		}
		if group == 2 {
			n += first
		}
		return n
	}
	return 1
}
