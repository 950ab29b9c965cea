package remote_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/internal/remote"
)

// projectOf loads compose.yaml with this text, with what it names elsewhere.
func projectOf(t *testing.T, opt remote.Options, text string, change ...func(*project.Options)) (*types.Project, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := project.Options{WorkDir: dir, ProjectName: "whole", Remote: remote.Loaders(opt)}
	for _, c := range change {
		c(&o)
	}
	loaded, err := project.Load(t.Context(), o)
	if err != nil {
		return nil, err
	}
	return loaded.Project, nil
}

func partRepository(t *testing.T) *gitServer {
	t.Helper()
	s := newGitServer(t)
	s.commit("part.git",
		"compose.yaml", "include: [more/compose.yaml]\nservices:\n  db: {image: 'db:${VERSION}', env_file: db.env, build: ./src}\n",
		".env", "VERSION=7\n", "db.env", "NAME=part\n", "more/compose.yaml", "services:\n  cache: {image: cache, build: .}\n",
		"base.yaml", "services:\n  base: {image: base, env_file: db.env, volumes: [./data:/data]}\n")
	return s
}

func TestIncludedRepositoryIsAProjectOfItsOwn(t *testing.T) {
	s := partRepository(t)
	p, err := projectOf(t, options(t), "include: ['"+s.url+"/part.git']\nservices:\n  web: {image: web, depends_on: [db, cache]}\n")
	if err != nil {
		t.Fatal(err)
	}
	db := p.Services["db"]
	if v := db.Environment["NAME"]; db.Image != "db:7" || v == nil || *v != "part" {
		t.Errorf("db has image %s and environment %v", db.Image, db.Environment)
	}
	if !strings.HasSuffix(db.Build.Context, filepath.Join("part", "src")) || !filepath.IsAbs(db.Build.Context) {
		t.Errorf("db is built of %s", db.Build.Context)
	}
	if context := p.Services["cache"].Build.Context; !strings.HasSuffix(context, filepath.Join("part", "more")) {
		t.Errorf("cache is built of %s", context)
	}
}

func TestServiceOfARepositoryIsExtended(t *testing.T) {
	s := partRepository(t)
	p, err := projectOf(t, options(t), "services:\n  web: {extends: {file: '"+s.url+"/part.git#main:base.yaml', service: base}}\n")
	if err != nil {
		t.Fatal(err)
	}
	web := p.Services["web"]
	if v := web.Environment["NAME"]; v == nil || *v != "part" || !strings.HasSuffix(web.Volumes[0].Source, filepath.Join("part", "data")) {
		t.Errorf("web: %v, %v", web.Environment, web.Volumes)
	}
}

func TestRepositoryIsAProjectByItself(t *testing.T) {
	s := partRepository(t)
	p, err := projectOf(t, options(t), "", func(o *project.Options) {
		o.Files, o.ProjectName, o.Environ = []string{s.url + "/part.git"}, "", []string{"VERSION=9"}
	})
	if err != nil {
		t.Fatal(err)
	}
	if p.Services["db"].Image != "db:9" { // its own .env is that of an include, not of the project
		t.Errorf("db has image %s", p.Services["db"].Image)
	}
	if context := p.Services["db"].Build.Context; !strings.HasSuffix(context, filepath.Join("part", "src")) {
		t.Errorf("db is built of %s", context)
	}
}

func TestErrorsOfRemoteFilesAreOneLineThatNamesThem(t *testing.T) {
	s := partRepository(t)
	for text, want := range map[string]string{
		"include: ['" + s.url + "/part.git#none']\n":                                             `has no branch or tag "none"`,
		"include: ['oci://127.0.0.1:1/x']\n":                                                     "cannot reach registry 127.0.0.1:1",
		"services: {a: {extends: {file: 'oci://127.0.0.1:1/x', service: a}}}\n":                  "cannot reach registry 127.0.0.1:1",
		"services: {a: {extends: {file: '" + s.url + "/part.git#main:base.yaml', service: no}}}": "no",
	} {
		_, err := projectOf(t, options(t), text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", text, err)
		} else {
			t.Log(err)
		}
	}
}
