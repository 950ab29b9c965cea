package build

import (
	"io"

	"github.com/tonistiigi/fsutil"
	fstypes "github.com/tonistiigi/fsutil/types"
)

// contextFS is a folder as it is sent to the engine: without what excludes
// match, and owned by root.
func contextFS(dir string, excludes []string) (fsutil.FS, error) {
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
		return brokenFile{err}, nil
	}
	return file, nil
}

// brokenFile is a file that could not be opened.
type brokenFile struct {
	err error
}

func (f brokenFile) Read([]byte) (int, error) { return 0, f.err }
func (f brokenFile) Close() error             { return nil }
