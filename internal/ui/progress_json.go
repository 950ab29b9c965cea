package ui

import (
	"encoding/json"
	"io"

	"github.com/berth-dev/berth/pkg/event"
)

// jsonProgress writes every event as an object on a line of its own, in the
// form docs/progress-events.md describes.
type jsonProgress struct {
	encoder *json.Encoder
}

func newJSONProgress(w io.Writer) *jsonProgress {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return &jsonProgress{encoder: encoder}
}

func (j *jsonProgress) show(e event.Event) error { return j.encoder.Encode(e) }

func (j *jsonProgress) close() error { return nil }
