package main

import (
	"strings"
	"testing"
)

const stream = `{"Action":"output","Package":"p","Test":"TestGood","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestGood","Elapsed":12}
{"Action":"output","Package":"p","Test":"TestBad","Output":"    a_test.go:3: broken\n"}
{"Action":"fail","Package":"p","Test":"TestBad","Elapsed":0.1}
{"Action":"output","Package":"p","Test":"TestLater","Output":"    a_test.go:9: needs an engine: none answers\n"}
{"Action":"skip","Package":"p","Test":"TestLater"}
{"Action":"output","Package":"p","Test":"TestHung","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"p","Elapsed":1}
`

func TestTheReportShowsFailuresSkipsAndNothingElse(t *testing.T) {
	var out strings.Builder
	failed, err := report(strings.NewReader(stream), &out)
	if err != nil || !failed {
		t.Errorf("report = %t, %v; want a failure", failed, err)
	}
	for _, want := range []string{
		"a_test.go:3: broken", "panic: test timed out", "FAIL  p 1.0s",
		"skip  p TestLater: needs an engine: none answers", "slow  p TestGood: 12s", "1 tests passed, 1 failed, 1 skipped",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "quiet") {
		t.Errorf("the output of a passed test is shown:\n%s", out.String())
	}
}

func TestAPackageThatDoesNotBuildFailsWithTheCompilersWords(t *testing.T) {
	const broken = `{"ImportPath":"p [p.test]","Action":"build-output","Output":"p/a.go:1: undefined: x\n"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}
`
	var out strings.Builder
	failed, err := report(strings.NewReader(broken), &out)
	if err != nil || !failed || !strings.Contains(out.String(), "undefined: x") {
		t.Errorf("report = %t, %v:\n%s", failed, err, out.String())
	}
}

func TestALineThatIsNoJSONIsPassedOn(t *testing.T) {
	var out strings.Builder
	failed, err := report(strings.NewReader("go: no such package\n"), &out)
	if err != nil || failed || !strings.HasPrefix(out.String(), "go: no such package\n") {
		t.Errorf("report = %t, %v: %q", failed, err, out.String())
	}
}
