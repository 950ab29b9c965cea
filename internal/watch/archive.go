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
// pipes and devices. Skipped are files that may not be read, each with its
// reason; they do not keep back the others.
func Archive(w io.Writer, dir string, files []File, owner Owner) (skipped []error, err error) {
	tw := tar.NewWriter(w)
	for _, f := range files {
		if f.Gone {
			continue
		}
		err := archive(tw, dir, f, owner)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, fs.ErrPermission):
			skipped = append(skipped, err)
		case err != nil:
			return skipped, fmt.Errorf("read %s: %w", f.Source, err)
		}
	}
	return skipped, tw.Close()
}

func archive(tw *tar.Writer, dir string, f File, owner Owner) error {
	info, err := os.Lstat(f.Source)
	if err != nil {
		return err
	}
	link := ""
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		if link, err = os.Readlink(f.Source); err != nil {
			return err
		}
	case !info.Mode().IsRegular() && !info.IsDir():
		return nil
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header.Name = strings.TrimPrefix(strings.TrimPrefix(f.Target, strings.TrimSuffix(dir, "/")), "/")
	if info.IsDir() {
		header.Name += "/"
	}
	header.Uid, header.Gid, header.Uname, header.Gname = owner.UID, owner.GID, "", ""
	header.Format = tar.FormatPAX
	if !info.Mode().IsRegular() {
		return tw.WriteHeader(header)
	}
	file, err := os.Open(f.Source)
	if err != nil {
		return err
	}
	return errors.Join(content(tw, header, file), file.Close())
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
