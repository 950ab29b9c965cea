package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.yaml.in/yaml/v4"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// Versions of the OCI image specification that an artifact can be written in.
const (
	oci10 = "1.0"
	oci11 = "1.1"
)

// Artifact is what Publish sends.
type Artifact struct {
	// Repository is where to: REGISTRY/NAME[:TAG], completed as image names are.
	Repository string
	Layers     []Layer
	// OCIVersion is "1.0", "1.1", or "" for 1.1 and, where the registry refuses
	// that, 1.0.
	OCIVersion string
	// Images are put beside the artifact, in one index that refers to it.
	Images []string
	// Created is the time of publication.
	Created time.Time
	// Copying, if set, is called before each image is copied and after it.
	Copying func(image string, done bool)
}

// Published is what became of it.
type Published struct {
	Reference  string // with its tag
	Digest     string
	OCIVersion string
	Index      string // digest of the index of images; empty without Images
}

// CheckTarget completes the name to publish under and refuses what is none.
func CheckTarget(repository, ociVersion string) (name, registry string, err error) {
	if ociVersion != "" && ociVersion != oci10 && ociVersion != oci11 {
		return "", "", fmt.Errorf("--oci-version %s: there are 1.0 and 1.1", ociVersion)
	}
	target, err := parseTarget(repository)
	if err != nil {
		return "", "", err
	}
	return target.String(), reference.Domain(target), nil
}

func parseTarget(repository string) (reference.NamedTagged, error) {
	named, err := reference.ParseNormalizedNamed(repository)
	if err != nil {
		return nil, fmt.Errorf("%s: %s (write REGISTRY/NAME:TAG)", repository, oneLine(err))
	}
	if _, ok := named.(reference.Digested); ok {
		return nil, fmt.Errorf("%s: a digest cannot be published to (write REGISTRY/NAME:TAG)", repository)
	}
	tagged, ok := reference.TagNameOnly(named).(reference.NamedTagged)
	if !ok {
		return nil, fmt.Errorf("%s: has no tag (write REGISTRY/NAME:TAG)", repository)
	}
	return tagged, nil
}

// Publish sends the artifact to its registry.
func Publish(ctx context.Context, opt Options, a Artifact) (Published, error) {
	target, err := parseTarget(a.Repository)
	if err != nil {
		return Published{}, err
	}
	all := newRegistries(opt)
	repo, err := all.repository(ctx, target)
	if err != nil {
		return Published{}, err
	}
	out := Published{Reference: target.String(), OCIVersion: a.OCIVersion}
	desc, err := out.push(ctx, repo, a)
	if err != nil {
		return Published{}, fmt.Errorf("publish %s: %w", target, explain(target, err))
	}
	out.Digest = desc.Digest.String()
	if len(a.Images) > 0 {
		if out.Index, err = pushImages(ctx, all, repo, target, desc, a); err != nil {
			return Published{}, fmt.Errorf("publish %s: %w", target, err)
		}
	}
	if err := repo.Tag(ctx, desc, target.Tag()); err != nil {
		return Published{}, fmt.Errorf("publish %s: %w", target, explain(target, err))
	}
	return out, nil
}

// push sends layers and manifest, in the version that the registry takes.
func (p *Published) push(ctx context.Context, repo *remote.Repository, a Artifact) (ocispec.Descriptor, error) {
	var layers []ocispec.Descriptor
	for _, l := range a.Layers {
		desc, err := pushBlob(ctx, repo, l)
		if err != nil {
			return desc, err
		}
		layers = append(layers, desc)
	}
	options := oras.PackManifestOptions{
		Layers: layers, ManifestAnnotations: map[string]string{ocispec.AnnotationCreated: a.Created.UTC().Format(time.RFC3339)},
	}
	if p.OCIVersion != oci10 {
		desc, err := oras.PackManifest(ctx, repo, oras.PackManifestVersion1_1, projectType, options)
		if err == nil || p.OCIVersion == oci11 || !unknownForm(err) {
			p.OCIVersion = oci11
			return desc, err
		}
	}
	p.OCIVersion = oci10
	return oras.PackManifest(ctx, repo, oras.PackManifestVersion1_0, emptyConfigType, options)
}

// unknownForm tells a registry's refusal of a manifest from refusals of access.
func unknownForm(err error) bool {
	var refused *errcode.ErrorResponse
	if !errors.As(err, &refused) {
		return false
	}
	return slices.Contains([]int{
		http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity,
	}, refused.StatusCode)
}

