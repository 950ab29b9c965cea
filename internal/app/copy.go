package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/moby/go-archive"
	"golang.org/x/sync/errgroup"

	"github.com/berth-dev/berth/internal/actual"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/event"
	"github.com/berth-dev/berth/pkg/labels"
)

// archiveEngine is what copying files and images of containers ask of an engine.
type archiveEngine interface {
	StatPath(ctx context.Context, id, path string) (engine.PathStat, error)
	CopyFrom(ctx context.Context, id, path string) (io.ReadCloser, engine.PathStat, error)
	CopyTo(ctx context.Context, id, dir string, archive io.Reader, ownership bool) error
	Commit(ctx context.Context, id string, opt engine.CommitOptions) (string, error)
	Export(ctx context.Context, id string) (io.ReadCloser, error)
}

// CopyRequest asks to copy files between a service's containers and this
// machine. One side is SERVICE:PATH, the other a path or "-" for a tar archive.
type CopyRequest struct {
	Project             ProjectOptions
	Source, Destination string
	Index               int
	All                 bool // one-off containers too
	Archive             bool // keep user and group IDs
	FollowLink          bool // copy what a symbolic link of the source points to
	DryRun              bool
}

// errStdinDirectory: an archive has names of its own.
var errStdinDirectory = errors.New("an archive from standard input can only be unpacked in a folder")

// Copy copies files. From a service they come from its first container; to a
// service they go to all of its containers.
func (a *App) Copy(ctx context.Context, r CopyRequest, stdin io.Reader, stdout io.Writer) error {
	from, fromPath := splitServicePath(r.Source)
	to, toPath := splitServicePath(r.Destination)
	switch {
	case from != "" && to != "":
		return &UsageError{"copying between services is not supported: copy to this machine first"}
	case from == "" && to == "":
		return &UsageError{"neither side names a service: write SERVICE:PATH for one of them"}
	}
	found, err := a.find(ctx, r.Project, actual.Query{})
	if err != nil {
		return err
	}
	list, err := found.copied(from+to, r)
	if err != nil {
		return err
	}
	if from != "" {
		return a.copyFrom(ctx, r, list[0], fromPath, toPath, stdout)
	}
	if fromPath == "-" && len(list) > 1 {
		return &UsageError{"an archive from standard input goes to one container only: choose it with --index"}
	}
	return a.copyToAll(ctx, r, list, fromPath, toPath, stdin)
}

// copyToAll copies into containers side by side. What fails in one of them keeps
// none of the others from their copies.
func (a *App) copyToAll(ctx context.Context, r CopyRequest, list []engine.Container, source, destination string, stdin io.Reader) error {
	failures := make([]error, len(list))
	var g errgroup.Group
	for i, c := range list {
		g.Go(func() error {
			failures[i] = a.copyTo(ctx, r, c, source, destination, stdin)
			return nil
		})
	}
	_ = g.Wait() // the failures are kept, each
	return errors.Join(failures...)
}

