package desired

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

// defaultFileMode is what the Compose specification gives configs and secrets
// that name no mode.
const defaultFileMode fs.FileMode = 0o444

// injected splits a container's configs and secrets into files that are copied
// into it and bind mounts. A source file is bound, as docker compose does,
// unless uid, gid or mode ask for what a bind mount cannot give.
func injected(p *types.Project, c types.ContainerSpec, where string, contents Contents) ([]engine.File, []types.ServiceVolumeConfig, error) {
	var files []engine.File
	var binds []types.ServiceVolumeConfig
	add := func(kind string, ref types.FileReferenceConfig, object types.FileObjectConfig, known bool, content map[string][]byte, dir string) error {
		key := fmt.Sprintf("%s.%s.%s", where, kind, ref.Source)
		if !known {
			return fmt.Errorf("%s: undefined %s: add it under %s", key, strings.TrimSuffix(kind, "s"), kind)
		}
		if bool(object.External) {
			return fmt.Errorf("%s: external %s need a swarm; give it a file, environment or content", key, kind)
		}
		target := targetPath(ref, dir)
		if object.File != "" && ref.UID == "" && ref.GID == "" && ref.Mode == nil {
			binds = append(binds, types.ServiceVolumeConfig{
				Type: types.VolumeTypeBind, Source: object.File, Target: target, ReadOnly: true,
				Bind: &types.ServiceVolumeBind{CreateHostPath: false},
			})
			return nil
		}
		file, err := fileOf(ref, target, content[ref.Source])
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		files = append(files, file)
		return nil
	}
	for _, ref := range c.Configs {
		object, ok := p.Configs[ref.Source]
		if err := add("configs", types.FileReferenceConfig(ref), types.FileObjectConfig(object), ok, contents.Configs, "/"); err != nil {
			return nil, nil, err
		}
	}
	for _, ref := range c.Secrets {
		object, ok := p.Secrets[ref.Source]
		if err := add("secrets", types.FileReferenceConfig(ref), types.FileObjectConfig(object), ok, contents.Secrets, "/run/secrets"); err != nil {
			return nil, nil, err
		}
	}
	return files, binds, nil
}

func targetPath(ref types.FileReferenceConfig, dir string) string {
	target := ref.Target
	if target == "" {
		target = ref.Source
	}
	if path.IsAbs(target) || strings.Contains(target, `:\`) {
		return target
	}
	return path.Join(dir, target)
}

func fileOf(ref types.FileReferenceConfig, target string, content []byte) (engine.File, error) {
	f := engine.File{Target: target, Content: content, Mode: defaultFileMode}
	if ref.Mode != nil {
		f.Mode = fs.FileMode(*ref.Mode) & fs.ModePerm
	}
	for _, id := range []struct {
		name, text string
		into       *int
	}{{"uid", ref.UID, &f.UID}, {"gid", ref.GID, &f.GID}} {
		if id.text == "" {
			continue
		}
		n, err := strconv.Atoi(id.text)
		if err != nil || n < 0 {
			return f, fmt.Errorf("%s %q is no number: write the numeric id", id.name, id.text)
		}
		*id.into = n
	}
	return f, nil
}

// digests are the SHA-256 of the contents a service uses, by "configs.<key>"
// and "secrets.<key>".
func digests(config types.ServiceConfig, contents Contents) map[string]string {
	out := map[string]string{}
	add := func(kind, key string, content []byte, ok bool) {
		if !ok {
			return
		}
		sum := sha256.Sum256(content)
		out[kind+"."+key] = hex.EncodeToString(sum[:])
	}
	for _, ref := range config.Configs {
		content, ok := contents.Configs[ref.Source]
		add("configs", ref.Source, content, ok)
	}
	for _, ref := range config.Secrets {
		content, ok := contents.Secrets[ref.Source]
		add("secrets", ref.Source, content, ok)
	}
	return out
}
