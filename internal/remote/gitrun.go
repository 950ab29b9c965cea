package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// git runs the git program in the environment env.
type git struct{ env []string }

// git prepares the environment: no repository of the caller's, no questions at
// the terminal, messages that can be read.
func (l *gitLoader) git() git {
	var env []string
	for _, kv := range l.opt.Environ {
		key, _, _ := strings.Cut(kv, "=")
		switch key {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
			"GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "LC_ALL":
		default:
			env = append(env, kv)
		}
	}
	return git{env: append(env, "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")}
}

// revision is a commit and, where one was looked up, the full name of the branch
// or tag that it is the tip of.
type revision struct{ commit, name string }

// resolve asks the repository which commit a branch, a tag or its default branch
// is at.
func (g git) resolve(ctx context.Context, ref gitRef) (revision, error) {
	patterns := []string{"HEAD"}
	if ref.ref != "" {
		patterns = []string{ref.ref, ref.ref + "^{}"} // the second is what an annotated tag points to
	}
	out, err := g.run(ctx, "", append([]string{"ls-remote", "--", ref.remote}, patterns...)...)
	if err != nil {
		return revision{}, err
	}
	tips := map[string]string{}
	for _, line := range strings.Split(out, "\n") {
		if commit, name, ok := strings.Cut(line, "\t"); ok {
			tips[strings.TrimSpace(name)] = commit
		}
	}
	names := []string{"HEAD"}
	if ref.ref != "" {
		names = []string{ref.ref, "refs/heads/" + ref.ref, "refs/tags/" + ref.ref}
	}
	for _, name := range names {
		commit, ok := tips[name]
		if !ok {
			continue
		}
		if peeled, ok := tips[name+"^{}"]; ok {
			commit = peeled
		}
		return revision{commit: commit, name: name}, nil
	}
	if ref.ref == "" {
		return revision{}, errors.New("has no default branch: name one (URL.git#BRANCH)")
	}
	return revision{}, fmt.Errorf("has no branch or tag %q (a commit must be given in full)", ref.ref)
}

// clone puts the tree of the commit into dir, with no more history than needed.
func (g git) clone(ctx context.Context, ref gitRef, at revision, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("keep remote files: %w", err)
	}
	// Hooks of the user's own template would run in it.
	if _, err := g.run(ctx, dir, "init", "-q", "--template=", "."); err != nil {
		return err
	}
	want := at.commit
	if at.name != "" {
		want = at.name
	}
	fetch := []string{"fetch", "-q", "--no-tags", "--no-recurse-submodules"}
	_, err := g.run(ctx, dir, append(slices.Clone(fetch), "--depth", "1", "--", ref.remote, want)...)
	if err != nil && at.name == "" && ctx.Err() == nil {
		// Not every server gives a commit that is not the tip of a branch: then
		// all of them are fetched.
		_, all := g.run(ctx, dir, append(slices.Clone(fetch), "--", ref.remote, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")...)
		if all == nil {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	if _, err := g.run(ctx, dir, "checkout", "-q", "--detach", at.commit, "--"); err != nil {
		return fmt.Errorf("has no commit %s: %w", at.commit, err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".gitmodules")); err == nil && ref.modules {
		_, err = g.run(ctx, dir, "submodule", "-q", "update", "--init", "--recursive", "--depth", "1")
		return err
	}
	return nil
}

// run gives what git writes on standard output. The error is git's own last
// word, without passwords.
func (g git) run(ctx context.Context, dir string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", append([]string{"-c", "core.hooksPath=" + os.DevNull, "-c", "advice.detachedHead=false"}, args...)...)
	command.Dir, command.Env = dir, g.env
	command.WaitDelay = 5 * time.Second // a transport helper may outlive git
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	switch {
	case err == nil:
		return stdout.String(), nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, exec.ErrNotFound):
		return "", errors.New("the program git is needed and not found: install git")
	}
	word := lastWord(stderr.String())
	if word == "" {
		word = err.Error()
	}
	return "", errors.New(word)
}

// lastWord picks the line of git's output that says what is wrong.
func lastWord(output string) string {
	var said, fatal string
	for _, line := range strings.Split(output, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "fatal: ") && !strings.HasPrefix(line, "fatal: Could not read from remote"):
			if fatal == "" {
				fatal = strings.TrimPrefix(line, "fatal: ")
			}
		case strings.HasPrefix(line, "Please make sure") || strings.HasPrefix(line, "and the repository exists"):
		case said == "" || strings.HasPrefix(line, "ERROR: "):
			said = strings.TrimPrefix(strings.TrimPrefix(line, "ERROR: "), "fatal: ")
		}
	}
	if fatal != "" {
		said = fatal
	}
	for _, word := range strings.Fields(said) {
		bare := strings.Trim(word, "'\"")
		said = strings.ReplaceAll(said, bare, shownRemote(bare))
	}
	return said
}
