package testengine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// projectLabel is the label by which Compose tools recognise what belongs to
// a project.
const projectLabel = "com.docker.compose.project"

// cleanupTimeout bounds the removal of what one test left behind.
const cleanupTimeout = 90 * time.Second

// Project returns a project name that no other test has. When the test ends,
// whatever carries it is removed from the engine, data included; when the
// test failed, the state of its containers is logged first.
func Project(t testing.TB) string {
	t.Helper()
	engine := Require(t)
	name := projectName(t.Name())
	t.Cleanup(func() {
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
		defer cancel()
		if t.Failed() {
			engine.report(ctx, t, name)
		}
		if err := engine.RemoveProject(ctx, name); err != nil {
			t.Errorf("clean up project %s: %v", name, err)
		}
	})
	return name
}

// projectName makes a valid name out of a test's name: some of its letters,
// so that a person sees whose container it is, and enough chance.
func projectName(test string) string {
	keep := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}
	const shown = 16
	readable := strings.Map(keep, strings.TrimPrefix(strings.ToLower(test), "test"))
	if len(readable) > shown {
		readable = readable[:shown]
	}
	var chance [4]byte
	_, _ = rand.Read(chance[:]) // documented never to fail
	return "bt" + readable + hex.EncodeToString(chance[:])
}

// RemoveProject removes the containers, networks and volumes that carry the
// project's label, running or not. What is gone already is no error.
func (e *Engine) RemoveProject(ctx context.Context, project string) error {
	query := "?" + labelQuery(projectLabel+"="+project)
	var containers, networks []struct{ ID string }
	var volumes struct{ Volumes []struct{ Name string } }
	err := errors.Join(
		e.do(ctx, http.MethodGet, "/containers/json"+query, nil, &containers),
		e.do(ctx, http.MethodGet, "/networks"+query, nil, &networks),
		e.do(ctx, http.MethodGet, "/volumes"+query, nil, &volumes),
	)
	for _, container := range containers {
		err = errors.Join(err, e.remove(ctx, "/containers/"+container.ID+"?force=1&v=1"))
	}
	for _, network := range networks {
		err = errors.Join(err, e.removeNetwork(ctx, network.ID))
	}
	for _, volume := range volumes.Volumes {
		err = errors.Join(err, e.remove(ctx, "/volumes/"+url.PathEscape(volume.Name)+"?force=1"))
	}
	return err
}

// Miscounted begins the engine's words for a network that it does not remove
// though no container is on it: Docker 20.10 loses count of endpoints when many
// containers start and stop at the same time. Only a restart of the engine mends
// that; it is nobody's fault but the engine's.
const Miscounted = "has active endpoints"

// removeNetwork removes a network; one that the engine has miscounted stays.
func (e *Engine) removeNetwork(ctx context.Context, id string) error {
	err := e.remove(ctx, "/networks/"+id)
	if err == nil || !strings.Contains(err.Error(), Miscounted) {
		return err
	}
	var network struct{ Containers map[string]any }
	if inspectErr := e.do(ctx, http.MethodGet, "/networks/"+id, nil, &network); inspectErr != nil || len(network.Containers) > 0 {
		return errors.Join(err, inspectErr)
	}
	return nil
}

// remove deletes what path names, unless it is gone or already going.
func (e *Engine) remove(ctx context.Context, path string) error {
	err := e.do(ctx, http.MethodDelete, path, nil, nil)
	var refusal *APIError
	going := errors.As(err, &refusal) && strings.Contains(refusal.Message, "already in progress")
	if notFound(err) || going {
		return nil
	}
	return err
}

// report logs what state the project's containers are in.
func (e *Engine) report(ctx context.Context, t testing.TB, project string) {
	t.Helper()
	var containers []struct {
		Names         []string
		State, Status string
	}
	query := "?" + labelQuery(projectLabel+"="+project)
	if err := e.do(ctx, http.MethodGet, "/containers/json"+query, nil, &containers); err != nil {
		t.Logf("project %s: %v", project, err)
	}
	for _, container := range containers {
		t.Logf("project %s: %s is %s: %s", project, strings.Join(container.Names, ","), container.State, container.Status)
	}
}
