package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// tree watches folders with everything below them. It keeps what it has seen, so
// that it knows what a folder that has gone held, and what was missed when the
// system drops events.
type tree struct {
	fs    *fsnotify.Watcher
	roots []string
	// accepts and prunes tell which files, and which folders, matter to nobody.
	accepts, prunes func(string) bool
	warn            func(string)

	folders map[string]*folder
	// touched are the paths of the batch, with what they were before it.
	touched map[string]kind
	// stirred says that something was touched since it was last cleared.
	stirred bool
}

// folder is what a folder held when it was last looked at.
type folder struct {
	entered bool // all of it is watched, not only single names
	names   map[string]stamp
}

// stamp is enough of a file's state to see that it has changed.
type stamp struct {
	mode  fs.FileMode
	size  int64
	mtime time.Time
}

func stampOf(info fs.FileInfo) stamp {
	return stamp{info.Mode(), info.Size(), info.ModTime()}
}

func (s stamp) kind() kind {
	if s.mode.IsDir() {
		return isFolder
	}
	return isFile
}

// newTree watches the roots; from its return on no change is missed. A root that
// does not exist is awaited.
func newTree(roots []string, accepts, prunes func(string) bool, warn func(string)) (*tree, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	t := &tree{
		fs: watcher, roots: roots, accepts: accepts, prunes: prunes, warn: warn,
		folders: map[string]*folder{}, touched: map[string]kind{},
	}
	if err := t.attach(); err != nil {
		return nil, errors.Join(err, watcher.Close())
	}
	t.touched, t.stirred = map[string]kind{}, false // what is there from the beginning is no change
	return t, nil
}

// attach watches the roots that exist and are not watched, and for each root the
// nearest folder above it that exists: there it appears again.
func (t *tree) attach() error {
	for _, root := range t.roots {
		if err := t.guard(root); err != nil {
			return err
		}
		info, err := os.Lstat(root)
		if err != nil {
			t.forget(root)
			continue
		}
		if _, known := t.stamp(root); !known {
			if err := t.appear(root, info); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tree) guard(root string) error {
	for dir := filepath.Dir(root); ; dir = filepath.Dir(dir) {
		err := t.fs.Add(dir)
		switch {
		case err == nil, errors.Is(err, fs.ErrPermission): // then it is seen only while it is there
			return nil
		case dir == filepath.Dir(dir), !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
			return watchError(dir, err)
		}
	}
}

// watchError says what can be done where the system's limits are too low.
func watchError(dir string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("watch %s: the system's limit of watched folders is reached: "+
			"raise fs.inotify.max_user_watches, or leave out large folders with ignore", dir)
	case errors.Is(err, syscall.EMFILE):
		return fmt.Errorf("watch %s: the limit of open files is reached: raise it, or leave out large folders with ignore", dir)
	}
	return fmt.Errorf("watch %s: %w", dir, err)
}

// stamp is what is known of a path.
func (t *tree) stamp(name string) (stamp, bool) {
	f := t.folders[filepath.Dir(name)]
	if f == nil {
		return stamp{}, false
	}
	s, ok := f.names[filepath.Base(name)]
	return s, ok
}

func (t *tree) known(name string) kind {
	s, ok := t.stamp(name)
	if !ok {
		return isNothing
	}
	return s.kind()
}

func (t *tree) folder(dir string) *folder {
	f := t.folders[dir]
	if f == nil {
		f = &folder{names: map[string]stamp{}}
		t.folders[dir] = f
	}
	return f
}

// touch puts a path into the batch, unless it matters to nobody.
func (t *tree) touch(name string) {
	if !t.accepts(name) {
		return
	}
	t.stirred = true
	if _, ok := t.touched[name]; !ok {
		t.touched[name] = t.known(name)
	}
}

// appear takes notice of a path that is there, and of all below it.
func (t *tree) appear(name string, info fs.FileInfo) error {
	t.touch(name)
	t.folder(filepath.Dir(name)).names[filepath.Base(name)] = stampOf(info)
	if !info.IsDir() {
		return nil
	}
	return t.enter(name)
}

// enter watches a folder and takes notice of all that is in it. It is watched
// first: what comes meanwhile is seen twice rather than never.
func (t *tree) enter(dir string) error {
	if t.prunes(dir) {
		return nil
	}
	if err := t.fs.Add(dir); err != nil {
		return t.lost(dir, err)
	}
	t.folder(dir).entered = true
	entries, err := os.ReadDir(dir)
	if err != nil {
		return t.lost(dir, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // it has gone again, which is an event of its own
		}
		if err := t.appear(filepath.Join(dir, e.Name()), info); err != nil {
			return err
		}
	}
	return nil
}

// lost judges why a folder cannot be watched: one that has gone is no error, one
// that may not be read is left out.
func (t *tree) lost(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil
	case errors.Is(err, fs.ErrPermission):
		t.warn(fmt.Sprintf("folder %s cannot be read: changes there are not seen", dir))
		return nil
	}
	return watchError(dir, err)
}

