package build

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session/filesync"
)

// load is an image archive on its way from a builder into the engine. A nil
// load is for a builder that needs none.
type load struct {
	reader *io.PipeReader
	writer *io.PipeWriter
	done   chan error
}

// startLoad makes the engine take the archive that the job's solve will
// produce, where the builder is not the engine.
func (b *builder) startLoad(ctx context.Context, j *job) *load {
	if !b.options.Builder.isRemote() || b.options.Push || b.options.Loader == nil {
		return nil
	}
	l := &load{done: make(chan error, 1)}
	l.reader, l.writer = io.Pipe()
	j.group.archive.set(l.writer)
	go func() {
		err := b.options.Loader.LoadImage(ctx, l.reader)
		l.reader.CloseWithError(errors.Join(err, io.ErrClosedPipe))
		l.done <- err
	}()
	return l
}

// finish waits for the engine once the solve has ended with err, and returns the
// first error.
func (l *load) finish(err error) error {
	if l == nil {
		return err
	}
	if err != nil {
		l.writer.CloseWithError(err)
		<-l.done //nolint:errcheck // it fails by the solve's error
		return err
	}
	l.writer.Close()
	return <-l.done
}

// archive is where a group's exported archive goes; see newGroups: with a remote
// builder a group has one job.
type archive struct {
	writer io.WriteCloser
}

// set says where.
func (a *archive) set(writer io.WriteCloser) { a.writer = writer }

// target is the archive as a service of the session.
func (a *archive) target() *filesync.SyncTarget {
	return filesync.NewFSSyncTarget(filesync.WithFSSync(0, func(map[string]string) (io.WriteCloser, error) {
		if a.writer == nil {
			return nil, errors.New("nothing takes the image archive")
		}
		return a.writer, nil
	}))
}

// export says where the image goes, under the target's names: into the engine's
// image store; from a remote builder to the registries or into an archive.
func (b *builder) export(j *job) client.ExportEntry {
	names := map[string]string{"name": strings.Join(j.target.Tags, ",")}
	switch {
	case !b.options.Builder.isRemote():
		return client.ExportEntry{Type: "moby", Attrs: names}
	case b.options.Push:
		names["push"] = "true"
		return client.ExportEntry{Type: client.ExporterImage, Attrs: names}
	}
	return client.ExportEntry{Type: client.ExporterDocker, Attrs: names}
}
