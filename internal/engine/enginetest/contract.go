package enginetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

// The images that must be on the engine that [Contract] runs on: a busybox
// whose applets are on the PATH and whose command is sh, and one more that declares the volume /data.
const (
	ContractImage       = "berth-test/busybox:latest"
	ContractVolumeImage = "berth-test/busybox:volume"
)

// WithContractImages puts the images on an engine in memory.
func WithContractImages() Option {
	return func(e *Engine) {
		e.AddImage(engine.Image{Tags: []string{ContractImage}})
		e.AddImage(engine.Image{Tags: []string{ContractVolumeImage}, Volumes: []string{"/data"}})
		e.SetCommand(ContractImage, nil, []string{"sh"})
		e.SetCommand(ContractVolumeImage, nil, []string{"sh"})
	}
}

// Limits of the suite.
const (
	patience       = 30 * time.Second       // for what must happen at last
	pollEvery      = 20 * time.Millisecond  // while waiting for it
	cleanupTimeout = 60 * time.Second       // for removing what a test made
	settle         = 300 * time.Millisecond // for what must not happen
)

// Behaviour is one thing that every engine does.
type Behaviour struct {
	Name  string // a sentence
	check func(s *subject)
}

// Check tests the behaviour on an engine that has
// [ContractImage] and [ContractVolumeImage]. It makes
// everything under names of its own and removes it afterwards.
func (b Behaviour) Check(t *testing.T, e FullEngine) {
	t.Helper()
	var chance [4]byte
	_, _ = rand.Read(chance[:]) // documented never to fail
	s := &subject{
		T: t, e: e, project: "bc" + hex.EncodeToString(chance[:]),
		address: fmt.Sprintf("127.%d.%d.%d", chance[0], chance[1], 1+chance[2]%250),
	}
	t.Cleanup(s.clean)
	b.check(s)
}

// Behaviours are what [Contract] checks. A test of an engine in memory can run
// each in a synctest bubble.
func Behaviours() []Behaviour {
	var all []Behaviour
	for _, group := range [][]Behaviour{
		containerBehaviours(), nameBehaviours(), stopBehaviours(), politeStopBehaviours(), killBehaviours(),
		startBehaviours(), restartBehaviours(),
		healthBehaviours(), networkBehaviours(), endpointBehaviours(), volumeBehaviours(), anonymousVolumeBehaviours(), imageBehaviours(),
		eventBehaviours(), policyEventBehaviours(), eventStreamBehaviours(),
		logBehaviours(), execBehaviours(), attachBehaviours(), archiveBehaviours(), compareBehaviours(),
	} {
		all = append(all, group...)
	}
	return all
}

// Contract checks every behaviour on the engine that open returns, one
// sub-test each, in parallel. Closing the engine is up to open.
func Contract(t *testing.T, open func(t *testing.T) FullEngine) {
	t.Helper()
	for _, b := range Behaviours() {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			b.Check(t, open(t))
		})
	}
}

// subject is an engine under test, and the names that are the test's own.
type subject struct {
	*testing.T
	e       FullEngine
	project string
	address string // of the loopback network, for host ports
}

// clean removes everything that carries the test's project label.
func (s *subject) clean() {
	ctx := s.cleanupContext()
	containers, err := s.e.Containers(ctx, engine.ContainerFilter{Project: s.project})
	for _, c := range containers {
		err = errors.Join(err, s.e.RemoveContainer(ctx, c.ID, engine.RemoveOptions{Force: true, Volumes: true}))
	}
	networks, failed := s.e.Networks(ctx, s.project)
	err = errors.Join(err, failed)
	for _, n := range networks {
		err = errors.Join(err, s.e.RemoveNetwork(ctx, n.ID))
	}
	volumes, failed := s.e.Volumes(ctx, s.project)
	err = errors.Join(err, failed)
	for _, v := range volumes {
		err = errors.Join(err, s.e.RemoveVolume(ctx, v.Name, true))
	}
	if err != nil {
		s.Errorf("clean up: %v", err)
	}
}

// cleanupContext outlives the test's own.
func (s *subject) cleanupContext() context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.Context()), cleanupTimeout)
	s.Cleanup(cancel)
	return ctx
}

// name makes a name of the test's own.
func (s *subject) name(of string) string { return s.project + "-" + of }

