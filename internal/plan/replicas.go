package plan

import (
	"sort"
	"strings"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// replicaSet is how a service's containers are to be used.
type replicaSet struct {
	keep      []replica
	surplus   []engine.Container
	leftovers []engine.Container
	missing   []int
}

// replica is a container that stays as number n, with what is wrong with it.
type replica struct {
	c       engine.Container
	n       int
	verdict verdict
}

func (u *up) anyStarts(set replicaSet) bool {
	if len(set.missing) > 0 {
		return true
	}
	for _, r := range set.keep {
		if r.verdict.recreate || !r.c.IsRunning() {
			return true
		}
	}
	return false
}

// assign decides which containers stay: one per number, current ones before
// obsolete ones and low numbers before high ones; missing numbers are filled
// from the lowest.
func (u *up) assign(svc desired.Service) replicaSet {
	var set replicaSet
	byNumber := map[int]engine.Container{}
	for _, c := range u.a.Replicas(svc.Name) {
		n := labels.ReplicaNumber(c.Labels)
		other, taken := byNumber[n]
		switch {
		case !taken:
			byNumber[n] = c
		case u.better(svc, n, c, other):
			byNumber[n] = c
			set.leftovers = append(set.leftovers, other)
		default:
			set.leftovers = append(set.leftovers, c)
		}
	}
	var all []replica
	for n, c := range byNumber {
		all = append(all, replica{c: c, n: n, verdict: u.judge(svc, n, c)})
	}
	sort.Slice(all, func(i, j int) bool {
		if x, y := all[i].verdict.recreate, all[j].verdict.recreate; x != y {
			return y
		}
		return all[i].n < all[j].n
	})
	for i, r := range all {
		if i < svc.Scale && r.n > 0 {
			set.keep = append(set.keep, r)
			continue
		}
		set.surplus = append(set.surplus, r.c)
		delete(byNumber, r.n)
	}
	sort.Slice(set.keep, func(i, j int) bool { return set.keep[i].n < set.keep[j].n })
	for n := 1; len(set.keep)+len(set.missing) < svc.Scale; n++ {
		if _, ok := byNumber[n]; !ok {
			set.missing = append(set.missing, n)
		}
	}
	return set
}

// better tells which of two containers with the same number is the real one:
// the one that bears the final name; else the one that runs; else the newer one.
func (u *up) better(svc desired.Service, n int, c, other engine.Container) bool {
	final := svc.ContainerName(u.d.Project, n)
	if (c.Name == final) != (other.Name == final) {
		return c.Name == final
	}
	if c.IsRunning() != other.IsRunning() {
		return c.IsRunning()
	}
	return c.Created.After(other.Created)
}

// needsHealing tells whether a container bears the temporary name that an
// interrupted replacement left.
func needsHealing(c engine.Container, final string) bool {
	if c.Name == final {
		return false
	}
	prefix, rest, ok := strings.Cut(c.Name, "_")
	return ok && rest == final && len(prefix) == 12 && isHex(prefix)
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}
