package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/internal/watch"
)

const (
	// removeLimit is how many bytes of names one command removes: well under
	// what systems allow for a command line.
	removeLimit = 64 << 10
	// root is who removes files: those of a service may belong to anyone.
	root = "0"
)

// fileEngine is what syncing asks of an engine beside the stages' needs.
type fileEngine interface {
	StatPath(ctx context.Context, id, path string) (engine.PathStat, error)
	CopyTo(ctx context.Context, id, dir string, archive io.Reader, ownership bool) error
}

// Sync puts files into all containers of a service, running or not, and removes
// from them what is gone.
func (t *watched) Sync(ctx context.Context, service string, files []watch.File) error {
	list, err := t.containers(ctx, service)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("service %q has no container", service)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, c := range list {
		g.Go(func() error { return t.syncContainer(ctx, c, files) })
	}
	return g.Wait()
}

func (t *watched) syncContainer(ctx context.Context, c engine.Container, files []watch.File) error {
	copies, err := t.copies(ctx, c, files)
	if err != nil {
		return fmt.Errorf("look into %s: %w", c.Name, err)
	}
	var gone []string
	for _, f := range files {
		if f.Gone {
			gone = append(gone, f.Target)
		}
	}
	for _, f := range copies {
		if f.Replace {
			gone = append(gone, f.Target)
		}
	}
	if err := t.remove(ctx, c, gone); err != nil {
		return fmt.Errorf("remove files from %s: %w", c.Name, err)
	}
	if len(copies) == 0 {
		return nil
	}
	if err := t.put(ctx, c, copies); err != nil {
		return fmt.Errorf("copy files to %s: %w", c.Name, err)
	}
	return nil
}

// copies are the files to be copied into a container. Folders that it has are
// left out: unpacking them would change their mode and owner.
func (t *watched) copies(ctx context.Context, c engine.Container, files []watch.File) ([]watch.File, error) {
	var out []watch.File
	missing := map[string]bool{}
	for _, f := range files {
		info, err := os.Lstat(f.Source)
		if f.Gone || err != nil { // gone meanwhile: that is the next change
			continue
		}
		if info.IsDir() && !f.Replace && !missing[path.Dir(f.Target)] {
			there, err := t.files.StatPath(ctx, c.ID, f.Target)
			switch {
			case errors.Is(err, engine.ErrNotFound):
				missing[f.Target] = true
			case err != nil:
				return nil, err
			case there.Mode.IsDir() || there.LinkTarget != "":
				continue
			default:
				f.Replace = true // a file is in the folder's place
			}
		} else if info.IsDir() {
			missing[f.Target] = true
		}
		out = append(out, f)
	}
	return out, nil
}

// remove removes paths with the container's own rm: an engine has no request
// for that. Where there is none, or the container does not run, they stay, which
// is told.
func (t *watched) remove(ctx context.Context, c engine.Container, targets []string) error {
	if len(targets) == 0 {
		return nil
	}
	if c.State != engine.Running {
		t.stays(targets, fmt.Sprintf("%s is %s", c.Name, c.State))
		return nil
	}
	for len(targets) > 0 {
		n, size := 0, 0
		for n < len(targets) && (n == 0 || size+len(targets[n]) < removeLimit) {
			size += len(targets[n]) + 1
			n++
		}
		var out lockedBuffer
		code, err := t.engine.Exec(ctx, c.ID, engine.ExecSpec{
			Cmd: append([]string{"rm", "-rf", "--"}, targets[:n]...), User: root,
		}, engine.Streams{Out: &out, Err: &out})
		var refused interface{ ExitCode() int }
		switch {
		case err != nil && errors.As(startFailure(c.Name, err), &refused), code == exitNotFound, code == exitNotExecutable:
			t.stays(targets, "the image of "+c.Name+" has no rm")
			return nil
		case err != nil:
			return err
		case code != 0:
			return fmt.Errorf("rm: exit code %d: %s", code, strings.Join(strings.Fields(out.String()), " "))
		}
		targets = targets[n:]
	}
	return nil
}

// stays tells that files could not be removed.
func (t *watched) stays(targets []string, why string) {
	text := targets[0]
	if n := len(targets) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	t.app.warn(fmt.Sprintf("%s cannot be removed: %s; rebuild the service to be rid of it", text, why))
}

