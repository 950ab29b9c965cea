package build

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
)

// maxDockerfile is the largest Dockerfile that is read, in bytes.
const maxDockerfile = 4 << 20

// ignoreFile is the name of the file with the patterns of what is not sent.
const ignoreFile = ".dockerignore"

// stdinContext is the context that is read from standard input.
const stdinContext = "-"

// buildFiles is where the files of a build come from.
type buildFiles struct {
	// dir is the local context folder; empty with a remote or piped one.
	dir string
	// remote is the context's URL, when it is one.
	remote string
	// stdin is the archive that is the context, when it is piped in.
	stdin io.Reader
	// dockerfile is the Dockerfile's content; nil when it is inside a remote
	// or piped context.
	dockerfile []byte
	// filename names the Dockerfile to the frontend and in errors.
	filename string
	// ignore is the content of the .dockerignore that counts; ownIgnore says
	// that it belongs to the Dockerfile (<Dockerfile>.dockerignore).
	ignore    []byte
	ownIgnore bool
}

// findFiles looks up and reads what a target's context and Dockerfile keys
// name. Errors name the key.
func findFiles(target Target, stdin io.Reader) (buildFiles, error) {
	var files buildFiles
	build := target.Build
	where := "services." + target.Service + ".build."
	switch {
	case build.Context == stdinContext:
		if stdin == nil {
			return files, fmt.Errorf("%scontext: \"-\" reads the context from standard input, which is not connected", where)
		}
		if err := files.readStdin(stdin); err != nil {
			return files, fmt.Errorf("%scontext: standard input: %w", where, err)
		}
	case isRemote(build.Context):
		files.remote = build.Context
	default:
		files.dir = build.Context
		if info, err := os.Stat(files.dir); err != nil {
			return files, fmt.Errorf("%scontext: %s", where, plain(err))
		} else if !info.IsDir() {
			return files, fmt.Errorf("%scontext: %s is not a folder", where, files.dir)
		}
	}
	if build.DockerfileInline != "" {
		files.dockerfile, files.filename = []byte(build.DockerfileInline), "Dockerfile"
		return files, files.readIgnore("")
	}
	if err := files.findDockerfile(build.Dockerfile); err != nil {
		return files, fmt.Errorf("%sdockerfile: %s", where, plain(err))
	}
	return files, nil
}

// findDockerfile reads the Dockerfile at name, which is relative to the
// context. Without a name it is Dockerfile, or else dockerfile.
func (f *buildFiles) findDockerfile(name string) error {
	if f.dockerfile != nil { // piped in
		return nil
	}
	if f.dir == "" && !filepath.IsAbs(name) {
		f.filename = name
		return nil
	}
	path := name
	if name == "" {
		path = "Dockerfile"
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(f.dir, path)
	}
	content, err := readLimited(path)
	if name == "" && errors.Is(err, fs.ErrNotExist) {
		lower := filepath.Join(f.dir, "dockerfile")
		if second, errLower := readLimited(lower); errLower == nil {
			path, content, err = lower, second, nil
		}
	}
	if err != nil {
		return err
	}
	f.dockerfile, f.filename = content, filepath.Base(path)
	return f.readIgnore(path)
}

// readIgnore reads <dockerfile>.dockerignore, or else the context's
// .dockerignore. dockerfile is empty when there is no file.
func (f *buildFiles) readIgnore(dockerfile string) error {
	var err error
	if dockerfile != "" {
		if f.ignore, err = readLimited(dockerfile + ignoreFile); err == nil {
			f.ownIgnore = true
			return nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if f.dir == "" {
		return nil
	}
	f.ignore, err = readLimited(filepath.Join(f.dir, ignoreFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ignoreName is the name of the .dockerignore that counts.
func (f *buildFiles) ignoreName() string {
	if f.ownIgnore {
		return f.filename + ignoreFile
	}
	return ignoreFile
}

// excludes are the patterns of what is not sent. The Dockerfile itself is
// sent apart, so that excluding it does no harm.
func (f *buildFiles) excludes() ([]string, error) {
	if len(f.ignore) == 0 {
		return nil, nil
	}
	return ignorefile.ReadAll(bytes.NewReader(f.ignore))
}

// dockerfileFS is a folder with nothing but the Dockerfile and its own
// .dockerignore.
func (f *buildFiles) dockerfileFS() fsutil.FS {
	folder := memoryFS{f.filename: f.dockerfile}
	if f.ownIgnore {
		folder[f.filename+ignoreFile] = f.ignore
	}
	return folder
}

// isRemote tells whether a context is fetched by the engine.
func isRemote(context string) bool {
	for _, prefix := range []string{"https://", "http://", "git://", "ssh://", "github.com/", "git@"} {
		if strings.HasPrefix(context, prefix) {
			return true
		}
	}
	return false
}

// localName is the name under which the engine asks for a local folder. It
// stays the same over runs, so that the engine finds what it already has.
func localName(kind string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return kind + "-" + hex.EncodeToString(sum[:6])
}

// readLimited reads a file of at most maxDockerfile bytes.
func readLimited(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	content, err := io.ReadAll(io.LimitReader(file, maxDockerfile+1))
	if err == nil && len(content) > maxDockerfile {
		err = fmt.Errorf("%s is larger than %d MiB", path, maxDockerfile>>20)
	}
	return content, err
}

// plain is an error of the file system in the words of a person.
func plain(err error) string {
	var path *fs.PathError
	if !errors.As(err, &path) {
		return err.Error()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return path.Path + " does not exist"
	}
	return path.Path + ": " + path.Err.Error()
}
