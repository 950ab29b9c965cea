package remote

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// checkManifest refuses what is no Compose project before its layers are
// fetched.
func checkManifest(m ocispec.Manifest) error {
	kind := m.ArtifactType
	if kind == "" {
		kind = m.Config.MediaType
	}
	if kind != projectType && kind != emptyConfigType {
		return fmt.Errorf("is not a Compose project but %s (publish one with `publish`)", kind)
	}
	if len(m.Layers) > maxLayers {
		return fmt.Errorf("has more than %d files", maxLayers)
	}
	var total int64
	for _, l := range m.Layers {
		if l.Size < 0 || l.Size > maxFile {
			return fmt.Errorf("has a file larger than %d bytes", maxFile)
		}
		if total += l.Size; total > maxArtifactBytes {
			return fmt.Errorf("is larger than %d bytes", maxArtifactBytes)
		}
	}
	return nil
}

// unpack writes the files of an artifact into dir. The project's own files
// become the documents of one, in order, so that they are merged as several -f
// are; the rest keeps its name. os.Root keeps every name inside dir.
func unpack(dir string, layers []ocispec.Descriptor, fetch func(ocispec.Descriptor) ([]byte, error)) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("keep remote files: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	var main bytes.Buffer
	for _, layer := range layers {
		name, wanted, err := fileName(layer)
		if err != nil {
			return err
		}
		if !wanted {
			continue
		}
		content, err := fetch(layer)
		switch {
		case err != nil:
			return err
		case name == "":
			appendDocument(&main, content)
			continue
		}
		if err := writeNew(root, name, content); err != nil {
			return err
		}
	}
	if main.Len() == 0 {
		return errors.New("holds no Compose file")
	}
	return writeNew(root, mainFile, main.Bytes())
}

// fileName is what a layer is to be called: nothing for one of the project's own
// files. What is of a later version of the format, or for somebody else, is not
// wanted.
func fileName(layer ocispec.Descriptor) (name string, wanted bool, err error) {
	switch {
	case layer.MediaType == composeFileType && layer.Annotations[extendsNote] == "":
		return "", true, nil
	case layer.MediaType == composeFileType:
		name = layer.Annotations[composeFileNote]
	case layer.MediaType == envFileType:
		name = layer.Annotations[envFileNote]
	default:
		return "", false, nil
	}
	return name, true, checkName(name)
}

// checkName refuses names that are not those of a file inside a folder, on any
// system, or that would take the place of what has a meaning.
func checkName(name string) error {
	local := filepath.IsLocal(filepath.FromSlash(name)) && name == path.Clean(name) && !bytes.ContainsAny([]byte(name), "\\:\x00\r\n")
	if !local || name == "." || name == mainFile || name == ".env" {
		return fmt.Errorf("names a file %q, which is not allowed", name)
	}
	return nil
}

// appendDocument adds the documents of one file.
func appendDocument(all *bytes.Buffer, content []byte) {
	if len(bytes.TrimSpace(content)) == 0 {
		return
	}
	if all.Len() > 0 {
		if !bytes.HasSuffix(all.Bytes(), []byte("\n")) {
			all.WriteByte('\n')
		}
		if !bytes.HasPrefix(content, []byte("---")) {
			all.WriteString("---\n")
		}
	}
	all.Write(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")))
}

// writeNew writes a file that does not exist yet.
func writeNew(root *os.Root, name string, content []byte) error {
	name = filepath.FromSlash(name)
	if dir := filepath.Dir(name); dir != "." {
		if err := root.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("keep remote files: %w", err)
		}
	}
	file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("has two files called %s", name)
	}
	if err != nil {
		return fmt.Errorf("keep remote files: %w", err)
	}
	_, err = io.Copy(file, bytes.NewReader(content))
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("keep remote files: %w", err)
	}
	return nil
}
