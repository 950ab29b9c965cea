package app

import (
	"context"
	"errors"
	"io"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/engine"
)

// CommitRequest asks to make an image of a container.
type CommitRequest struct {
	Project   ProjectOptions
	Service   string
	Index     int    // 0: the first one
	Reference string // of the image; empty for none
	Author    string
	Message   string
	Changes   []string // Dockerfile instructions
	Pause     bool     // freeze the container meanwhile
	DryRun    bool
}

// Commit makes an image of a container's file system and returns its ID.
func (a *App) Commit(ctx context.Context, r CommitRequest) (string, error) {
	found, err := a.find(ctx, r.Project, actual.Query{})
	if err != nil {
		return "", err
	}
	c, err := found.one(r.Service, r.Index)
	if err != nil {
		return "", err
	}
	if r.DryRun {
		a.notice("would make an image of " + c.Name)
		return "", nil
	}
	return a.engine.Commit(ctx, c.ID, engine.CommitOptions{
		Reference: r.Reference, Author: r.Author, Comment: r.Message, Changes: r.Changes, Pause: r.Pause,
	})
}

// ExportRequest asks for a container's file system.
type ExportRequest struct {
	Project ProjectOptions
	Service string
	Index   int // 0: the first one
}

// Export writes a container's file system as a tar archive.
func (a *App) Export(ctx context.Context, r ExportRequest, out io.Writer) error {
	found, err := a.find(ctx, r.Project, actual.Query{})
	if err != nil {
		return err
	}
	c, err := found.one(r.Service, r.Index)
	if err != nil {
		return err
	}
	content, err := a.engine.Export(ctx, c.ID)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, content)
	return errors.Join(err, content.Close())
}
