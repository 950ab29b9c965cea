package enginetest

import (
	"context"

	"github.com/berth-dev/berth/internal/engine"
)

// Gaps lists what the engine cannot honour, which is what SetGaps says.
func (e *Engine) Gaps(_ context.Context, spec engine.ContainerSpec) ([]engine.Gap, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.gaps[spec.Service.Name], nil
}

// SetGaps makes the engine one that lacks something a service asks for.
func (e *Engine) SetGaps(service string, gaps ...engine.Gap) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gaps == nil {
		e.gaps = map[string][]engine.Gap{}
	}
	e.gaps[service] = gaps
}
