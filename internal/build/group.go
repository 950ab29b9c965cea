package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/session"
	sessioncontent "github.com/moby/buildkit/session/content"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"github.com/moby/buildkit/session/upload/uploadprovider"
)

// contextName is the name the Dockerfile frontend gives the context.
const contextName = "context"

// group is a session with the engine and the jobs that use it. BuildKit asks a
// session for files, secrets and keys by name only, so jobs that mean
// different things by one name are in different groups; all others share one.
type group struct {
	jobs    []*job
	dirs    filesync.StaticDirSource
	secrets map[string]Secret
	keys    map[string]sshprovider.AgentConfig
	uploads *uploadprovider.Uploader
	archive archive
	caches  map[string]content.Store // local cache folders, as the client names them
	session *session.Session
	ended   chan error
}

// newGroups spreads the jobs over as few groups as can be.
func newGroups(ctx context.Context, jobs []*job, o Options) ([]*group, error) {
	shared, err := sharedDirs(ctx, jobs)
	if err != nil {
		return nil, err
	}
	var groups []*group
	for _, j := range jobs {
		keys, err := sshKeys(j.target, o)
		if err != nil {
			return nil, err
		}
		own := ""
		if j.files.dir != "" && !shared[j.files.dir] {
			own = j.files.dir
		}
		fits := func(g *group) bool { return !o.Builder.isRemote() && g.takes(j, own, keys) }
		if at := slices.IndexFunc(groups, fits); at >= 0 {
			j.group = groups[at]
		} else {
			j.group = &group{
				dirs: filesync.StaticDirSource{}, secrets: map[string]Secret{},
				keys: map[string]sshprovider.AgentConfig{}, caches: map[string]content.Store{},
			}
			groups = append(groups, j.group)
		}
		if err := j.group.add(j, own, keys); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// takes tells whether j can join without giving a name a second meaning. own is
// the context folder that j alone uses.
func (g *group) takes(j *job, own string, keys []sshprovider.AgentConfig) bool {
	if own != "" && g.own() != "" && g.own() != own {
		return false
	}
	for _, secret := range j.target.Secrets {
		if known, ok := g.secrets[secret.ID]; ok && known != secret {
			return false
		}
	}
	for _, key := range keys {
		if known, ok := g.keys[key.ID]; ok && !slices.Equal(known.Paths, key.Paths) {
			return false
		}
	}
	return true
}

// own is the folder that the group offers under contextName; empty if none.
func (g *group) own() string {
	for _, j := range g.jobs {
		if j.context == contextName {
			return j.files.dir
		}
	}
	return ""
}

// add joins j to the group and offers what it needs.
func (g *group) add(j *job, own string, keys []sshprovider.AgentConfig) error {
	g.jobs = append(g.jobs, j)
	for _, secret := range j.target.Secrets {
		g.secrets[secret.ID] = secret
	}
	for _, key := range keys {
		g.keys[key.ID] = key
	}
	if j.files.dockerfile != nil {
		j.dockerfile = localName("dockerfile", j.target.Service, j.files.dir, j.target.Build.Dockerfile)
		g.dirs[j.dockerfile] = j.files.dockerfileFS()
	}
	if j.files.stdin != nil {
		if g.uploads == nil {
			g.uploads = uploadprovider.New()
		}
		j.files.remote = g.uploads.Add(io.NopCloser(j.files.stdin))
	}
	if err := g.addContext(j, own); err != nil {
		return err
	}
	if err := g.addCaches(j); err != nil {
		return err
	}
	for name, value := range j.target.Build.AdditionalContexts {
		if !isFolder(value) {
			continue
		}
		folder, err := contextFS(value, nil)
		if err != nil {
			return fmt.Errorf("services.%s.build.additional_contexts.%s: %s", j.target.Service, name, plain(err))
		}
		g.dirs[localName("context", value)] = folder
	}
	return nil
}

// addContext offers j's context folder, if it has one: under the frontend's
// own name when j is alone with it, so that the frontend asks only for the files
// that the Dockerfile copies; else under a name of its own, without the ignored
// files, for an input that all share.
func (g *group) addContext(j *job, own string) error {
	if j.files.dir == "" {
		if j.files.remote == "" { // a Dockerfile was piped in
			j.context = localName("context")
			g.dirs[j.context] = memoryFS{}
		}
		return nil
	}
	var excludes []string
	j.context = contextName
	if own == "" {
		var err error
		if excludes, err = j.files.excludes(); err != nil {
			return fmt.Errorf("services.%s.build: %s: %w", j.target.Service, ignoreFile, err)
		}
		j.context = localName("context", append([]string{j.files.dir}, excludes...)...)
	}
	folder, err := contextFS(j.files.dir, excludes)
	if err != nil {
		return fmt.Errorf("services.%s.build.context: %s", j.target.Service, plain(err))
	}
	g.dirs[j.context] = folder
	return nil
}

// addCaches offers the folders of j's cache_from and cache_to with type=local.
// What is not there yet to read from is left out, as a cache that is empty.
func (g *group) addCaches(j *job) error {
	for _, list := range []struct {
		key, attribute string
		entries        []string
	}{{"cache_from", "src", j.target.Build.CacheFrom}, {"cache_to", "dest", j.target.Build.CacheTo}} {
		entries, err := cacheEntries(list.entries)
		if err != nil {
			return fmt.Errorf("services.%s.build.%s: %w", j.target.Service, list.key, err)
		}
		for _, entry := range entries {
			dir := entry.attrs[list.attribute]
			if entry.kind != "local" || dir == "" {
				continue
			}
			if _, err := os.Stat(dir); err != nil && list.attribute == "src" {
				continue
			}
			store, err := local.NewStore(dir)
			if err != nil {
				return fmt.Errorf("services.%s.build.%s: %s", j.target.Service, list.key, plain(err))
			}
			g.caches["local:"+dir] = store
		}
	}
	return nil
}

// input is the shared context of j as BuildKit's description of it. Equal
// descriptions are loaded once, however many solves use them.
func (j *job) input() llb.State {
	return llb.Local(j.context,
		llb.SessionID(j.group.session.ID()),
		llb.SharedKeyHint(j.context),
		llb.LocalUniqueID(j.context),
		llb.WithCustomName("[internal] load build context"),
	)
}

// start opens the group's session over dialer.
func (g *group) start(ctx context.Context, o Options, dial session.Dialer) error {
	var err error
	host, _ := os.Hostname() // only makes the key more telling
	if g.session, err = session.NewSession(ctx, localName(host, g.own())); err != nil {
		return fmt.Errorf("session with the engine: %w", err)
	}
	g.session.Allow(filesync.NewFSSyncProvider(g.dirs))
	g.session.Allow(newAuth(o))
	if len(g.secrets) > 0 {
		g.session.Allow(secretsprovider.NewSecretProvider(secretStore(g.secrets)))
	}
	if len(g.keys) > 0 {
		agents, err := sshprovider.NewSSHAgentProvider(slices.Collect(maps.Values(g.keys)))
		if err != nil {
			return fmt.Errorf("ssh: %w", err)
		}
		g.session.Allow(agents)
	}
	if g.uploads != nil {
		g.session.Allow(g.uploads)
	}
	if len(g.caches) > 0 {
		g.session.Allow(sessioncontent.NewAttachable(g.caches))
	}
	if o.Builder.isRemote() {
		g.session.Allow(g.archive.target())
	}
	g.ended = make(chan error, 1)
	go func() { g.ended <- g.session.Run(ctx, dial) }()
	return nil
}

// stop closes the session and waits for its end.
func (g *group) stop() error {
	if g.session == nil {
		return nil
	}
	err := g.session.Close()
	return errors.Join(err, <-g.ended)
}
