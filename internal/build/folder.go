package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/tonistiigi/fsutil"
	fstypes "github.com/tonistiigi/fsutil/types"
)

// contextFS is a folder as it is sent to the engine: without what excludes
// match, and owned by root.
func contextFS(dir string, excludes []string) (fsutil.FS, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder", dir)
	}
	folder, err := fsutil.NewFS(dir)
	if err != nil {
		return nil, err
	}
	return fsutil.NewFilterFS(strictFS{folder}, &fsutil.FilterOpt{
		ExcludePatterns: excludes,
		Map: func(_ string, stat *fstypes.Stat) fsutil.MapResult {
			stat.Uid, stat.Gid = 0, 0
			return fsutil.MapResultKeep
		},
	})
}

// strictFS makes a file that cannot be opened fail the transfer. fsutil itself
// would send it empty, and the image would be built without its content.
type strictFS struct {
	fsutil.FS
}

// Open never fails; the error is in the file's reader.
func (f strictFS) Open(path string) (io.ReadCloser, error) {
	file, err := f.FS.Open(path)
	if err != nil {
		return brokenFile{err}, nil //nolint:nilerr // whoever reads gets it
	}
	return file, nil
}

// brokenFile is a file that could not be opened.
type brokenFile struct {
	err error
}

func (f brokenFile) Read([]byte) (int, error) { return 0, f.err }
func (f brokenFile) Close() error             { return nil }

// memoryFS is a folder of files that are in memory, by name.
type memoryFS map[string][]byte

// Walk visits the file called target, or all of them for the folder itself.
func (m memoryFS) Walk(_ context.Context, target string, visit fs.WalkDirFunc) error {
	target = strings.Trim(target, `/\`)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if target != "" && target != name {
			continue
		}
		if err := visit(name, &fsutil.DirEntryInfo{Stat: stat(name, m[name])}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Open opens a file.
func (m memoryFS) Open(name string) (io.ReadCloser, error) {
	content, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

// stat describes a file that is in memory. The engine takes a file with the
// size and time it knows for unchanged, so the time is drawn from the content.
func stat(name string, content []byte) *fstypes.Stat {
	sum := sha256.Sum256(content)
	return &fstypes.Stat{
		Path: name, Mode: 0o644, Size: int64(len(content)),
		ModTime: int64(binary.BigEndian.Uint64(sum[:8]) >> 3),
	}
}
