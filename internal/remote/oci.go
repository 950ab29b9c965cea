package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
)

// maxManifest bounds a manifest in bytes, as registries themselves do.
const maxManifest = 4 << 20

// ociLoader reads Compose files out of image registries.
type ociLoader struct {
	opt        Options
	files      *memo
	registries *registries
}

// Accept tells whether path is oci://registry/repository[:tag][@digest].
func (l *ociLoader) Accept(path string) bool { return strings.HasPrefix(path, ociPrefix) }

// Load fetches the artifact and returns the Compose file of it.
func (l *ociLoader) Load(ctx context.Context, path string) (string, error) {
	if err := l.opt.enabled(ociSwitch, "reading Compose files from a registry"); err != nil {
		return "", err
	}
	named, err := reference.ParseDockerRef(strings.TrimPrefix(path, ociPrefix))
	if err != nil {
		return "", fmt.Errorf("%s: %s (write oci://REGISTRY/NAME:TAG)", path, oneLine(err))
	}
	return l.files.load(path, func() (string, error) {
		file, err := l.fetch(ctx, named)
		if err != nil {
			return "", fmt.Errorf("artifact %s: %w", named, err)
		}
		return file, nil
	})
}

// Dir is the folder that relative names in the file start at.
func (l *ociLoader) Dir(path string) string { return l.files.dir(path) }

// fetch makes sure that the artifact is in the cache. A digest that is there
// already needs no registry.
func (l *ociLoader) fetch(ctx context.Context, named reference.Named) (string, error) {
	cache, err := l.opt.cache("oci")
	if err != nil {
		return "", err
	}
	place := func(d digest.Digest) (folder, file string) {
		folder = filepath.Join(cache, d.Algorithm().String()+"-"+d.Encoded())
		// Called as the repository for people who meet it in lists and errors.
		name := folderName(path.Base(reference.Path(named)))
		return filepath.Join(folder, name), filepath.Join(folder, name, mainFile)
	}
	if pinned, ok := named.(reference.Digested); ok {
		if _, file := place(pinned.Digest()); exists(file) {
			return file, nil
		}
	}
	repo, err := l.registries.repository(ctx, named)
	if err != nil {
		return "", err
	}
	desc, err := repo.Resolve(ctx, tagOrDigest(named))
	if err != nil {
		return "", explain(named, err)
	}
	folder, file := place(desc.Digest)
	if exists(file) {
		return file, nil
	}
	manifest, err := projectManifest(ctx, named, repo, desc)
	if err != nil {
		return "", err
	}
	return file, install(folder, func(dir string) error {
		return unpack(dir, manifest.Layers, func(d ocispec.Descriptor) ([]byte, error) {
			data, err := content.FetchAll(ctx, repo.Blobs(), d)
			if err != nil {
				return nil, explain(named, err)
			}
			return data, nil
		})
	})
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// tagOrDigest is what a manifest is asked for by.
func tagOrDigest(named reference.Named) string {
	switch r := named.(type) {
	case reference.Digested:
		return r.Digest().String()
	case reference.Tagged:
		return r.Tag()
	}
	return "latest"
}

// projectManifest fetches the manifest; out of an index, the one that is a
// Compose project.
func projectManifest(ctx context.Context, named reference.Named, repo *remote.Repository, desc ocispec.Descriptor) (ocispec.Manifest, error) {
	var manifest ocispec.Manifest
	if desc.MediaType == ocispec.MediaTypeImageIndex {
		var index ocispec.Index
		if err := fetchJSON(ctx, named, repo, desc, &index); err != nil {
			return manifest, err
		}
		found := false
		for _, m := range index.Manifests {
			if m.ArtifactType == projectType {
				desc, found = m, true
				break
			}
		}
		if !found {
			return manifest, errors.New("is not a Compose project but an image of several platforms")
		}
	}
	if err := fetchJSON(ctx, named, repo, desc, &manifest); err != nil {
		return manifest, err
	}
	return manifest, checkManifest(manifest)
}

func fetchJSON(ctx context.Context, named reference.Named, repo *remote.Repository, desc ocispec.Descriptor, out any) error {
	if desc.Size > maxManifest {
		return fmt.Errorf("has a manifest larger than %d bytes", maxManifest)
	}
	data, err := content.FetchAll(ctx, repo.Manifests(), desc)
	if err != nil {
		return explain(named, err)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("has a manifest that cannot be read: %s", oneLine(err))
	}
	return nil
}
