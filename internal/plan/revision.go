package plan

import (
	"strconv"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// nextRevision is the number of the change that this plan makes.
func (u *up) nextRevision() int {
	last := 0
	for _, c := range u.a.Containers {
		last = max(last, desired.RevisionNumber(c.Labels))
	}
	return last + 1
}

// revise gives a new container its revision and what it remembers: those of a
// container of its service that is like it, else a new revision that comes after
// the one of the container it replaces, or of the service's newest.
func (u *up) revise(svc desired.Service, own map[string]string, old *Ref) {
	before, found := u.predecessor(svc, old)
	if !found {
		own[labels.Revision] = strconv.Itoa(u.nextRevision())
		return
	}
	if like, found := u.alike(svc); found {
		own[labels.Revision] = like.Labels[labels.Revision]
		if history := like.Labels[labels.History]; history != "" {
			own[labels.History] = history
		}
		return
	}
	revision, known := desired.RevisionOf(before)
	own[labels.Revision] = strconv.Itoa(u.nextRevision())
	history := desired.HistoryOf(before)
	if known {
		history = append([]desired.Revision{revision}, history...)
	}
	if len(history) == 0 {
		return
	}
	packed, err := desired.EncodeHistory(history)
	if err != nil {
		u.p.warn("service %s: what it was made from before cannot be kept: %v", svc.Name, err)
		return
	}
	own[labels.History] = packed
}

// alike finds the newest container of a service that is as the files say.
func (u *up) alike(svc desired.Service) (engine.Container, bool) {
	var newest engine.Container
	found := false
	for _, c := range u.a.Replicas(svc.Name) {
		r, known := desired.RevisionOf(c)
		if known && r.Number > 0 && isLike(svc, r) && (!found || r.Number > desired.RevisionNumber(newest.Labels)) {
			newest, found = c, true
		}
	}
	return newest, found
}

// predecessor is the container whose revision a new one's follows.
func (u *up) predecessor(svc desired.Service, old *Ref) (engine.Container, bool) {
	var newest engine.Container
	found := false
	for _, c := range u.a.Replicas(svc.Name) {
		if old != nil && c.ID == old.ID {
			return c, true
		}
		if !found || desired.RevisionNumber(c.Labels) > desired.RevisionNumber(newest.Labels) {
			newest, found = c, true
		}
	}
	return newest, found
}

// isLike tells whether a service's containers are made from the same as those of
// a revision.
func isLike(svc desired.Service, r desired.Revision) bool {
	changes, err := r.Spec.Diff(svc.Canonical)
	return err == nil && len(changes) == 0 && (svc.ImageID == "" || svc.ImageID == r.ImageID)
}
