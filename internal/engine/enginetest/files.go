package enginetest

import (
	"context"
	"maps"
	"path"
	"strings"

	"github.com/berth-dev/berth/internal/engine"
)

// file is a file of the container.
func (p *process) file(name string) (engine.File, bool) {
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	return p.e.readFile(p.c, name)
}

// setFile writes a file of the container.
func (p *process) setFile(f engine.File) {
	p.e.mu.Lock()
	defer p.e.mu.Unlock()
	p.e.writeFile(p.c, f)
}

// inVolume finds the volume that holds the path, if one does, and the file's
// key in its data.
func (e *Engine) inVolume(c *container, name string) (v *volume, key string) {
	longest := 0
	for _, m := range c.mounts {
		rest, inside := strings.CutPrefix(name, strings.TrimSuffix(m.Destination, "/")+"/")
		if inside && m.Type == "volume" && len(m.Destination) > longest {
			v, key, longest = e.volumes[m.Name], "/"+rest, len(m.Destination)
		}
	}
	return v, key
}

// readFile reads a file of a container or of its volumes.
func (e *Engine) readFile(c *container, name string) (engine.File, bool) {
	if v, key := e.inVolume(c, name); v != nil {
		content, ok := v.data[key]
		return engine.File{Target: name, Content: []byte(content)}, ok
	}
	f, ok := c.files[path.Clean(name)]
	return f, ok
}

// writeFile writes a file of a container or of its volumes.
func (e *Engine) writeFile(c *container, f engine.File) {
	if v, key := e.inVolume(c, f.Target); v != nil {
		if !f.Mode.IsDir() {
			v.data[key] = string(f.Content)
		}
		return
	}
	c.files[path.Clean(f.Target)] = f
}

// CopyFiles places files in a container, in one request; none if there are no
// files.
func (e *Engine) CopyFiles(ctx context.Context, id string, files []engine.File) error {
	if len(files) == 0 {
		return nil
	}
	return e.change(ctx, "CopyFiles", "copy configs and secrets into container", id, nil, func(c *container) error {
		for _, f := range files {
			e.writeFile(c, f)
		}
		return nil
	})
}

// Files returns the files that were copied into, or written by, a container,
// by their paths; those in volumes are in [Engine.VolumeData].
func (e *Engine) Files(id string) map[string]engine.File {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.find("", id)
	if err != nil {
		return nil
	}
	return maps.Clone(c.files)
}
