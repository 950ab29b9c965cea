package app

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/execute"
	"github.com/berth-dev/berth/pkg/labels"
)

// ForeignError says that the containers which bear a project's name were made
// from another directory's files.
type ForeignError struct {
	Project string
	Ours    string // this project's directory
	Theirs  string
	Count   int
}

// Error names both directories.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("project name %q is taken: %d of its containers were made from %s, not from %s",
		e.Project, e.Count, e.Theirs, e.Ours)
}

// Hint says how to go on.
func (e *ForeignError) Hint() string {
	return "give this project another name with -p or name:, or pass --take-over if it has only moved"
}

// refuseForeign refuses to touch containers of a same-named project that lives
// in another directory, unless told to take it over. Where that directory is
// gone the project has moved: it is taken over with a warning.
func (a *App) refuseForeign(s *actual.State, workingDir string, takeOver bool) error {
	if takeOver {
		return nil
	}
	e := &ForeignError{Project: s.Project, Ours: workingDir}
	moved := ""
	for _, c := range s.Containers {
		dir := c.Labels[labels.WorkingDir]
		switch {
		case dir == "" || samePath(dir, workingDir):
		case !exists(dir):
			moved = dir
		default:
			e.Theirs = dir
			e.Count++
		}
	}
	if e.Count > 0 {
		return e
	}
	if moved != "" {
		a.warn(fmt.Sprintf("project %q was made from %s, which is gone: taking it over from %s", s.Project, moved, workingDir))
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// samePath compares two directories, links resolved where they still exist.
func samePath(a, b string) bool {
	return real(a) == real(b)
}

func real(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return filepath.Clean(path)
}

// refuseForeignExisting is for verbs on existing containers; by labels alone there is
// no directory to compare with.
func (a *App) refuseForeignExisting(f *existing, takeOver bool) error {
	if f.loaded == nil {
		return nil
	}
	return a.refuseForeign(f.state, f.loaded.Project.WorkingDir, takeOver)
}

// WaitError is a condition that was not met.
type WaitError = execute.WaitError
