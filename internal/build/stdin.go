package build

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"io"
)

// peekSize is how much of standard input is looked at: one tar header.
const peekSize = 512

// readStdin takes standard input as an archive that is the context, or else as
// a Dockerfile with an empty context.
func (f *buildFiles) readStdin(stdin io.Reader) error {
	reader := bufio.NewReaderSize(stdin, peekSize)
	head, err := reader.Peek(peekSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if len(head) == 0 {
		return errors.New("is empty: it must be a tar archive or a Dockerfile")
	}
	if isArchive(head) {
		f.stdin = reader
		return nil
	}
	f.dockerfile, err = io.ReadAll(io.LimitReader(reader, maxDockerfile))
	f.filename = "Dockerfile"
	return err
}

// isArchive tells by the first bytes whether content is a tar archive, plain or
// compressed with gzip, bzip2, xz or zstd.
func isArchive(head []byte) bool {
	for _, magic := range []string{"\x1f\x8b\x08", "BZh", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	_, err := tar.NewReader(bytes.NewReader(head)).Next()
	return err == nil
}
