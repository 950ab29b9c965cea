package docker

import (
	"context"
	"io"

	"github.com/docker/docker/api/types/container"

	"github.com/berth-dev/berth/internal/engine"
)

// StatPath describes a path in a container, running or not; ErrNotFound if
// there is none.
func (e *Engine) StatPath(ctx context.Context, id, path string) (engine.PathStat, error) {
	var stat container.PathStat
	err := e.act(ctx, "look at", id+":"+path, func() (err error) {
		stat, err = e.cli.ContainerStatPath(ctx, id, path)
		return err
	})
	return convertStat(stat), err
}

// CopyFrom gives a tar archive of a path in a container; the caller closes it.
func (e *Engine) CopyFrom(ctx context.Context, id, path string) (io.ReadCloser, engine.PathStat, error) {
	const op = "copy from"
	var archive io.ReadCloser
	var stat container.PathStat
	err := e.act(ctx, op, id+":"+path, func() (err error) {
		archive, stat, err = e.cli.CopyFromContainer(ctx, id, path)
		return err
	})
	return e.body(ctx, op, id+":"+path, archive), convertStat(stat), err
}

// CopyTo unpacks a tar archive in a directory of a container. With archive
// ownership, files belong to the container's user instead of the archive's
// (`cp --archive`).
func (e *Engine) CopyTo(ctx context.Context, id, dir string, archive io.Reader, ownership bool) error {
	return e.act(ctx, "copy to", id+":"+dir, func() error {
		return e.cli.CopyToContainer(ctx, id, dir, ownReader{archive}, container.CopyToContainerOptions{CopyUIDGID: ownership})
	})
}

func convertStat(stat container.PathStat) engine.PathStat {
	return engine.PathStat{Name: stat.Name, Size: stat.Size, Mode: stat.Mode, ModTime: stat.Mtime, LinkTarget: stat.LinkTarget}
}

// Commit makes an image of a container's file system and returns its ID.
func (e *Engine) Commit(ctx context.Context, id string, opts engine.CommitOptions) (string, error) {
	var image string
	err := e.act(ctx, "commit container", id, func() error {
		answer, err := e.cli.ContainerCommit(ctx, id, container.CommitOptions{
			Reference: opts.Reference, Comment: opts.Comment, Author: opts.Author, Changes: opts.Changes, Pause: opts.Pause,
		})
		image = answer.ID
		return err
	})
	return image, err
}

// Export gives a container's file system as a tar archive; the caller closes it.
func (e *Engine) Export(ctx context.Context, id string) (io.ReadCloser, error) {
	const op = "export container"
	var archive io.ReadCloser
	err := e.act(ctx, op, id, func() (err error) {
		archive, err = e.cli.ContainerExport(ctx, id)
		return err
	})
	return e.body(ctx, op, id, archive), err
}
