package plan

import (
	"slices"
	"sort"
	"strconv"
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

// retired takes the containers out of the leftovers that an update has kept and
// that the ones in their place, which stay, have not been found good to follow.
func (set *replicaSet) retired(checked bool) []engine.Container {
	stays := map[int]bool{}
	for _, r := range set.keep {
		stays[r.n] = !r.verdict.recreate
	}
	var kept []engine.Container
	set.leftovers = slices.DeleteFunc(set.leftovers, func(c engine.Container) bool {
		keep := checked && isRetired(c) && stays[labels.ReplicaNumber(c.Labels)]
		if keep {
			kept = append(kept, c)
		}
		return keep
	})
	return kept
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

// renameCause says why a container that stays gets its final name; empty if it
// keeps the one it has. Names in docker compose's forms are such: an older one
// writes _ where this one writes -.
func (u *up) renameCause(svc desired.Service, r replica, final string) string {
	switch {
	case r.c.Name == final:
		return ""
	case needsHealing(r.c, final):
		return "an interrupted replacement left it as " + r.c.Name
	case isComposeName(r.c.Name, u.d.Project, svc.Name, r.n) || u.judgeSpec(svc, r.c).recreate:
		return "" // with the latter, --no-recreate keeps what the files no longer ask for
	}
	for _, other := range u.a.Containers {
		if other.Name == final && u.removalOf(other) == "" {
			u.p.warn("container %s of service %s was renamed, and %s has its name %s now: it keeps the new one",
				r.c.Name, svc.Name, short(other.ID), final)
			return ""
		}
	}
	return "it was renamed to " + r.c.Name
}

// isComposeName tells whether a name is project, service and number, joined by
// either separator, with or without the random suffix of docker compose 1.23.
func isComposeName(name, project, service string, n int) bool {
	for _, sep := range []string{"-", "_"} {
		rest, ok := strings.CutPrefix(name, strings.Join([]string{project, service, strconv.Itoa(n)}, sep))
		if suffix, cut := strings.CutPrefix(rest, sep); ok && (rest == "" || cut && len(suffix) == 12 && isHex(suffix)) {
			return true
		}
	}
	return false
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
