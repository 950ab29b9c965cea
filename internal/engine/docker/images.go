package docker

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"github.com/berth-dev/berth/internal/engine"
)

// idPattern is an image ID, whole or shortened to at least twelve digits.
const idPattern = `^(sha256:)?[0-9a-f]{12,64}$`

// Images looks up local images in one list request. References by ID or by
// digest that the list does not show are inspected one by one. The result is
// keyed by the reference as given; what is absent is not local.
func (e *Engine) Images(ctx context.Context, refs ...string) (map[string]engine.Image, error) {
	const op = "list images"
	result := make(map[string]engine.Image, len(refs))
	if len(refs) == 0 {
		return result, nil
	}
	if err := e.ready(ctx, op, ""); err != nil {
		return nil, err
	}
	args := filters.NewArgs()
	for _, ref := range refs {
		if name := familiar(ref); name != "" {
			args.Add("reference", name)
		}
	}
	byName := map[string]engine.Image{}
	if args.Len() > 0 {
		rows, err := e.cli.ImageList(ctx, image.ListOptions{Filters: args})
		if err != nil {
			return nil, e.fail(ctx, op, "", err)
		}
		byName = imagesByName(rows)
	}
	for _, ref := range refs {
		if found, ok := byName[familiar(ref)]; ok {
			result[ref] = found
			continue
		}
		if !isID(ref) && !strings.Contains(ref, "@") {
			continue
		}
		found, err := e.InspectImage(ctx, ref)
		if errors.Is(err, engine.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		result[ref] = found
	}
	return result, nil
}

// imagesByName keys listed images by all their references.
func imagesByName(rows []image.Summary) map[string]engine.Image {
	byName := map[string]engine.Image{}
	for _, row := range rows {
		found := engine.Image{
			ID: row.ID, Tags: row.RepoTags, Digests: row.RepoDigests,
			Created: unixTime(row.Created), Size: row.Size, Labels: row.Labels,
		}
		for _, name := range append(append([]string(nil), row.RepoTags...), row.RepoDigests...) {
			byName[familiar(name)] = found
		}
	}
	return byName
}

// isID tells whether a reference is an image ID.
func isID(ref string) bool { return regexp.MustCompile(idPattern).MatchString(ref) }

// familiar is a reference as the engine's list shows it: "nginx" gives
// "nginx:latest", "docker.io/library/nginx:1" gives "nginx:1", and a name with
// tag and digest loses its tag. Empty for what is no reference by name.
func familiar(ref string) string {
	if strings.HasPrefix(ref, "sha256:") {
		return ""
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ""
	}
	if digested, ok := named.(reference.Digested); ok {
		return reference.FamiliarName(named) + "@" + digested.Digest().String()
	}
	return reference.FamiliarString(reference.TagNameOnly(named))
}

// InspectImage gives everything the engine knows of one local image.
func (e *Engine) InspectImage(ctx context.Context, ref string) (engine.Image, error) {
	const op = "inspect image"
	if err := e.ready(ctx, op, ref); err != nil {
		return engine.Image{}, err
	}
	answer, err := e.cli.ImageInspect(ctx, ref)
	if err != nil {
		return engine.Image{}, e.fail(ctx, op, ref, err)
	}
	return convertImage(answer), nil
}

func convertImage(answer image.InspectResponse) engine.Image {
	result := engine.Image{
		ID: answer.ID, Tags: answer.RepoTags, Digests: answer.RepoDigests, Created: parseTime(answer.Created),
		Size: answer.Size, OS: answer.Os, Architecture: answer.Architecture, Variant: answer.Variant,
	}
	if tagged := answer.Metadata.LastTagTime; tagged.After(time.Unix(0, 0)) {
		result.LastTagged = tagged
	}
	if config := answer.Config; config != nil {
		result.Labels = config.Labels
		result.Volumes = sortedKeys(config.Volumes)
		check := config.Healthcheck
		result.HasHealth = check != nil && len(check.Test) > 0 && check.Test[0] != "NONE"
	}
	return result
}

// TagImage gives a local image a further name.
func (e *Engine) TagImage(ctx context.Context, source, target string) error {
	return e.act(ctx, "tag image", source+" as "+target, func() error { return e.cli.ImageTag(ctx, source, target) })
}

// RemoveImage removes a name, and the image with its last name.
func (e *Engine) RemoveImage(ctx context.Context, ref string, force bool) error {
	return e.act(ctx, "remove image", ref, func() error {
		_, err := e.cli.ImageRemove(ctx, ref, image.RemoveOptions{Force: force, PruneChildren: true})
		return err
	})
}
