package build

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/frontend/subrequests/lint"
	"github.com/moby/buildkit/solver/errdefs"
)

// Finding is a rule that a Dockerfile breaks.
type Finding struct {
	Service string
	Rule    string // such as "FromAsCasing"; empty for an error that would stop the build
	Text    string
	URL     string // where the rule is explained
	Where   string // "Dockerfile:3"
	Excerpt string // the lines; ends with a line break or is empty
}

// Check runs the build checks of BuildKit on the targets' Dockerfiles without
// building anything, in the order of targets. It works with every engine that
// has BuildKit: the checks are part of this program. What the Dockerfiles are
// made of (base images) is looked up by the engine.
func Check(ctx context.Context, dialer Dialer, targets []Target, o Options) ([]Finding, error) {
	o = o.complete()
	jobs, err := newJobs(targets, o)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		j.standAlone()
	}
	var findings []Finding
	check := func(b *builder, ctx context.Context, j *job) error {
		found, err := b.check(ctx, j)
		j.findings = found
		return err
	}
	if err := perform(ctx, dialer, jobs, o, check); err != nil {
		return nil, err
	}
	for _, j := range jobs {
		findings = append(findings, j.findings...)
	}
	return findings, nil
}

// standAlone puts an empty image in place of each that the job is built from and
// that the project builds: it is not there, and nothing waits for it.
func (j *job) standAlone() {
	contexts := maps.Clone(j.target.Build.AdditionalContexts)
	if contexts == nil {
		contexts = types.Mapping{}
	}
	for name, value := range contexts {
		if strings.HasPrefix(value, servicePrefix) {
			contexts[name] = emptyImage
		}
	}
	for _, needed := range j.needs {
		for _, tag := range needed.target.Tags {
			contexts[strings.TrimSuffix(familiar(tag), ":latest")] = emptyImage
		}
	}
	j.needs, j.target.Build.AdditionalContexts = nil, contexts
}

// emptyImage is an image context without anything in it.
const emptyImage = "docker-image://scratch"

// check lints one job's Dockerfile.
func (b *builder) check(ctx context.Context, j *job) ([]Finding, error) {
	r, err := b.prepare(ctx, j)
	if err != nil {
		return nil, err
	}
	var results *lint.LintResults
	examine := func(ctx context.Context, engine gateway.Client) (*gateway.Result, error) {
		ui, source, err := entry(ctx, engine)
		if err != nil {
			return nil, err
		}
		results, err = dockerfile2llb.DockerfileLint(ctx, source.Data, convertOptions(engine, ui, source))
		return gateway.NewResult(), err
	}
	opt := client.SolveOpt{FrontendAttrs: r.attrs, SharedSession: j.group.session, SessionPreInitialized: true}
	feed, shown := b.screen.channel(j)
	_, err = b.client.Build(ctx, opt, "", examine, feed)
	<-shown
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, newError(j, err)
	}
	return findings(j.target.Service, results), nil
}

// findings are BuildKit's lint results.
func findings(service string, results *lint.LintResults) []Finding {
	var list []Finding
	for _, warning := range results.Warnings {
		finding := Finding{Service: service, Rule: warning.RuleName, Text: warning.Detail, URL: warning.URL}
		if place := warning.Location; place != nil && int(place.SourceIndex) < len(results.Sources) {
			finding.Where, finding.Excerpt = excerpt(&errdefs.Source{Info: results.Sources[place.SourceIndex], Ranges: place.Ranges})
		}
		list = append(list, finding)
	}
	if results.Error != nil {
		finding := Finding{Service: service, Text: results.Error.Message}
		place := &results.Error.Location
		if int(place.SourceIndex) < len(results.Sources) {
			finding.Where, finding.Excerpt = excerpt(&errdefs.Source{Info: results.Sources[place.SourceIndex], Ranges: place.Ranges})
		}
		list = append(list, finding)
	}
	return list
}

// excerpt is the place and the lines of a source.
func excerpt(source *errdefs.Source) (where, text string) {
	if source.Info == nil || len(source.Ranges) == 0 {
		return "", ""
	}
	var lines strings.Builder
	if source.Print(&lines) == nil { // a builder takes everything
		text = lines.String()
	}
	return fmt.Sprintf("%s:%d", source.Info.Filename, source.Ranges[0].Start.GetLine()), text
}

// locations are the lines that a parser's error speaks of.
func locations(err error) [][]parser.Range {
	var located *parser.LocationError
	if !errors.As(err, &located) {
		return nil
	}
	return located.Locations
}
