// Command report reads the stream of `go test -json` and prints what a person
// wants to know: a line per package, the output of failed tests only, and at
// the end every skipped test with its reason and the slowest tests. It exits 1
// if anything failed.
//
//	go test -json ./... | report
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// slowest is how many slow tests the end names, and slow what they take at
// least, in seconds.
const (
	slowest = 5
	slow    = 10
)

func main() {
	failed, err := report(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
	}
	if failed || err != nil {
		os.Exit(1)
	}
}

// line is one document of test2json (cmd/test2json); a compiler's output has
// an ImportPath and no Package.
type line struct {
	Action, Package, ImportPath, Test, Output, FailedBuild string
	// Elapsed is in seconds.
	Elapsed float64
}

// key is what output belongs to; Test is "" for the package itself.
type key struct{ Package, Test string }

// ended is a test that was skipped or took long.
type ended struct {
	key
	reason  string
	seconds float64
}

// summary is what has been seen so far.
type summary struct {
	out     io.Writer
	output  map[key]*strings.Builder
	builds  map[string]*strings.Builder
	skipped []ended
	slow    []ended
	passed  int
	failed  int
	// broken counts packages that failed; one may do so without a failed test.
	broken int
}

// report reads the stream to its end. Lines that are no JSON are passed on:
// go prints some errors so.
func report(in io.Reader, out io.Writer) (failed bool, err error) {
	seen := &summary{out: out, output: map[key]*strings.Builder{}, builds: map[string]*strings.Builder{}}
	reader := bufio.NewReader(in)
	for {
		text, err := reader.ReadBytes('\n')
		if len(text) > 0 {
			var read line
			if json.Unmarshal(text, &read) != nil {
				fmt.Fprint(out, string(text))
			} else {
				seen.add(read)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return true, err
		}
	}
	seen.conclude()
	return seen.failed > 0 || seen.broken > 0, nil
}

// add takes one document in.
func (s *summary) add(read line) {
	at := key{read.Package, read.Test}
	switch read.Action {
	case "output":
		if strings.HasPrefix(read.Output, "=== ") {
			return // RUN, PAUSE, CONT: the result says enough
		}
		keep(s.output, at, read.Output)
	case "build-output":
		keep(s.builds, read.ImportPath, read.Output)
	case "pass", "skip", "fail":
		if read.Test == "" {
			s.endPackage(at, read)
		} else {
			s.endTest(at, read)
		}
	}
}

// keep adds text to what is kept under the key.
func keep[K comparable](texts map[K]*strings.Builder, at K, text string) {
	if texts[at] == nil {
		texts[at] = &strings.Builder{}
	}
	texts[at].WriteString(text)
}

// endTest counts a test and prints the output of one that failed.
func (s *summary) endTest(at key, read line) {
	switch read.Action {
	case "pass":
		s.passed++
	case "fail":
		s.failed++
		fmt.Fprint(s.out, s.text(at))
	case "skip":
		s.skipped = append(s.skipped, ended{at, reason(s.text(at)), read.Elapsed})
	}
	if read.Elapsed >= slow && !strings.Contains(read.Test, "/") {
		s.slow = append(s.slow, ended{at, "", read.Elapsed})
	}
	delete(s.output, at)
}

// endPackage prints the package's line. Output of tests that never ended (a
// panic, a time limit) is printed as well.
func (s *summary) endPackage(at key, read line) {
	switch read.Action {
	case "skip":
		fmt.Fprintf(s.out, "      %s has no tests\n", at.Package)
	case "pass":
		fmt.Fprintf(s.out, "ok    %s %.1fs\n", at.Package, read.Elapsed)
	case "fail":
		s.broken++
		if build := s.builds[read.FailedBuild]; build != nil {
			fmt.Fprint(s.out, build.String())
		}
		for other := range s.output {
			if other.Package == at.Package {
				fmt.Fprint(s.out, s.text(other))
			}
		}
		fmt.Fprintf(s.out, "FAIL  %s %.1fs\n", at.Package, read.Elapsed)
	}
	for other := range s.output {
		if other.Package == at.Package {
			delete(s.output, other)
		}
	}
}

// text is the output kept under the key.
func (s *summary) text(at key) string {
	if s.output[at] == nil {
		return ""
	}
	return s.output[at].String()
}

// conclude prints the skipped and the slow tests and the count.
func (s *summary) conclude() {
	for _, test := range s.skipped {
		fmt.Fprintf(s.out, "skip  %s %s: %s\n", test.Package, test.Test, test.reason)
	}
	slices.SortFunc(s.slow, func(a, b ended) int { return int(b.seconds - a.seconds) })
	for _, test := range s.slow[:min(slowest, len(s.slow))] {
		fmt.Fprintf(s.out, "slow  %s %s: %.0fs\n", test.Package, test.Test, test.seconds)
	}
	fmt.Fprintf(s.out, "%d tests passed, %d failed, %d skipped\n", s.passed, s.failed, len(s.skipped))
}

// reason is the sentence of t.Skip in a test's output: the line behind its
// "file.go:12: ".
func reason(output string) string {
	for text := range strings.Lines(output) {
		if _, sentence, ok := strings.Cut(text, ".go:"); ok {
			if _, sentence, ok := strings.Cut(sentence, ": "); ok {
				return strings.TrimSpace(sentence)
			}
		}
	}
	return "no reason given"
}
