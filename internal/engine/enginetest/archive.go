package enginetest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// directoryMode is that of the directories that a container has.
const directoryMode = fs.ModeDir | 0o755

// tree is all files of a container, those in its volumes included, by path.
// Directories exist by what is in them, by mounts, and as empty entries.
func (e *Engine) tree(c *container) map[string]engine.File {
	all := map[string]engine.File{}
	for _, dir := range []string{"/", "/bin", "/dev", "/etc", "/home", "/root", "/run", "/tmp", "/usr", "/var"} {
		all[dir] = engine.File{Target: dir, Mode: directoryMode}
	}
	for name, f := range c.files {
		all[name] = f
	}
	for _, m := range c.mounts {
		all[m.Destination] = engine.File{Target: m.Destination, Mode: directoryMode}
		if v, ok := e.volumes[m.Name]; ok && m.Type == "volume" {
			for key, content := range v.data {
				if name := path.Join(m.Destination, key); strings.HasPrefix(key, "/") {
					all[name] = engine.File{Target: name, Content: []byte(content), Mode: 0o644}
				}
			}
		}
	}
	for name := range all {
		for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
			if _, ok := all[dir]; !ok {
				all[dir] = engine.File{Target: dir, Mode: directoryMode}
			}
		}
	}
	return all
}

// lookUp finds a path of a container.
func (e *Engine) lookUp(op, id, name string) (engine.File, map[string]engine.File, error) {
	c, err := e.find(op, id)
	if err != nil {
		return engine.File{}, nil, err
	}
	all := e.tree(c)
	f, ok := all[path.Clean("/"+name)]
	if !ok {
		text := fmt.Sprintf("Could not find the file %s in container %s", name, id)
		return f, nil, &engine.Error{Op: op, Name: id + ":" + name, Kind: engine.ErrNotFound, Text: text}
	}
	return f, all, nil
}

// stat describes a file.
func stat(f engine.File) engine.PathStat {
	return engine.PathStat{Name: path.Base(f.Target), Size: int64(len(f.Content)), Mode: f.Mode, ModTime: time.Now()}
}

// StatPath describes a path in a container, running or not.
func (e *Engine) StatPath(ctx context.Context, id, name string) (engine.PathStat, error) {
	var found engine.PathStat
	err := e.call(ctx, request{method: "StatPath", args: []string{id, name}}, func() error {
		f, _, err := e.lookUp("look at", id, name)
		if err == nil {
			found = stat(f)
		}
		return err
	})
	return found, err
}

// CopyFrom gives a tar archive of a path in a container, under its last name.
func (e *Engine) CopyFrom(ctx context.Context, id, name string) (io.ReadCloser, engine.PathStat, error) {
	var archive io.ReadCloser
	var found engine.PathStat
	err := e.call(ctx, request{method: "CopyFrom", args: []string{id, name}}, func() error {
		f, all, err := e.lookUp("copy from", id, name)
		if err != nil {
			return err
		}
		found = stat(f)
		archive, err = pack(all, f.Target, path.Dir(f.Target))
		return err
	})
	return archive, found, err
}

// Export gives a container's files as a tar archive.
func (e *Engine) Export(ctx context.Context, id string) (io.ReadCloser, error) {
	var archive io.ReadCloser
	err := e.call(ctx, request{method: "Export", args: []string{id}}, func() error {
		c, err := e.find("export container", id)
		if err != nil {
			return err
		}
		archive, err = pack(e.tree(c), "/", "/")
		return err
	})
	return archive, err
}

// pack makes an archive of root and what is in it, named relative to base.
func pack(all map[string]engine.File, root, base string) (io.ReadCloser, error) {
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	for _, name := range sortedKeys(all) {
		inside := name == root || strings.HasPrefix(name, strings.TrimSuffix(root, "/")+"/")
		relative := strings.TrimPrefix(strings.TrimPrefix(name, base), "/")
		if !inside || relative == "" {
			continue
		}
		f := all[name]
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: relative, Size: int64(len(f.Content)), Mode: int64(f.Mode.Perm()),
			Uid: f.UID, Gid: f.GID, ModTime: time.Now(),
		}
		if f.Mode.IsDir() {
			header.Typeflag, header.Name = tar.TypeDir, relative+"/"
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(f.Content); err != nil {
			return nil, err
		}
	}
	return io.NopCloser(&buffer), archive.Close()
}

// CopyTo unpacks a tar archive in a directory of a container. Whose files they
// become makes no difference here.
func (e *Engine) CopyTo(ctx context.Context, id, dir string, archive io.Reader, _ bool) error {
	files, err := unpack(dir, archive)
	if err != nil {
		return err
	}
	return e.change(ctx, "CopyTo", "copy to", id, []string{dir}, func(c *container) error {
		target, _, err := e.lookUp("copy to", id, dir)
		if err != nil {
			return err
		}
		if !target.Mode.IsDir() {
			return &engine.Error{Op: "copy to", Name: id + ":" + dir, Text: "extraction point is not a directory"}
		}
		for _, f := range files {
			e.writeFile(c, f)
		}
		return nil
	})
}

// unpack reads the files and directories of an archive.
func unpack(dir string, archive io.Reader) ([]engine.File, error) {
	var files []engine.File
	reader := tar.NewReader(archive)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			return nil, err
		}
		files = append(files, engine.File{
			Target: path.Join(dir, header.Name), Content: content, UID: header.Uid, GID: header.Gid,
			Mode: header.FileInfo().Mode(),
		})
	}
}

// Commit makes an image of a container and returns its ID.
func (e *Engine) Commit(ctx context.Context, id string, options engine.CommitOptions) (string, error) {
	made := ""
	err := e.change(ctx, "Commit", "commit container", id, named(options.Reference), func(c *container) error {
		img := c.image.clone()
		img.ID, img.Digests, img.Tags, img.Created = "", nil, named(options.Reference), e.now()
		added := e.addImage(img)
		added.entrypoint, added.command = c.entrypoint()
		made = added.ID
		e.emitContainer(c, "commit", "", map[string]string{"comment": options.Comment, "imageID": made})
		return nil
	})
	return made, err
}