// labels are those of everything that the test makes.
func (s *subject) labels() map[string]string { return map[string]string{projectLabel: s.project} }

// spec is a container that runs the command, in sh if it is one word.
func (s *subject) spec(name string, command ...string) engine.ContainerSpec {
	if len(command) == 1 {
		command = []string{"sh", "-c", command[0]}
	}
	spec := engine.ContainerSpec{Project: s.project, Name: s.name(name), Image: ContractImage, Labels: s.labels()}
	spec.Service = types.ServiceConfig{Name: name}
	spec.Service.Image = ContractImage
	spec.Service.Command = command
	return spec
}

// published is a sleeper with a host port, on the engine's own bridge.
func (s *subject) published(name, port string) engine.ContainerSpec {
	spec := s.sleeper(name)
	spec.NetworkMode = "bridge"
	spec.Service.Ports = []types.ServicePortConfig{{Target: 80, Published: port, Protocol: "tcp", HostIP: s.address}}
	return spec
}

// sleeper is a container that runs until it is killed.
func (s *subject) sleeper(name string) engine.ContainerSpec { return s.spec(name, "sleep", "1000") }

// create creates the container and returns its ID.
func (s *subject) create(spec engine.ContainerSpec) string {
	s.Helper()
	made, err := s.e.CreateContainer(s.Context(), spec)
	s.fine(err)
	return made.ID
}

// run creates and starts the container and returns its ID.
func (s *subject) run(spec engine.ContainerSpec) string {
	s.Helper()
	id := s.create(spec)
	s.fine(s.e.StartContainer(s.Context(), id))
	return id
}

// fine ends the test on an error.
func (s *subject) fine(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// refused checks an error's kind (nil for any) and that it says the words, with
// short IDs.
func (s *subject) refused(err, kind error, words string) {
	s.Helper()
	words = engine.ShortIDs(words)
	switch {
	case err == nil:
		s.Errorf("no error; want %q", words)
	case kind != nil && !errors.Is(err, kind):
		s.Errorf("error %q is not of kind %q", err, kind)
	case !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(words)):
		s.Errorf("error %q does not say %q", err, words)
	case strings.Contains(err.Error(), "\n"):
		s.Errorf("error %q has several lines", err)
	}
}

// row is the container's row in the project's list.
func (s *subject) row(id string) engine.Container {
	s.Helper()
	list, err := s.e.Containers(s.Context(), engine.ContainerFilter{Project: s.project})
	s.fine(err)
	for _, c := range list {
		if c.ID == id {
			return c
		}
	}
	s.Fatalf("container %s is not listed", id)
	return engine.Container{}
}

// detail inspects the container.
func (s *subject) detail(id string) engine.ContainerDetail {
	s.Helper()
	d, err := s.e.InspectContainer(s.Context(), id)
	s.fine(err)
	return d
}

// eventually waits until the condition holds.
func (s *subject) eventually(what string, holds func() bool) {
	s.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		if holds() {
			return
		}
		if time.Now().After(end) {
			s.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// reaches waits until the container is in the state.
func (s *subject) reaches(id string, state engine.State) {
	s.Helper()
	s.eventually("state "+string(state), func() bool { return s.row(id).State == state })
}

// logged is what the container has written to stdout and stderr.
func (s *subject) logged(id string, options engine.LogOptions) (out, errout string) {
	s.Helper()
	var stdout, stderr strings.Builder
	s.fine(s.e.Logs(s.Context(), id, options, &stdout, &stderr))
	return stdout.String(), stderr.String()
}

// says waits until the container has written the words.
func (s *subject) says(id, words string) {
	s.Helper()
	s.eventually("log line "+words, func() bool {
		out, _ := s.logged(id, engine.LogOptions{})
		return strings.Contains(out, words)
	})
}

// exec runs a command in sh in the container.
func (s *subject) exec(id, command string) (out string, code int) {
	s.Helper()
	var stdout strings.Builder
	code, err := s.e.Exec(s.Context(), id, engine.ExecSpec{Cmd: []string{"sh", "-c", command}}, engine.Streams{Out: &stdout})
	s.fine(err)
	return stdout.String(), code
}

// equal checks a value.
func equal[T comparable](s *subject, what string, got, want T) {
	s.Helper()
	if got != want {
		s.Errorf("%s: got %v, want %v", what, got, want)
	}
}
