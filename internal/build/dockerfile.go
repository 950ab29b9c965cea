package build

import (
	"bufio"
	"bytes"
	"strings"

	"github.com/distribution/reference"
)

// baseImages lists the images a Dockerfile names in FROM, COPY --from and
// RUN --mount=from. It is a guess: names of stages are among them, and names
// made of variables are not resolved.
func baseImages(dockerfile []byte) []string {
	var refs []string
	lines := bufio.NewScanner(bytes.NewReader(dockerfile))
	lines.Buffer(nil, maxDockerfile)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 2 {
			continue
		}
		switch strings.ToUpper(words[0]) {
		case "FROM":
			refs = append(refs, firstArgument(words[1:]))
		case "COPY", "ADD", "RUN":
			refs = append(refs, fromFlags(words[1:])...)
		}
	}
	return refs
}

// firstArgument is the first word that is no flag.
func firstArgument(words []string) string {
	for _, word := range words {
		if !strings.HasPrefix(word, "--") {
			return word
		}
	}
	return ""
}

// fromFlags are the images in the flags that lead words.
func fromFlags(words []string) []string {
	var refs []string
	for _, word := range words {
		if !strings.HasPrefix(word, "--") {
			break
		}
		flag, value, _ := strings.Cut(word, "=")
		switch flag {
		case "--from":
			refs = append(refs, value)
		case "--mount":
			for option := range strings.SplitSeq(value, ",") {
				if ref, ok := strings.CutPrefix(option, "from="); ok {
					refs = append(refs, ref)
				}
			}
		}
	}
	return refs
}

// hasOwnFrontend tells whether a Dockerfile chooses its frontend with a
// `# syntax=` line.
func hasOwnFrontend(dockerfile []byte) bool {
	for line := range bytes.Lines(bytes.TrimPrefix(dockerfile, []byte("\xef\xbb\xbf"))) {
		text, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "#")
		if !ok {
			return false
		}
		key, _, ok := strings.Cut(text, "=")
		if !ok {
			return false // directives end at the first comment that is none
		}
		if strings.EqualFold(strings.TrimSpace(key), "syntax") {
			return true
		}
	}
	return false
}

// familiar is an image name in one spelling, so that two can be compared:
// "docker.io/library/web:latest" is "web:latest". A name that is none comes back
// empty.
func familiar(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return ""
	}
	return reference.FamiliarString(reference.TagNameOnly(named))
}
