package testengine

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// The images that [Images] provides. The numbered ones are the same but for
// the file /etc/berth-test-version and the variable VERSION, so that they have
// identities of their own: a test that changes a service's image takes those.
const (
	BusyboxImage = "berth-test/busybox:latest"
	BusyboxOne   = "berth-test/busybox:1"
	BusyboxTwo   = "berth-test/busybox:2"
	AppImage     = "berth-test/app:latest"
	AppOne       = "berth-test/app:1"
	AppTwo       = "berth-test/app:2"
	// HealthyImage is the app that serves and has a health check of its own.
	HealthyImage = "berth-test/app:healthy"
	// VolumeImage is the busybox with VOLUME /data, for anonymous volumes.
	VolumeImage = "berth-test/busybox:volume"
)

// digestLabel carries what an image was made from; an image with the right
// one needs no work.
const digestLabel = "dev.berth.test.digest"

// importTimeout bounds making one image, a compilation included.
const importTimeout = 3 * time.Minute

// searchPath is the PATH of the busybox images.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Busybox puts the busybox images on the engine, where they are not yet, and
// returns the name of the plain one. It has every applet in /bin and starts sh.
func Busybox(t testing.TB) string {
	t.Helper()
	provide(t, busyboxRecipes)
	return BusyboxImage
}

// App puts the images of the test program (package internal/testengine/app)
// on the engine, where they are not yet, and returns the name of the plain one.
// The program is /app and the entrypoint; without arguments it serves on 8080.
func App(t testing.TB) string {
	t.Helper()
	provide(t, appRecipes)
	return AppImage
}

// Images is [Busybox] and [App].
func Images(t testing.TB) {
	t.Helper()
	Busybox(t)
	App(t)
}

// file is one entry of an image.
type file struct {
	name    string
	content []byte
	// link makes the entry a symbolic link to this name.
	link string
	mode int64
}

// recipe is what an image is made of.
type recipe struct {
	ref   string
	files []file
	// changes are Dockerfile instructions: CMD, ENTRYPOINT, ENV, HEALTHCHECK,
	// LABEL, VOLUME.
	changes []string
}

// provide imports the images of a family for a test.
func provide(t testing.TB, family func(Engine) ([]recipe, error)) {
	t.Helper()
	engine := Require(t)
	if err := engine.provide(t.Context(), family); err != nil {
		t.Fatalf("test images for %s: %v", t.Name(), err)
	}
}

// ProvideApp is [App] for programs that are no tests.
func (e *Engine) ProvideApp(ctx context.Context) error { return e.provide(ctx, appRecipes) }

// provide imports the images of a family that the engine lacks.
func (e *Engine) provide(ctx context.Context, family func(Engine) ([]recipe, error)) error {
	recipes, err := family(*e)
	if err != nil {
		return err
	}
	for _, wanted := range recipes {
		if err := e.ensure(ctx, wanted); err != nil {
			return fmt.Errorf("%s: %w", wanted.ref, err)
		}
	}
	return nil
}

// ensure imports one image unless the engine has it already. Test packages
// run at the same time, hence the lock between processes.
func (e *Engine) ensure(ctx context.Context, wanted recipe) error {
	ctx, cancel := context.WithTimeout(ctx, importTimeout)
	defer cancel()
	digest := wanted.digest()
	if present, err := e.hasImage(ctx, wanted.ref, digest); present || err != nil {
		return err
	}
	dir, err := sharedDir()
	if err != nil {
		return err
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(dir, "images.lock")).Lock()
	if err != nil {
		return err
	}
	defer unlock()
	// Whoever had the lock before may have made it.
	if present, err := e.hasImage(ctx, wanted.ref, digest); present || err != nil {
		return err
	}
	return e.importImage(ctx, wanted, digest)
}

// hasImage reports whether the engine has the image made from that digest.
func (e *Engine) hasImage(ctx context.Context, ref, digest string) (bool, error) {
	var image struct {
		Config struct{ Labels map[string]string }
	}
	err := e.do(ctx, http.MethodGet, "/images/"+ref+"/json", nil, &image)
	if notFound(err) {
		return false, nil
	}
	return image.Config.Labels[digestLabel] == digest, err
}

// importImage hands the recipe's files to the engine as a flat image (Engine
// API POST /images/create?fromSrc=-).
func (e *Engine) importImage(ctx context.Context, wanted recipe, digest string) error {
	archive, err := wanted.archive()
	if err != nil {
		return err
	}
	repo, tag, _ := strings.Cut(wanted.ref, ":")
	query := url.Values{"fromSrc": {"-"}, "repo": {repo}, "tag": {tag}}
	query["changes"] = append([]string{"LABEL " + digestLabel + "=" + digest}, wanted.changes...)
	// The answer is a stream of progress documents whose last one may be an
	// error although the status is 200, so only a look at the result tells.
	importError := e.do(ctx, http.MethodPost, "/images/create?"+query.Encode(), archive, nil)
	present, err := e.hasImage(ctx, wanted.ref, digest)
	if err == nil && !present {
		return fmt.Errorf("the engine did not import it: %w", errors.Join(importError, errImport))
	}
	return errors.Join(importError, err)
}

// errImport stands where the engine gives no reason of its own.
var errImport = errors.New("no such image after the import")

// digest names everything that goes into the image.
func (r recipe) digest() string {
	sum := sha256.New()
	for _, entry := range r.files {
		fmt.Fprintf(sum, "%s %s %o %d\n", entry.name, entry.link, entry.mode, len(entry.content))
		sum.Write(entry.content)
	}
	fmt.Fprintf(sum, "%q", r.changes)
	return hex.EncodeToString(sum.Sum(nil))
}

// archive is the image's file system as a tar. Times are zero: an equal
// recipe gives equal bytes.
func (r recipe) archive() (*bytes.Buffer, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, entry := range r.files {
		header := &tar.Header{Name: entry.name, Mode: entry.mode, Size: int64(len(entry.content)), Typeflag: tar.TypeReg}
		switch {
		case entry.link != "":
			header.Typeflag, header.Linkname = tar.TypeSymlink, entry.link
		case strings.HasSuffix(entry.name, "/"):
			header.Typeflag = tar.TypeDir
		}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(entry.content); err != nil {
			return nil, err
		}
	}
	return &buffer, writer.Close()
}

// versions are three recipes that differ in their name and content: the plain
// one and the numbered ones.
func versions(base recipe) []recipe {
	var recipes []recipe
	for _, tag := range []string{"latest", "1", "2"} {
		content := []byte(tag + "\n")
		version := file{name: "etc/berth-test-version", content: content, mode: 0o644}
		recipes = append(recipes, base.with(tag, []file{version}, "ENV VERSION="+tag))
	}
	return recipes
}

// with is the recipe under another tag, with more in it.
func (r recipe) with(tag string, files []file, changes ...string) recipe {
	repo, _, _ := strings.Cut(r.ref, ":")
	return recipe{
		ref:     repo + ":" + tag,
		files:   append(append([]file{}, r.files...), files...),
		changes: append(append([]string{}, r.changes...), changes...),
	}
}
