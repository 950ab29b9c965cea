package app

import (
	"context"
	"slices"
	"sort"
	"time"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// HistoryRequest asks for the revisions of services.
type HistoryRequest struct {
	Project  ProjectOptions
	Services []string
}

// HistoryRow is a revision of one service.
type HistoryRow struct {
	Revision int             `json:"revision"`
	Service  string          `json:"service"`
	Current  bool            `json:"current"`
	Made     time.Time       `json:"made"`
	Image    string          `json:"image"`
	ImageID  string          `json:"image_id"`
	Changes  []engine.Change `json:"changes,omitempty"` // against the service's revision before
}

// History lists the revisions that the containers of services remember, newest
// first. Containers that another tool has made remember none.
func (a *App) History(ctx context.Context, r HistoryRequest) ([]HistoryRow, error) {
	found, err := a.find(ctx, r.Project, actual.Query{})
	if err != nil {
		return nil, err
	}
	if err := found.check(r.Services); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, c := range found.state.Containers {
		names[c.Labels[labels.Service]] = true
	}
	rows := []HistoryRow{}
	for name := range names {
		if len(r.Services) == 0 || contains(r.Services, name) {
			rows = append(rows, revisions(name, found.state.Replicas(name))...)
		}
	}
	sort.Slice(rows, func(i, j int) bool {
		if rows[i].Revision != rows[j].Revision {
			return rows[i].Revision > rows[j].Revision
		}
		return rows[i].Service < rows[j].Service
	})
	if len(rows) == 0 {
		a.notice("no container remembers a revision: those that another tool has made do not")
	}
	return rows, nil
}

// revisions are those of one service: of its containers, and the ones before.
func revisions(service string, containers []engine.Container) []HistoryRow {
	known := map[int]desired.Revision{}
	current := map[int]bool{}
	for _, c := range containers {
		if r, ok := desired.RevisionOf(c); ok && r.Number > 0 {
			known[r.Number], current[r.Number] = r, true
		}
		for _, r := range desired.HistoryOf(c) {
			if _, ok := known[r.Number]; !ok {
				known[r.Number] = r
			}
		}
	}
	numbers := make([]int, 0, len(known))
	for n := range known {
		numbers = append(numbers, n)
	}
	sort.Ints(numbers)
	var rows []HistoryRow
	for i, n := range numbers {
		r := known[n]
		row := HistoryRow{Revision: n, Service: service, Current: current[n], Made: r.Made, Image: r.Reference(), ImageID: r.ImageID}
		if i > 0 {
			row.Changes = changesSince(known[numbers[i-1]], r)
		}
		rows = append(rows, row)
	}
	return rows
}

// changesSince are the fields in which a revision differs from the one before it,
// and its image where only that is another.
func changesSince(before, r desired.Revision) []engine.Change {
	changes, err := before.Spec.Diff(r.Spec)
	if err != nil {
		return nil
	}
	named := slices.ContainsFunc(changes, func(c engine.Change) bool { return c.Path == "image" })
	if !named && before.ImageID != r.ImageID {
		changes = append(changes, engine.Change{Path: "image", Old: shortID(before.ImageID), New: shortID(r.ImageID)})
	}
	for i := range changes {
		if changes[i].Secret {
			changes[i].Old, changes[i].New = "", ""
		}
	}
	return changes
}