// splitServicePath divides SERVICE:PATH; a path of this machine gives no service.
func splitServicePath(arg string) (service, name string) {
	if filepath.IsAbs(arg) || filepath.VolumeName(arg) != "" || strings.HasPrefix(arg, ".") {
		return "", arg
	}
	service, name, ok := strings.Cut(arg, ":")
	if !ok || strings.ContainsAny(service, `/\`) {
		return "", arg
	}
	return service, name
}

// copied are a service's containers to copy from or to.
func (f *existing) copied(service string, r CopyRequest) ([]engine.Container, error) {
	if err := f.check([]string{service}); err != nil {
		return nil, err
	}
	var out []engine.Container
	for _, c := range f.state.Containers {
		switch {
		case c.Labels[labels.Service] != service || labels.IsHook(c.Labels):
		case labels.IsOneOff(c.Labels) && !r.All:
		case r.Index > 0 && numberOf(c) != r.Index:
		default:
			out = append(out, c)
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case r.Index > 0:
		return nil, fmt.Errorf("service %q has no container with index %d", service, r.Index)
	}
	return nil, fmt.Errorf("no container found for service %q", service)
}

// copyFrom copies from a container; "-" writes the engine's archive as it is.
func (a *App) copyFrom(ctx context.Context, r CopyRequest, c engine.Container, source, destination string, stdout io.Writer) error {
	if destination == "-" {
		content, _, err := a.engine.CopyFrom(ctx, c.ID, source)
		if err != nil {
			return err
		}
		_, err = io.Copy(stdout, content)
		return errors.Join(err, content.Close())
	}
	text := fmt.Sprintf("%s:%s to %s", c.Name, source, destination)
	return a.tellCopy(c, r.DryRun, text, func() error {
		rebase := ""
		if r.FollowLink {
			var err error
			if source, rebase, err = a.followLink(ctx, c.ID, source); err != nil {
				return err
			}
		}
		content, stat, err := a.engine.CopyFrom(ctx, c.ID, source)
		if err != nil {
			return err
		}
		defer content.Close() // it has been read, or what failed is told
		info := archive.CopyInfo{Path: source, Exists: true, IsDir: stat.Mode.IsDir(), RebaseName: rebase}
		var entries io.Reader = content
		if rebase != "" {
			_, base := archive.SplitPathDirEntry(info.Path)
			renamed := archive.RebaseArchiveEntries(content, base, rebase)
			defer renamed.Close()
			entries = renamed
		}
		return archive.CopyTo(entries, info, a.hostPath(destination))
	})
}

// followLink gives what a symbolic link in a container points to, and the name
// to give it.
func (a *App) followLink(ctx context.Context, id, source string) (target, rebase string, err error) {
	stat, err := a.engine.StatPath(ctx, id, source)
	if err != nil || stat.Mode&fs.ModeSymlink == 0 {
		return source, "", err
	}
	target = stat.LinkTarget
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(source), target)
	}
	target, rebase = archive.GetRebaseName(source, target)
	return target, rebase, nil
}

// copyTo copies into a container; "-" unpacks an archive from standard input.
func (a *App) copyTo(ctx context.Context, r CopyRequest, c engine.Container, source, destination string, stdin io.Reader) error {
	return a.tellCopy(c, r.DryRun, fmt.Sprintf("%s to %s:%s", source, c.Name, destination), func() error {
		info, err := a.destination(ctx, c.ID, destination)
		if err != nil {
			return err
		}
		if source == "-" {
			if !info.IsDir {
				return fmt.Errorf("%s is no folder: %w", destination, errStdinDirectory)
			}
			return a.engine.CopyTo(ctx, c.ID, info.Path, stdin, r.Archive)
		}
		from, err := archive.CopyInfoSourcePath(a.hostPath(source), r.FollowLink)
		if err != nil {
			return err
		}
		content, err := archive.TarResource(from)
		if err != nil {
			return err
		}
		defer content.Close() // it has been read, or what failed is told
		dir, prepared, err := archive.PrepareArchiveCopy(content, from, info)
		if err != nil {
			return err
		}
		return errors.Join(a.engine.CopyTo(ctx, c.ID, dir, prepared, r.Archive), prepared.Close())
	})
}

// destination describes the place in a container that is copied to; it need not
// exist.
func (a *App) destination(ctx context.Context, id, name string) (archive.CopyInfo, error) {
	info := archive.CopyInfo{Path: name}
	stat, err := a.engine.StatPath(ctx, id, name)
	if err == nil && stat.Mode&fs.ModeSymlink != 0 {
		target := stat.LinkTarget
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(name), target)
		}
		info.Path = target
		stat, err = a.engine.StatPath(ctx, id, target)
	}
	switch {
	case err == nil:
		info.Exists, info.IsDir = true, stat.Mode.IsDir()
	case !errors.Is(err, engine.ErrNotFound):
		return info, err
	}
	return info, nil
}

// hostPath resolves a path of the command line; a slash or dot at its end means
// something.
func (a *App) hostPath(name string) string {
	return archive.PreserveTrailingDotOrSeparator(a.path(name), name)
}

// tellCopy tells of a copy.
func (a *App) tellCopy(c engine.Container, dry bool, text string, do func() error) error {
	service := c.Labels[labels.Service]
	if dry {
		a.dry(event.Container, c.Name, service, event.Copying, event.Copied)
		return nil
	}
	a.status(event.Container, c.Name, service, event.Copying, event.Working, text)
	if err := do(); err != nil {
		a.status(event.Container, c.Name, service, event.Error, event.Failed, err.Error())
		var refused *engine.Error
		if errors.Is(err, engine.ErrNotFound) && errors.As(err, &refused) {
			return fmt.Errorf("copy %s: no such path in container %s", text, c.Name)
		}
		return fmt.Errorf("copy %s: %w", text, err)
	}
	a.status(event.Container, c.Name, service, event.Copied, event.Done, text)
	return nil
}