// forget takes notice that a path has gone, with all that was in it.
func (t *tree) forget(name string) {
	if _, ok := t.stamp(name); !ok {
		return
	}
	t.touch(name)
	if f := t.folders[name]; f != nil {
		for child := range f.names {
			t.forget(filepath.Join(name, child))
		}
		_ = t.fs.Remove(name) // the system has mostly done so by itself, which is the error
		delete(t.folders, name)
	}
	delete(t.folders[filepath.Dir(name)].names, filepath.Base(name))
}

// handle takes notice of one event.
func (t *tree) handle(ev fsnotify.Event) error {
	name := filepath.Clean(ev.Name)
	if t.below(name) {
		if err := t.look(name, ev); err != nil {
			return err
		}
	}
	for _, root := range t.roots {
		if root != name && within(name, root) { // a folder above a root came or went
			return t.attach()
		}
	}
	return nil
}

// look looks at a path in one of the roots after an event.
func (t *tree) look(name string, ev fsnotify.Event) error {
	if ev.Has(fsnotify.Remove) || ev.Has(fsnotify.Rename) || ev.Has(fsnotify.Create) {
		t.forget(name) // what had this name before is not what has it now
	}
	info, err := os.Lstat(name)
	if err != nil {
		t.forget(name)
		return nil //nolint:nilerr // it has gone
	}
	return t.update(name, info, ev.Op == fsnotify.Chmod)
}

// below tells whether a path is one of the roots or in one.
func (t *tree) below(name string) bool {
	for _, root := range t.roots {
		if within(root, name) {
			return true
		}
	}
	return false
}

// update takes notice of a path that exists. onlyStamp says that its content has
// not been written to.
func (t *tree) update(name string, info fs.FileInfo, onlyStamp bool) error {
	old, known := t.stamp(name)
	if known && old.kind() != stampOf(info).kind() {
		t.forget(name)
	} else if known && (info.IsDir() || onlyStamp && old == stampOf(info)) {
		return nil
	}
	return t.appear(name, info)
}

// rescan looks at everything again, after events have been lost.
func (t *tree) rescan() error {
	if err := t.attach(); err != nil {
		return err
	}
	for _, root := range t.roots {
		if err := t.compare(root); err != nil {
			return err
		}
	}
	return nil
}

// compare looks again at a path and all below it.
func (t *tree) compare(name string) error {
	info, err := os.Lstat(name)
	if err != nil {
		t.forget(name)
		return nil //nolint:nilerr // it has gone
	}
	if err := t.update(name, info, true); err != nil || !info.IsDir() || t.folders[name] == nil {
		return err
	}
	if err := t.fs.Add(name); err != nil { // it may be another folder of the same name
		return t.lost(name, err)
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return t.lost(name, err)
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
		if err := t.compare(filepath.Join(name, e.Name())); err != nil {
			return err
		}
	}
	for old := range t.folders[name].names {
		if !names[old] {
			t.forget(filepath.Join(name, old))
		}
	}
	return nil
}
