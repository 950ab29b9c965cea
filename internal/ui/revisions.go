package ui

import (
	"strconv"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// RevisionRow is a revision of a service.
type RevisionRow struct {
	Revision int             `json:"revision"`
	Service  string          `json:"service"`
	Current  bool            `json:"current"`
	Made     time.Time       `json:"made"`
	Image    string          `json:"image"`
	ImageID  string          `json:"image_id"`
	Changes  []engine.Change `json:"changes,omitempty"`
}

// revisionView is what formats of `history` see.
type revisionView struct {
	Revision, Service, Made, Image, ImageID, Changes string
	Current                                          bool
}

// Revisions prints revisions; the current ones are marked with a star.
func Revisions(t Terminal, rows []RevisionRow, format string) error {
	if strings.TrimSpace(format) == "json" {
		return JSON(t, rows)
	}
	now := t.now()
	views := make([]revisionView, len(rows))
	for i, r := range rows {
		v := revisionView{
			Revision: strconv.Itoa(r.Revision), Service: r.Service, Made: ago(now, r.Made), Image: r.Image, ImageID: shortID(r.ImageID),
			Changes: changed(r.Changes), Current: r.Current,
		}
		if r.Current {
			v.Revision += " *"
		}
		views[i] = v
	}
	return table{
		headers: headers{
			"Revision": "REVISION", "Service": "SERVICE", "Made": "MADE", "Image": "IMAGE", "ImageID": "IMAGE ID",
			"Changes": "CHANGES", "Current": "CURRENT",
		},
		columns: `{{.Revision}}\t{{.Service}}\t{{.Made}}\t{{.Image}}\t{{.Changes}}`,
		width:   narrowColumns,
	}.write(t.Out, format, listed(views))
}

// changed names changes in one cell, as many as a line of a list bears.
func changed(changes []engine.Change) string {
	const most = 2
	var parts []string
	for i, c := range changes {
		if i == most {
			parts = append(parts, strconv.Itoa(len(changes)-most)+" more")
			break
		}
		switch {
		case c.Secret:
			parts = append(parts, c.Path)
		default:
			parts = append(parts, c.Path+" = "+orNone(c.Old)+" -> "+orNone(c.New))
		}
	}
	return strings.Join(parts, ", ")
}
