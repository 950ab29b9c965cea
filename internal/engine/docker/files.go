package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/berth-dev/berth/internal/engine"
)

// CopyFiles writes files into a container that does not run, with one request.
// Owner and mode are obeyed; directories that are missing are made with mode
// 0755, those that exist stay as they are. A container with a read-only root
// takes files only into its volumes, one request for each directory.
func (e *Engine) CopyFiles(ctx context.Context, id string, files []engine.File) error {
	const op = "copy configs and secrets into container"
	if len(files) == 0 {
		return nil
	}
	if err := e.ready(ctx, op, id); err != nil {
		return err
	}
	err := e.putFiles(ctx, id, "/", files)
	if err == nil || !strings.Contains(err.Error(), "marked read-only") {
		return e.fail(ctx, op, id, err)
	}
	byDir := map[string][]engine.File{}
	for _, file := range files {
		dir := path.Dir(path.Clean(file.Target))
		byDir[dir] = append(byDir[dir], file)
	}
	for _, dir := range sortedKeys(byDir) {
		if err := e.putFiles(ctx, id, dir, byDir[dir]); err != nil {
			return e.fail(ctx, op, id, fmt.Errorf("%s: %w", dir, err))
		}
	}
	return nil
}

// putFiles sends one archive that is unpacked in a directory.
func (e *Engine) putFiles(ctx context.Context, id, dir string, files []engine.File) error {
	archive, err := newArchive(dir, files)
	if err != nil {
		return err
	}
	return e.cli.CopyToContainer(ctx, id, dir, archive, container.CopyToContainerOptions{})
}

// newArchive makes a tar archive of the files, named relative to dir. It has no
// entries for directories: the engine would give existing ones their mode.
func newArchive(dir string, files []engine.File) (*bytes.Buffer, error) {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b engine.File) int { return strings.Compare(a.Target, b.Target) })
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	for _, file := range files {
		name := strings.TrimPrefix(strings.TrimPrefix(path.Clean(file.Target), strings.TrimSuffix(dir, "/")), "/")
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: name, Size: int64(len(file.Content)),
			Mode: int64(file.Mode.Perm()), Uid: file.UID, Gid: file.GID, Format: tar.FormatPAX,
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Target, err)
		}
		if _, err := archive.Write(file.Content); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Target, err)
		}
	}
	return &buffer, archive.Close()
}
