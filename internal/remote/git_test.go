package remote_test

import (
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gitServer serves bare repositories over HTTP as git's own server does.
type gitServer struct {
	t    *testing.T
	root string
	url  string
}

// newGitServer is skipped by name where there is no git server program.
func newGitServer(t *testing.T) *gitServer {
	t.Helper()
	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Skipf("needs the program git: %v", err)
	}
	backend := filepath.Join(strings.TrimSpace(string(path)), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Skipf("needs git's server program: %v", err)
	}
	s := &gitServer{t: t, root: t.TempDir()}
	server := httptest.NewServer(&cgi.Handler{
		Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + s.root, "GIT_HTTP_EXPORT_ALL=1"},
	})
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// git runs git in a folder of the server.
func (s *gitServer) git(dir string, args ...string) string {
	s.t.Helper()
	command := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"}, args...)...)
	command.Dir = filepath.Join(s.root, dir)
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := command.CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes files (name to content, in pairs) and returns the commit.
func (s *gitServer) commit(repo string, pairs ...string) string {
	s.t.Helper()
	dir := filepath.Join(s.root, repo)
	if _, err := os.Stat(dir); err != nil {
		if err := os.Mkdir(dir, 0o700); err != nil {
			s.t.Fatal(err)
		}
		s.git(repo, "init", "-q")
	}
	for i := 0; i < len(pairs); i += 2 {
		file := filepath.Join(dir, pairs[i])
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(pairs[i+1]), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	s.git(repo, "add", "-A")
	s.git(repo, "commit", "-q", "-m", "x")
	return s.git(repo, "rev-parse", "HEAD")
}

func TestGitReferencesNameBranchTagCommitAndFolder(t *testing.T) {
	s := newGitServer(t)
	first := s.commit("shop.git", "compose.yaml", "first", "sub/docker-compose.yml", "sub", "sub/other.yaml", "other")
	s.git("shop.git", "tag", "light")
	s.git("shop.git", "tag", "-a", "-m", "m", "heavy")
	s.git("shop.git", "branch", "release/1")
	second := s.commit("shop.git", "compose.yaml", "second")
	s.commit("shop.git", "compose.yaml", "third")
	repo := s.url + "/shop.git"
	for ref, want := range map[string]string{
		repo: "third", repo + "#main": "third", repo + "#": "third", repo + "#light": "first", repo + "#heavy": "first",
		repo + "#release/1": "first", repo + "#refs/heads/release/1": "first", repo + "#" + first: "first",
		repo + "#" + second: "second", // no branch's tip
		repo + "#light:sub": "sub", repo + "#:sub/other.yaml": "other", repo + "#main:/sub/": "sub",
		repo + "?tag=heavy": "first", repo + "?branch=main&subdir=sub": "sub", repo + "?ref=light&checksum=" + first[:12]: "first",
	} {
		file, err := load(t, options(t), ref)
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil || string(content) != want {
			t.Errorf("%s holds %q (%v), want %q", ref, content, err, want)
		}
	}
}

func TestFolderOfARepositoryIsCalledLikeIt(t *testing.T) {
	s := newGitServer(t)
	s.commit("shop.git", "compose.yaml", "x")
	file, err := load(t, options(t), s.url+"/shop.git")
	if err != nil {
		t.Fatal(err)
	}
	if name := filepath.Base(filepath.Dir(file)); name != "shop" {
		t.Errorf("it is called %s", name)
	}
}

func TestGitFailuresAreSaidInOneLine(t *testing.T) {
	s := newGitServer(t)
	commit := s.commit("shop.git", "compose.yaml", "x", "sub/x", "x", "empty/x", "x")
	if err := os.Symlink("/etc/passwd", filepath.Join(s.root, "shop.git", "link.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..", filepath.Join(s.root, "shop.git", "up")); err != nil {
		t.Fatal(err)
	}
	s.commit("shop.git")
	repo := s.url + "/shop.git"
	for ref, want := range map[string]string{
		repo + "#nope":                                        `has no branch or tag "nope"`,
		repo + "#" + commit[:10]:                              "a commit must be given in full",
		repo + "#" + strings.Repeat("a", 40):                  "has no commit aaaa",
		repo + "#main:none.yaml":                              "none.yaml: no such file",
		repo + "#main:empty":                                  "empty has no compose.yaml",
		repo + "#main:../x":                                   "leads out of the repository",
		repo + "#main:a/../../../x":                           "leads out of the repository",
		repo + "#main:link.yaml":                              "is a link out of the repository",
		repo + "#main:up":                                     "is a link out of the repository",
		repo + "#--upload-pack=touch x":                       "is not a branch, tag or commit",
		repo + "?ref=main&checksum=0000000":                   "not 0000000",
		repo + "?color=red":                                   "unexpected query",
		s.url + "/none.git":                                   "not found",
		"http://me:secret@127.0.0.1:1/x.git":                  "http://me:xxxxx@127.0.0.1:1/x.git",
		strings.Replace(repo, "//", "//u:hide@", 1) + "#nope": "u:xxxxx@",
	} {
		_, err := load(t, options(t), ref)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", ref, err, want)
			continue
		}
		if text := err.Error(); strings.Contains(text, "\n") || strings.Contains(text, "secret") || strings.Contains(text, "hide") {
			t.Errorf("%s: %q has a line break or a password", ref, text)
		}
	}
}

func TestGitCommitIsFetchedOnceAndKept(t *testing.T) {
	s := newGitServer(t)
	commit := s.commit("shop.git", "compose.yaml", "x")
	opt := options(t)
	first, err := load(t, opt, s.url+"/shop.git#"+commit)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(s.root, "shop.git")); err != nil {
		t.Fatal(err)
	}
	second, err := load(t, opt, s.url+"/shop.git#"+commit)
	if err != nil || first != second {
		t.Errorf("the second time: %s, %v", second, err)
	}
	if left, _ := filepath.Glob(filepath.Join(opt.CacheDir, "git", "*", ".new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestHooksOfTheUsersTemplatesDoNotRun(t *testing.T) {
	s := newGitServer(t)
	s.commit("shop.git", "compose.yaml", "x")
	template, mark := t.TempDir(), filepath.Join(t.TempDir(), "ran")
	if err := os.Mkdir(filepath.Join(template, "hooks"), 0o700); err != nil {
		t.Fatal(err)
	}
	hook := "#!/bin/sh\ntouch " + mark + "\n"
	if err := os.WriteFile(filepath.Join(template, "hooks", "post-checkout"), []byte(hook), 0o700); err != nil {
		t.Fatal(err)
	}
	opt := options(t)
	opt.Environ = append(opt.Environ, "GIT_TEMPLATE_DIR="+template)
	if _, err := load(t, opt, s.url+"/shop.git"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the hook ran")
	}
}

func TestCallersOwnRepositoryIsLeftAlone(t *testing.T) {
	s := newGitServer(t)
	s.commit("shop.git", "compose.yaml", "x")
	s.commit("own.git", "compose.yaml", "mine")
	before := s.git("own.git", "for-each-ref")
	opt := options(t)
	opt.Environ = append(opt.Environ, "GIT_DIR="+filepath.Join(s.root, "own.git", ".git"), "GIT_WORK_TREE="+filepath.Join(s.root, "own.git"))
	if _, err := load(t, opt, s.url+"/shop.git"); err != nil {
		t.Fatal(err)
	}
	if after := s.git("own.git", "for-each-ref"); after != before {
		t.Errorf("its branches were\n%s\nand are\n%s", before, after)
	}
}

func TestSubmodulesComeOnlyWhenAskedFor(t *testing.T) {
	s := newGitServer(t)
	s.commit("part.git", "part.yaml", "part")
	s.commit("shop.git", "compose.yaml", "x")
	s.git("shop.git", "submodule", "add", "-q", s.url+"/part.git", "part")
	s.commit("shop.git")
	opt := options(t)
	if _, err := load(t, opt, s.url+"/shop.git#:part/part.yaml"); err == nil {
		t.Error("the submodule came unasked")
	}
	if _, err := load(t, opt, s.url+"/shop.git?subdir=part/part.yaml&submodules=true"); err != nil {
		t.Error(err)
	}
}

func TestMissingGitIsSaid(t *testing.T) {
	opt := options(t)
	t.Setenv("PATH", t.TempDir())
	_, err := load(t, opt, "https://git.invalid/x.git")
	if err == nil || !strings.Contains(err.Error(), "install git") {
		t.Errorf("%v", err)
	}
}

func TestOnlyRemoteReferencesAreAccepted(t *testing.T) {
	for path, want := range map[string]bool{
		"compose.yaml": false, "./repo.git": false, "../x.git": false, "/abs/x.git": false, `C:\x\compose.yaml`: false, "-": false,
		"https://example.com/compose.yaml": false, "docker-image://x": false, "service:x": false,
		"oci://example.com/x": true, "https://example.com/x.git": true, "https://example.com/x.git#main:sub": true,
		"git@example.com:org/x.git": true, "ssh://git@example.com/x.git": true, "git://example.com/x.git": true,
		"github.com/org/x": true, "http://example.com/x.git": true,
	} {
		accepted := 0
		for _, l := range loaders(t) {
			if l.Accept(path) {
				accepted++
			}
		}
		if accepted > 1 || accepted == 1 != want {
			t.Errorf("%d loaders accept %s", accepted, path)
		}
	}
}
