package remote

import (
	"path/filepath"
	"sync"
)

// memo remembers which local file a reference became. Loads of one reference
// wait for each other; a failed one may be tried again.
type memo struct {
	mu    sync.Mutex
	locks map[string]*sync.Mutex
	files map[string]string // by reference
	local map[string]bool   // values of files
}

func newMemo() *memo {
	return &memo{locks: map[string]*sync.Mutex{}, files: map[string]string{}, local: map[string]bool{}}
}

// load returns the file of a reference; fetch is called if there is none yet.
func (m *memo) load(ref string, fetch func() (string, error)) (string, error) {
	m.mu.Lock()
	lock := m.locks[ref]
	if lock == nil {
		lock = &sync.Mutex{}
		m.locks[ref] = lock
	}
	m.mu.Unlock()

	lock.Lock()
	defer lock.Unlock()
	if file, ok := m.get(ref); ok {
		return file, nil
	}
	file, err := fetch()
	if err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[ref], m.local[file] = file, true
	return file, nil
}

func (m *memo) get(ref string) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	file, ok := m.files[ref]
	return file, ok
}

// dir answers for loader.ResourceLoader.Dir. compose-go asks for the folder of a
// reference (extends), of the file it became (include), and how a
// project_directory beside it is to be read: as it stands.
func (m *memo) dir(path string) string {
	if file, ok := m.get(path); ok {
		return filepath.Dir(file)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.local[path] {
		return filepath.Dir(path)
	}
	return path
}
