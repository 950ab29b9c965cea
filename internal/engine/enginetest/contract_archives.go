package enginetest

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/berth-dev/berth/internal/engine"
)

// archiveBehaviours are about copying and keeping a container's files.
func archiveBehaviours() []Behaviour {
	return []Behaviour{
		{"a path in a container is described", func(s *subject) {
			id := s.ended("echo text > /tmp/file")
			file, err := s.e.StatPath(s.Context(), id, "/tmp/file")
			s.fine(err)
			if file.Name != "file" || file.Size != 5 || !file.Mode.IsRegular() {
				s.Errorf("file: got %+v", file)
			}
			dir, err := s.e.StatPath(s.Context(), id, "/tmp")
			s.fine(err)
			if dir.Name != "tmp" || !dir.Mode.IsDir() {
				s.Errorf("directory: got %+v", dir)
			}
			_, err = s.e.StatPath(s.Context(), id, "/tmp/missing")
			s.refused(err, engine.ErrNotFound, "")
		}},
		{"files are copied out under the last name of their path", func(s *subject) {
			id := s.ended("echo one > /tmp/file")
			archive, stat, err := s.e.CopyFrom(s.Context(), id, "/tmp")
			s.fine(err)
			equal(s, "name", stat.Name, "tmp")
			equal(s, "content", s.unpacked(archive)["tmp/file"], "one\n")
			archive, _, err = s.e.CopyFrom(s.Context(), id, "/tmp/file")
			s.fine(err)
			equal(s, "content", s.unpacked(archive)["file"], "one\n")
			_, _, err = s.e.CopyFrom(s.Context(), id, "/tmp/missing")
			s.refused(err, engine.ErrNotFound, "Could not find the file /tmp/missing in container")
		}},
		{"files are copied in, but not where there is no directory", func(s *subject) {
			id := s.run(s.sleeper("a"))
			s.fine(s.e.CopyTo(s.Context(), id, "/tmp", s.packed("dir/file", "two\n"), false))
			out, _ := s.exec(id, "cat /tmp/dir/file")
			equal(s, "content", out, "two\n")
			err := s.e.CopyTo(s.Context(), id, "/missing", s.packed("file", "two\n"), false)
			s.refused(err, engine.ErrNotFound, "Could not find the file /missing in container")
		}},
		{"an export holds a container's files", func(s *subject) {
			archive, err := s.e.Export(s.Context(), s.ended("echo three > /tmp/file"))
			s.fine(err)
			equal(s, "content", s.unpacked(archive)["tmp/file"], "three\n")
		}},
		{"a commit makes an image of a container", func(s *subject) {
			id, tag := s.ended("true"), s.tag("c")
			made, err := s.e.Commit(s.Context(), id, engine.CommitOptions{Reference: tag})
			s.fine(err)
			found, err := s.e.Images(s.Context(), tag)
			s.fine(err)
			equal(s, "image", found[tag].ID, made)
			s.fine(s.e.RemoveImage(s.Context(), tag, false))
		}},
	}
}

// ended is a container that ran the command to its end.
func (s *subject) ended(command string) string {
	s.Helper()
	id := s.run(s.spec("a", command))
	s.reaches(id, engine.Exited)
	return id
}

// packed is an archive of one file.
func (s *subject) packed(name, content string) io.Reader {
	s.Helper()
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	s.fine(archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o644}))
	_, err := io.WriteString(archive, content)
	s.fine(errors.Join(err, archive.Close()))
	return &buffer
}

// unpacked are the files of an archive, which it closes.
func (s *subject) unpacked(archive io.ReadCloser) map[string]string {
	s.Helper()
	files, err := unpack("", archive)
	s.fine(errors.Join(err, archive.Close()))
	contents := map[string]string{}
	for _, f := range files {
		contents[strings.TrimPrefix(f.Target, "/")] = string(f.Content)
	}
	return contents
}
