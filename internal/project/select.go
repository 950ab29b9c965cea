package project

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
)

// selected narrows the project to the chosen services and drops what none uses.
func (s *session) selected(p *types.Project) (*types.Project, error) {
	names := s.opts.Services
	if err := known(p.AllServices(), names); err != nil {
		return nil, err
	}
	p, err := p.WithServicesEnabled(names...)
	if err != nil {
		return nil, s.explain(err)
	}
	var policy []types.DependencyOption
	if s.opts.NoDeps {
		policy = append(policy, types.IgnoreDependencies)
	}
	p, err = p.WithSelectedServices(names, policy...)
	if err != nil {
		return nil, s.explain(err)
	}
	if !s.opts.AllResources {
		p = p.WithoutUnnecessaryResources()
	}
	return s.resolved(p)
}

// resolved reads the env_file and label_file of the services of p. After selection these
// are those that are left: for all verbs but `config` a missing file of a service nobody
// asked for is no error.
func (s *session) resolved(p *types.Project) (*types.Project, error) {
	if err := s.checkFiles(p); err != nil {
		return nil, err
	}
	err := s.guarded(func() (err error) {
		if !s.skipEnv {
			if p, err = p.WithServicesEnvironmentResolved(true); err != nil {
				return err
			}
		}
		p, err = p.WithServicesLabelsResolved(false)
		return err
	})
	return p, err
}

// known fails for a name that is none of the services. A name may be a pattern with *
// and ?, as in docker compose.
func known(services types.Services, names []string) error {
	all := slices.Collect(maps.Keys(services))
	for _, name := range names {
		matches := func(service string) bool {
			ok, err := filepath.Match(name, service)
			return service == name || err == nil && ok
		}
		if !slices.ContainsFunc(all, matches) {
			return NoSuchService(name, all)
		}
	}
	return nil
}

// NoSuchService is the error for a service name that is not among those there are,
// with the closest of them as a suggestion.
func NoSuchService(name string, there []string) error {
	e := &Error{Msg: "no such service: " + name}
	if near := closest(name, there); near != "" {
		e.Hint = fmt.Sprintf("did you mean %s?", near)
	}
	return e
}

// closest returns the candidate with the fewest edits to word, or "" when none is
// similar enough to be meant.
func closest(word string, candidates []string) string {
	best, bestDistance := "", len(word)/3+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := distance(word, c); d > 0 && d <= bestDistance && (best == "" || d < bestDistance) {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the number of single-character edits between a and b, two swapped
// neighbours being one edit (optimal string alignment); long texts count as far
// apart.
func distance(a, b string) int {
	const long = 64
	if len(a) > long || len(b) > long {
		return long
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
