package desired

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// maxRevisions is how many earlier revisions a container remembers.
const maxRevisions = 10

// Revision is what the containers of a service were made from by one change of
// its project.
type Revision struct {
	Number  int       `json:"n"`
	Made    time.Time `json:"made"`
	Image   string    `json:"image"` // the reference
	ImageID string    `json:"id"`    // the image's identity
	Spec    Canonical `json:"spec"`
}

// RevisionOf is the revision that a container is of; false where another tool has
// made it.
func RevisionOf(c engine.Container) (Revision, bool) {
	spec, err := DecodeCanonical(c.Labels[labels.Spec])
	if c.Labels[labels.Spec] == "" || err != nil {
		return Revision{}, false
	}
	r := Revision{Number: RevisionNumber(c.Labels), Made: c.Created.UTC().Truncate(time.Second), Image: c.Image, ImageID: c.Labels[labels.Image], Spec: spec}
	if r.ImageID == "" {
		r.ImageID = c.ImageID
	}
	return r, true
}

// Reference is the image that the files named then, or that was built.
func (r Revision) Reference() string {
	var named struct {
		Image string `json:"image"`
	}
	if json.Unmarshal(r.Spec.Service, &named) == nil && named.Image != "" {
		return named.Image
	}
	return r.Image
}

// RevisionNumber is the number among a container's labels; 0 without one.
func RevisionNumber(l map[string]string) int {
	n, err := strconv.Atoi(l[labels.Revision])
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// HistoryOf are the revisions that a container remembers, newest first. A label
// that cannot be read is one without any.
func HistoryOf(c engine.Container) []Revision {
	var list []Revision
	if c.Labels[labels.History] == "" || unpack(c.Labels[labels.History], &list) != nil {
		return nil
	}
	return list
}

// EncodeHistory packs revisions, newest first, for a label. Those beyond the last
// that is remembered are left out.
func EncodeHistory(list []Revision) (string, error) {
	return pack(list[:min(len(list), maxRevisions)])
}
