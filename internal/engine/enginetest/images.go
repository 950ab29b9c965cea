package enginetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"

	"github.com/berth-dev/berth/internal/engine"
)

// image is a local image.
type image struct {
	engine.Image
	entrypoint, command []string
}

// SetCommand gives a local image the entrypoint and command that its
// containers run unless they have their own. Without it, an image has none, and
// its containers run until they are stopped.
func (e *Engine) SetCommand(ref string, entrypoint, command []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if img, ok := e.localImage(ref); ok {
		img.entrypoint, img.command = entrypoint, command
	}
}

// AddImage puts an image on the engine, as a build or pull would: tags it
// shares with another image move to it. Without an ID it gets one. It returns
// the ID.
func (e *Engine) AddImage(added engine.Image) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.addImage(added).ID
}

// AddRemote puts an image into the registry that PullImage and ResolveDigest
// ask, under each of its tags.
func (e *Engine) AddRemote(added engine.Image) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if added.ID == "" {
		added.ID = "sha256:" + e.newID("image")
	}
	digest := "@sha256:" + e.newID("digest")
	for _, tag := range added.Tags {
		img := added
		name, _, _ := strings.Cut(familiar(tag), ":")
		if len(img.Digests) == 0 {
			img.Digests = []string{name + digest}
		}
		e.remote[familiar(tag)] = img
		for _, ref := range img.Digests {
			e.remote[ref] = img
		}
	}
	return added.ID
}

// addImage is AddImage under the mutex.
func (e *Engine) addImage(added engine.Image) *image {
	if added.ID == "" {
		added.ID = "sha256:" + e.newID("image")
	}
	if added.OS == "" {
		added.OS, added.Architecture = "linux", "amd64"
	}
	if added.Created.IsZero() {
		added.Created = time.Now()
	}
	tags := added.Tags
	added.Tags = nil
	img, ok := e.images[added.ID]
	if !ok {
		img = &image{Image: added}
		e.images[added.ID] = img
	}
	for _, tag := range tags {
		e.tag(img, tag)
	}
	return img
}

// tag gives the image a reference, which any other image loses.
func (e *Engine) tag(img *image, ref string) {
	ref = familiar(ref)
	for _, other := range e.images {
		other.Tags = slices.DeleteFunc(other.Tags, func(t string) bool { return t == ref })
	}
	img.Tags = append(img.Tags, ref)
	img.LastTagged = time.Now()
}

// familiar is the reference as the engine shows it: docker.io/library/a is
// a:latest. What is no reference stays as it is.
func familiar(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	return reference.FamiliarString(reference.TagNameOnly(named))
}

// localImage finds an image by reference, digest, ID or ID prefix.
func (e *Engine) localImage(ref string) (*image, bool) {
	if img, ok := e.images[ref]; ok {
		return img, true
	}
	name := familiar(ref)
	for _, img := range e.images {
		if slices.Contains(img.Tags, name) || slices.Contains(img.Digests, name) {
			return img, true
		}
	}
	const shortest = 4 // hex digits that can be meant as an ID
	digits := strings.TrimPrefix(ref, "sha256:")
	if len(digits) < shortest || strings.Trim(digits, "0123456789abcdef") != "" {
		return nil, false
	}
	id, ok := onlyPrefix(e.images, "sha256:"+digits)
	return e.images[id], ok
}

// noImage is the engine's refusal for an image it does not have.
func noImage(op, ref string) error {
	return &engine.Error{Op: op, Name: ref, Kind: engine.ErrNotFound, Text: "No such image: " + familiar(ref)}
}