// put copies files into a container in one request. One with a read-only root
// takes them into its volumes only, one request for each.
func (t *watched) put(ctx context.Context, c engine.Container, files []watch.File) error {
	owner := t.owner(ctx, c)
	err := t.send(ctx, c, "/", files, owner)
	if err == nil || !strings.Contains(err.Error(), "marked read-only") {
		return err
	}
	byMount := map[string][]watch.File{}
	for _, f := range files {
		byMount[mountOf(c, f.Target)] = append(byMount[mountOf(c, f.Target)], f)
	}
	for _, dir := range sortedKeys(byMount) {
		if err := t.send(ctx, c, dir, byMount[dir], owner); err != nil {
			return err
		}
	}
	return nil
}

// mountOf is the mount that a path of a container is in, "/" for none.
func mountOf(c engine.Container, target string) string {
	best := "/"
	for _, m := range c.Mounts {
		if strings.HasPrefix(target, strings.TrimSuffix(m.Destination, "/")+"/") && len(m.Destination) > len(best) {
			best = m.Destination
		}
	}
	return best
}

// send streams files as an archive to be unpacked in a folder of a container.
func (t *watched) send(ctx context.Context, c engine.Container, dir string, files []watch.File, owner watch.Owner) error {
	r, w := io.Pipe()
	wrote := make(chan error, 1)
	var skipped []error
	go func() {
		var err error
		skipped, err = watch.Archive(w, dir, files, owner)
		wrote <- err
		_ = w.CloseWithError(err) // documented to return nil
	}()
	err := t.files.CopyTo(ctx, c.ID, dir, r, false)
	_ = r.CloseWithError(io.ErrClosedPipe) // ends a writer that nobody listens to
	readErr := <-wrote
	for _, problem := range skipped {
		t.app.warn("not synced: " + problem.Error())
	}
	if readErr != nil && !errors.Is(readErr, io.ErrClosedPipe) {
		return readErr
	}
	return err
}

// owner is whose the files in a container become: those of the user that its
// process runs as, as with docker compose. Engines can look the user up
// themselves, but some do so among the host's users, and none knows "user:group".
func (t *watched) owner(ctx context.Context, c engine.Container) watch.Owner {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.owners[c.ID]; ok {
		return known
	}
	user := t.userOf(ctx, c)
	owner, ok := numericOwner(user)
	if !ok {
		owner, ok = t.askOwner(ctx, c, user)
	}
	if !ok && c.State != engine.Running {
		return owner // it can be asked later
	}
	if !ok {
		t.app.warn(fmt.Sprintf("%s runs as user %q, whose number is not known: synced files belong to %d:%d (set user: UID:GID)",
			c.Name, user, owner.UID, owner.GID))
	}
	t.owners[c.ID] = owner
	return owner
}

// userOf is the user a container was made with; empty for root.
func (t *watched) userOf(ctx context.Context, c engine.Container) string {
	detail, err := t.engine.InspectContainer(ctx, c.ID)
	if err != nil {
		return ""
	}
	var raw struct{ Config struct{ User string } }
	if json.Unmarshal(detail.Raw, &raw) != nil {
		return ""
	}
	return raw.Config.User
}

// numericOwner reads "", "root" and "UID:GID".
func numericOwner(user string) (watch.Owner, bool) {
	switch user {
	case "", "root", "0", "root:root":
		return watch.Owner{}, true
	}
	uid, gid, _ := strings.Cut(user, ":")
	u, err := strconv.Atoi(uid)
	if err != nil {
		return watch.Owner{}, false
	}
	g, err := strconv.Atoi(gid)
	return watch.Owner{UID: u, GID: g}, err == nil
}

// askOwner asks the container who its user is. Without an answer a user given by
// its number is still known.
func (t *watched) askOwner(ctx context.Context, c engine.Container, user string) (watch.Owner, bool) {
	partly, _ := numericOwner(user)
	if c.State != engine.Running {
		return partly, false
	}
	var out lockedBuffer
	code, err := t.engine.Exec(ctx, c.ID, engine.ExecSpec{Cmd: []string{"id"}}, engine.Streams{Out: &out, Err: io.Discard})
	found := regexp.MustCompile(`^uid=(\d+)\S* gid=(\d+)`).FindStringSubmatch(out.String())
	if err != nil || code != 0 || found == nil {
		return partly, false
	}
	uid, uidErr := strconv.Atoi(found[1])
	gid, gidErr := strconv.Atoi(found[2])
	return watch.Owner{UID: uid, GID: gid}, uidErr == nil && gidErr == nil
}
