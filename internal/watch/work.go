package watch

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sort"

	"github.com/compose-spec/compose-go/v2/types"
)

// work is what there is to do for one service.
type work struct {
	changed map[string]bool // paths, files only
	files   map[string]File // by target
	hooks   []*rule         // whose commands are to be run, each once
	rebuild bool
	restart bool
	initial bool // all files of the rules with initial_sync as well
}

func newWork() *work {
	return &work{changed: map[string]bool{}, files: map[string]File{}}
}

// empty tells whether there is nothing to do.
func (k *work) empty() bool {
	return len(k.files) == 0 && !k.rebuild && !k.restart && !k.initial
}

// add adds what a rule makes of changes.
func (k *work) add(r *rule, batch []change) {
	relevant := false
	for _, c := range batch {
		if r.accepts(c.path) && (c.before == isFile || c.now == isFile) {
			k.changed[c.path] = true
			relevant = true
		}
	}
	if r.copies() {
		for _, f := range r.files(batch) {
			k.put(f)
		}
	}
	if !relevant {
		return // folders alone change nothing for a running program
	}
	k.rebuild = k.rebuild || r.action == types.WatchActionRebuild
	k.restart = k.restart || r.restarts()
	if r.action == types.WatchActionSyncExec {
		k.addHook(r)
	}
}

func (k *work) addHook(r *rule) {
	for _, other := range k.hooks {
		if other == r {
			return
		}
	}
	k.hooks = append(k.hooks, r)
}

// put adds one file; what was to be done before with the same target and has not
// been done is replaced.
func (k *work) put(f File) {
	if old, ok := k.files[f.Target]; ok && !f.Gone {
		f.Replace = f.Replace || old.Gone || old.Replace
	}
	k.files[f.Target] = f
}

// merge adds other work that came later.
func (k *work) merge(other *work) {
	for name := range other.changed {
		k.changed[name] = true
	}
	for _, f := range other.files {
		k.put(f)
	}
	for _, r := range other.hooks {
		k.addHook(r)
	}
	k.rebuild = k.rebuild || other.rebuild
	k.restart = k.restart || other.restart
	k.initial = k.initial || other.initial
}

// list gives the files, folders before what is in them.
func (k *work) list() []File {
	out := make([]File, 0, len(k.files))
	for _, f := range k.files {
		out = append(out, f)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Target < out[j].Target })
	return out
}

// scan gives everything the rule accepts, as if it had just appeared.
func (r *rule) scan() ([]change, error) {
	var out []change
	err := filepath.WalkDir(r.path, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			return nil // it has gone meanwhile; watching has told of what cannot be read
		case err != nil:
			return err
		case entry.IsDir() && r.prunes(name):
			return filepath.SkipDir
		}
		now := isFile
		if entry.IsDir() {
			now = isFolder
		}
		if r.accepts(name) {
			out = append(out, change{path: name, now: now})
		}
		return nil
	})
	return out, err
}
