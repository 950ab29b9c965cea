package remote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
)

// gitLoader reads Compose files out of git repositories.
type gitLoader struct {
	opt   Options
	files *memo
}

// Accept tells whether path is a git reference: https://host/repo.git,
// git@host:repo, ssh:// and git:// with an optional #ref:folder, or
// github.com/org/repo.
func (l *gitLoader) Accept(path string) bool {
	if strings.HasPrefix(path, ociPrefix) {
		return false
	}
	_, isGit, err := dfgitutil.ParseGitRef(path)
	return isGit || err == nil
}

// Load fetches the commit that the reference names and returns the Compose file
// in it.
func (l *gitLoader) Load(ctx context.Context, path string) (string, error) {
	if err := l.opt.enabled(gitSwitch, "reading Compose files from git"); err != nil {
		return "", err
	}
	ref, err := parseGit(path)
	if err != nil {
		return "", err
	}
	return l.files.load(path, func() (string, error) {
		file, err := l.fetch(ctx, ref)
		if err != nil {
			return "", fmt.Errorf("git repository %s: %w", ref.shown(), err)
		}
		return file, nil
	})
}

// Dir is the folder that relative names in the file start at.
func (l *gitLoader) Dir(path string) string { return l.files.dir(path) }

// gitRef is a reference taken apart.
type gitRef struct {
	remote   string // what git takes
	name     string // the repository's last element
	ref      string // branch, tag, commit, or "" for the default branch
	checksum string // beginning of the commit it must be; may be empty
	path     string // file or folder in the repository; may be empty
	modules  bool   // submodules are asked for
}

func parseGit(text string) (gitRef, error) {
	parsed, _, err := dfgitutil.ParseGitRef(text)
	if err != nil {
		return gitRef{}, fmt.Errorf("%s is not a git reference: %s (write URL.git#BRANCH:FOLDER)", shownRemote(text), oneLine(err))
	}
	ref := gitRef{
		remote: parsed.Remote, name: parsed.ShortName, ref: parsed.Ref, checksum: parsed.Checksum, path: parsed.SubDir,
		modules: parsed.Submodules != nil && *parsed.Submodules,
	}
	if parsed.IndistinguishableFromLocal {
		ref.remote = "https://" + ref.remote
	}
	if strings.HasPrefix(ref.ref, "-") || strings.ContainsAny(ref.ref, " \t\r\n\x00*?[\\") {
		return gitRef{}, fmt.Errorf("%s: %q is not a branch, tag or commit", ref.shown(), ref.ref)
	}
	ref.name = folderName(ref.name)
	return ref, nil
}

// folderName is name where that is a plain name for a folder, else a substitute.
func folderName(name string) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	if name == "" || strings.Trim(name, letters+"_.-") != "" || !strings.Contains(letters, name[:1]) {
		return "project"
	}
	return name
}

// shown is the repository without a password.
func (r gitRef) shown() string { return shownRemote(r.remote) }

func shownRemote(remote string) string {
	u, err := url.Parse(remote)
	if err != nil || u.User == nil {
		return remote
	}
	return u.Redacted()
}

// isCommit tells a full commit, which needs no asking, from other names.
func (r gitRef) isCommit() bool {
	if len(r.ref) != 40 && len(r.ref) != 64 {
		return false
	}
	_, err := hex.DecodeString(r.ref)
	return err == nil
}

// fetch makes sure that the commit is in the cache and finds the file in it.
func (l *gitLoader) fetch(ctx context.Context, ref gitRef) (string, error) {
	cache, err := l.opt.cache("git")
	if err != nil {
		return "", err
	}
	git := l.git()
	at := revision{commit: ref.ref}
	if !ref.isCommit() {
		if at, err = git.resolve(ctx, ref); err != nil {
			return "", err
		}
	}
	if !strings.HasPrefix(at.commit, ref.checksum) {
		return "", fmt.Errorf("%s is commit %s, not %s as the reference demands", orDefault(ref.ref), at.commit, ref.checksum)
	}
	// The last folder is called as the repository, for people who meet it in
	// lists of projects and in errors.
	sum := sha256.Sum256([]byte(ref.remote))
	folder := filepath.Join(cache, hex.EncodeToString(sum[:8])+modulesMark(ref), at.commit)
	tree := filepath.Join(folder, ref.name)
	if _, err := os.Stat(tree); errors.Is(err, os.ErrNotExist) {
		err = install(folder, func(dir string) error { return git.clone(ctx, ref, at, filepath.Join(dir, ref.name)) })
		if err != nil {
			return "", err
		}
	}
	return locate(tree, ref.path)
}

// modulesMark keeps trees with submodules apart from those without.
func modulesMark(ref gitRef) string {
	if ref.modules {
		return "-modules"
	}
	return ""
}

func orDefault(ref string) string {
	if ref == "" {
		return "the default branch"
	}
	return ref
}

// install fills a folder in such a way that it is there whole or not at all,
// whoever else does the same at the same time.
func install(folder string, fill func(dir string) error) error {
	parent := filepath.Dir(folder)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return fmt.Errorf("keep remote files: %w", err)
	}
	temporary, err := os.MkdirTemp(parent, ".new-")
	if err != nil {
		return fmt.Errorf("keep remote files: %w", err)
	}
	if err := fill(temporary); err != nil {
		return errors.Join(err, os.RemoveAll(temporary))
	}
	if err := os.Rename(temporary, folder); err != nil {
		if _, there := os.Stat(folder); there == nil { // another process was faster
			return os.RemoveAll(temporary)
		}
		return errors.Join(fmt.Errorf("keep remote files: %w", err), os.RemoveAll(temporary))
	}
	return nil
}
