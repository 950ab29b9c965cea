package watch

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Owner is whose the files of an archive are.
type Owner struct{ UID, GID int }

// Archive writes files as a tar archive that is to be unpacked in a folder of
// the container, "/" or another: links stay links, modes and times are kept.
// Files that are gone, or have gone by now, are left out, and so are sockets,
// pipes and devices. It returns the number of entries.
func Archive(w io.Writer, dir string, files []File, owner Owner) (int, error) {
	tw := tar.NewWriter(w)
	n := 0
	for _, f := range files {
		if f.Gone {
			continue
		}
		wrote, err := archive(tw, dir, f, owner)
		if err != nil {
			return n, fmt.Errorf("read %s: %w", f.Source, err)
		}
		if wrote {
			n++
		}
	}
	return n, tw.Close()
}

func archive(tw *tar.Writer, dir string, f File, owner Owner) (bool, error) {
	info, err := os.Lstat(f.Source)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	link := ""
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		if link, err = os.Readlink(f.Source); err != nil {
			return false, absent(err)
		}
	case !info.Mode().IsRegular() && !info.IsDir():
		return false, nil
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return false, err
	}
	header.Name = strings.TrimPrefix(strings.TrimPrefix(f.Target, strings.TrimSuffix(dir, "/")), "/")
	if info.IsDir() {
		header.Name += "/"
	}
	header.Uid, header.Gid, header.Uname, header.Gname = owner.UID, owner.GID, "", ""
	header.Format = tar.FormatPAX
	if !info.Mode().IsRegular() {
		return true, tw.WriteHeader(header)
	}
	file, err := os.Open(f.Source)
	if err != nil {
		return false, absent(err)
	}
	err = content(tw, header, file)
	return err == nil, errors.Join(err, file.Close())
}

// absent makes nothing of a file that has gone meanwhile.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// content writes a file of the size in its header. One that is being written to
// may have another by now: what is too much is left, what lacks is filled up.
// Its next change brings it right.
func content(tw *tar.Writer, header *tar.Header, file io.Reader) error {
	if err := tw.WriteHeader(header); err != nil {
		return err
	}
	n, err := io.Copy(tw, io.LimitReader(file, header.Size))
	if err != nil {
		return err
	}
	_, err = io.CopyN(tw, zeros{}, header.Size-n)
	return err
}

// zeros reads as zero bytes without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