func pushBlob(ctx context.Context, repo *remote.Repository, l Layer) (ocispec.Descriptor, error) {
	desc := content.NewDescriptorFromBytes(l.MediaType, l.Content)
	there, err := repo.Blobs().Exists(ctx, desc)
	if err == nil && !there {
		err = repo.Blobs().Push(ctx, desc, bytes.NewReader(l.Content))
	}
	desc.Annotations = l.Annotations
	return desc, err
}

// pushImages copies the images into the artifact's repository, which the index
// needs, and pushes the index with the artifact as its subject.
func pushImages(ctx context.Context, all *registries, repo *remote.Repository, target reference.Named, subject ocispec.Descriptor, a Artifact) (string, error) {
	index := ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, ArtifactType: projectType,
		Subject: &subject, Annotations: map[string]string{ocispec.AnnotationCreated: a.Created.UTC().Format(time.RFC3339)},
	}
	for _, image := range a.Images {
		if a.Copying != nil {
			a.Copying(image, false)
		}
		desc, err := copyImage(ctx, all, repo, target, image)
		if err != nil {
			return "", fmt.Errorf("image %s: %w", image, err)
		}
		index.Manifests = append(index.Manifests, desc)
		if a.Copying != nil {
			a.Copying(image, true)
		}
	}
	data, err := json.Marshal(index)
	if err != nil {
		return "", fmt.Errorf("write the index of images: %w", err)
	}
	desc := content.NewDescriptorFromBytes(ocispec.MediaTypeImageIndex, data)
	if err := repo.Manifests().Push(ctx, desc, bytes.NewReader(data)); err != nil {
		return "", explain(target, err)
	}
	return desc.Digest.String(), nil
}

// copyImage copies an image with all its platforms; what the registry has already
// is mounted.
func copyImage(ctx context.Context, all *registries, repo *remote.Repository, target reference.Named, image string) (ocispec.Descriptor, error) {
	named, err := reference.ParseDockerRef(image)
	if err != nil {
		return ocispec.Descriptor{}, errors.New(oneLine(err))
	}
	source, err := all.repository(ctx, named)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, err := source.Resolve(ctx, tagOrDigest(named))
	if err != nil {
		return desc, explain(named, err)
	}
	options := oras.DefaultCopyGraphOptions
	if reference.Domain(named) == reference.Domain(target) {
		options.MountFrom = func(context.Context, ocispec.Descriptor) ([]string, error) {
			return []string{reference.Path(named)}, nil
		}
	}
	if err := oras.CopyGraph(ctx, source, repo, desc, options); err != nil {
		return desc, explain(copyEnd(err, named, target), err)
	}
	desc.Annotations = map[string]string{ocispec.AnnotationRefName: named.String()}
	return desc, nil
}

// copyEnd is the side of a copy that failed.
func copyEnd(err error, source, target reference.Named) reference.Named {
	var failed *oras.CopyError
	if errors.As(err, &failed) && failed.Origin == oras.CopyErrorOriginDestination {
		return target
	}
	return source
}

// WithDigest completes an image's name and adds its digest; without a digest it
// only completes.
func WithDigest(image, sum string) (string, error) {
	named, err := reference.ParseDockerRef(image)
	if err != nil {
		return "", fmt.Errorf("image %s: %s", image, oneLine(err))
	}
	if sum == "" {
		return named.String(), nil
	}
	parsed, err := digest.Parse(sum)
	if err != nil {
		return "", fmt.Errorf("image %s: %s is not a digest: %w", image, sum, err)
	}
	pinned, err := reference.WithDigest(named, parsed)
	if err != nil {
		return "", fmt.Errorf("image %s: %w", image, err)
	}
	return pinned.String(), nil
}

// IsPinned tells whether an image is named by its digest already.
func IsPinned(image string) bool {
	named, err := reference.ParseNormalizedNamed(image)
	_, pinned := named.(reference.Digested)
	return err == nil && pinned
}

// DigestLayer is a layer that overrides the images of services (service to
// reference).
func DigestLayer(images map[string]string, version string) (Layer, error) {
	type service struct {
		Image string `yaml:"image"`
	}
	model := struct {
		Services map[string]service `yaml:"services"`
	}{map[string]service{}}
	for name, image := range images {
		model.Services[name] = service{image}
	}
	content, err := yaml.Marshal(model)
	if err != nil {
		return Layer{}, fmt.Errorf("write the digests of images: %w", err)
	}
	return composeLayer(version, digestsFile, content), nil
}