// Images finds local images, keyed by the references as given: one request for
// all names, and one more for each ID and for each digest not found by it.
func (e *Engine) Images(ctx context.Context, refs ...string) (map[string]engine.Image, error) {
	found := map[string]engine.Image{}
	var byID []string
	var byName []string
	for _, ref := range refs {
		if isID(ref) {
			byID = append(byID, ref)
		} else {
			byName = append(byName, ref)
		}
	}
	if len(byName) > 0 {
		err := e.call(ctx, request{method: "Images", args: byName}, func() error {
			for _, ref := range byName {
				if img, ok := e.localImage(ref); ok {
					found[ref] = img.listed()
				} else if strings.Contains(ref, "@") {
					byID = append(byID, ref)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for _, ref := range byID {
		img, err := e.InspectImage(ctx, ref)
		if err == nil {
			found[ref] = img
		} else if !errors.Is(err, engine.ErrNotFound) {
			return nil, err
		}
	}
	return found, nil
}

// isID tells whether the reference is an image's ID, whole or shortened.
func isID(ref string) bool {
	const shortest, longest = 12, 64
	digits := strings.TrimPrefix(ref, "sha256:")
	return len(digits) >= shortest && len(digits) <= longest && strings.Trim(digits, "0123456789abcdef") == ""
}

// listed is the image as a list shows it: without what only an inspection
// tells.
func (i *image) listed() engine.Image {
	img := i.clone()
	img.OS, img.Architecture, img.Variant, img.Volumes, img.HasHealth = "", "", "", nil, false
	return img
}

func (i *image) clone() engine.Image {
	img := i.Image
	img.Tags, img.Digests = slices.Clone(img.Tags), slices.Clone(img.Digests)
	img.Labels, img.Volumes = maps.Clone(img.Labels), slices.Clone(img.Volumes)
	return img
}

// InspectImage tells everything about one local image.
func (e *Engine) InspectImage(ctx context.Context, ref string) (engine.Image, error) {
	var img engine.Image
	err := e.call(ctx, request{method: "InspectImage", args: []string{ref}}, func() error {
		found, ok := e.localImage(ref)
		if !ok {
			return noImage("inspect image", ref)
		}
		img = found.clone()
		return nil
	})
	return img, err
}

// PullImage fetches an image from the registry.
func (e *Engine) PullImage(ctx context.Context, ref string, options engine.PullOptions) error {
	if err := e.negotiate(ctx); err != nil {
		return err
	}
	call, err := e.open(ctx, request{method: "PullImage", args: []string{ref}, mutates: true})
	if err != nil {
		return err
	}
	return e.finish(call, e.pull(ctx, ref, options))
}

// pull is PullImage's request. An image comes in one layer, in two halves.
func (e *Engine) pull(ctx context.Context, ref string, options engine.PullOptions) error {
	name := familiar(ref)
	e.mu.Lock()
	img, ok := e.remote[name]
	e.mu.Unlock()
	if !ok {
		return denied("pull image", ref)
	}
	tell := func(layer, status string, current, total int64) {
		if options.Progress != nil {
			options.Progress(engine.PullProgress{Layer: layer, Status: status, Current: current, Total: total})
		}
	}
	layer, size := strings.TrimPrefix(img.ID, "sha256:")[:12], max(img.Size, 2)
	tell("", "Pulling from "+name, 0, 0)
	tell(layer, "Downloading", size/2, size)
	if err := pause(ctx, e.pullTime); err != nil {
		return err
	}
	tell(layer, "Pull complete", 0, 0)
	tell("", "Status: Downloaded newer image for "+name, 0, 0)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.gone(); err != nil {
		return err
	}
	img.Tags = nil
	if !strings.Contains(name, "@") {
		img.Tags = []string{ref}
	}
	e.addImage(img)
	e.emitImage("pull", img.ID, name, img.Labels)
	return nil
}

// denied is the registry's refusal for an image it does not have.
func denied(op, ref string) error {
	repository, _, _ := strings.Cut(familiar(ref), ":")
	text := fmt.Sprintf("pull access denied for %s, repository does not exist or may require 'docker login': "+
		"denied: requested access to the resource is denied", repository)
	return &engine.Error{Op: op, Name: ref, Kind: engine.ErrDenied, Text: text}
}

// PushImage puts a local image into the registry.
func (e *Engine) PushImage(ctx context.Context, ref string, options engine.PullOptions) error {
	return e.call(ctx, request{method: "PushImage", args: []string{ref}, mutates: true}, func() error {
		img, ok := e.localImage(ref)
		if !ok {
			text := "An image does not exist locally with the tag: " + ref
			return &engine.Error{Op: "push image", Name: ref, Kind: engine.ErrNotFound, Text: text}
		}
		if options.Progress != nil {
			options.Progress(engine.PullProgress{Status: "The push refers to repository [" + ref + "]"})
		}
		e.remote[familiar(ref)] = img.clone()
		e.emitImage("push", img.ID, familiar(ref), img.Labels)
		return nil
	})
}

// TagImage gives a local image another reference.
func (e *Engine) TagImage(ctx context.Context, source, target string) error {
	return e.call(ctx, request{method: "TagImage", args: []string{source, target}, mutates: true}, func() error {
		img, ok := e.localImage(source)
		if !ok {
			return noImage("tag image", source)
		}
		e.tag(img, target)
		e.emitImage("tag", img.ID, familiar(target), img.Labels)
		return nil
	})
}

// RemoveImage removes a reference, and with the last one the image itself,
// unless a container uses it.
func (e *Engine) RemoveImage(ctx context.Context, ref string, force bool) error {
	return e.call(ctx, request{method: "RemoveImage", args: []string{ref}, mutates: true}, func() error {
		img, ok := e.localImage(ref)
		if !ok {
			return noImage("remove image", ref)
		}
		name := familiar(ref)
		byTag := slices.Contains(img.Tags, name)
		if user := e.imageUser(img); user != nil && len(img.Tags) <= 1 && !force {
			const short = 12
			text := fmt.Sprintf("conflict: unable to remove repository reference %q (must force) - container %s is using its referenced image %s",
				ref, user.id[:short], strings.TrimPrefix(img.ID, "sha256:")[:short])
			return &engine.Error{Op: "remove image", Name: ref, Kind: engine.ErrConflict, Text: text}
		}
		if byTag {
			img.Tags = slices.DeleteFunc(img.Tags, func(t string) bool { return t == name })
			e.emitImage("untag", img.ID, name, img.Labels)
		}
		if (len(img.Tags) == 0 || !byTag) && e.imageUser(img) == nil {
			delete(e.images, img.ID)
			e.emitImage("delete", img.ID, img.ID, nil)
		}
		return nil
	})
}

// imageUser is a container made from the image, or nil.
func (e *Engine) imageUser(img *image) *container {
	for _, c := range e.containers {
		if c.image == img {
			return c
		}
	}
	return nil
}

// ResolveDigest asks the registry for the digest of a reference.
func (e *Engine) ResolveDigest(ctx context.Context, ref string) (string, error) {
	digest := ""
	err := e.call(ctx, request{method: "ResolveDigest", args: []string{ref}}, func() error {
		img, ok := e.remote[familiar(ref)]
		if !ok {
			return denied("resolve digest of", ref)
		}
		digest = img.ID
		if len(img.Digests) > 0 {
			_, digest, _ = strings.Cut(img.Digests[0], "@")
		}
		return nil
	})
	return digest, err
}

// emitImage emits an image event.
func (e *Engine) emitImage(action, id, name string, labels map[string]string) {
	attributes := map[string]string{"name": name}
	maps.Copy(attributes, labels)
	e.emit(engine.Event{Kind: "image", Action: action, ID: id, Name: name, Attributes: attributes})
}
