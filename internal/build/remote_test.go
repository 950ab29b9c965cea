package build

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/event"
)

func TestBuilderMustExistAndBeOfAKnownDriver(t *testing.T) {
	config := write(t, map[string]string{
		"buildx/instances/far":  `{"Name":"far","Driver":"remote","Nodes":[{"Name":"far0","Endpoint":"tcp://b:1234","DriverOpts":{"cacert":"/ca"}}]}`,
		"buildx/instances/kube": `{"Name":"kube","Driver":"kubernetes","Nodes":[{"Name":"x"}]}`,
		"buildx/instances/bad":  `{`,
	})
	if builder, err := FindBuilder(config, "", "default"); builder != nil || err != nil {
		t.Errorf("default: %v, %v", builder, err)
	}
	far, err := FindBuilder(config, "", "far")
	if err != nil || far.Driver != "remote" || far.Nodes[0].Endpoint != "tcp://b:1234" || far.Nodes[0].DriverOpts["cacert"] != "/ca" {
		t.Errorf("far: %v, %v", far, err)
	}
	for name, want := range map[string]string{
		"nope":   "--builder nope: no such builder (known: default, bad, far, kube)",
		"kube":   `--builder kube: driver "kubernetes" is not supported: use docker, docker-container or remote`,
		"bad":    "--builder bad: " + filepath.Join(config, "buildx/instances/bad") + ": unexpected end of JSON input",
		"../far": "--builder ../far: not a name of a builder",
	} {
		if _, err := FindBuilder(config, "", name); err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// discard takes image archives.
type discard struct{}

func (discard) LoadImage(_ context.Context, archive io.Reader) error {
	_, err := io.Copy(io.Discard, archive)
	return err
}

// container is a container whose `buildctl dial-stdio` leads to the engine's
// BuildKit.
type container struct {
	dialer *hijacker
	name   string
}

func (c *container) Exec(ctx context.Context, id string, _ engine.ExecSpec, streams engine.Streams) (int, error) {
	c.name = id
	conn, err := c.dialer.Dial(ctx, "/grpc", "h2c", nil)
	if err != nil {
		return 1, err
	}
	go func() {
		io.Copy(conn, streams.In)
		conn.Close()
	}()
	_, err = io.Copy(streams.Out, conn)
	return 0, err
}

func TestBuildersInContainersAndAtAddressesAreReached(t *testing.T) {
	dialer := newHijacker(t)
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "buildkit.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far := &container{dialer: dialer}
			go far.Exec(context.Background(), "", engine.ExecSpec{}, engine.Streams{In: near, Out: near})
		}
	}()
	inside := &container{dialer: dialer}
	for _, builder := range []*Builder{
		{Name: "far", Driver: driverRemote, Nodes: []BuilderNode{{Endpoint: "unix://" + listener.Addr().String()}}},
		{Name: "box", Driver: driverContainer, Nodes: []BuilderNode{{Name: "box0"}}},
	} {
		wanted := single(t, builder.Name, busybox+"COPY Dockerfile /\n")
		_, shown, err := run(t, Options{Builder: builder, Exec: inside, Loader: discard{}}, wanted)
		// The engine's BuildKit stands in for a builder. It does everything but
		// export archives.
		if err == nil || !strings.Contains(err.Error(), `"docker"`) {
			t.Errorf("%s: %v\n%s", builder.Name, err, shown)
		}
	}
	if inside.name != "buildx_buildkit_box0" {
		t.Errorf("the container is %q", inside.name)
	}
	_, _, err = run(t, Options{Loader: discard{}, Builder: &Builder{
		Name: "gone", Driver: driverRemote, Nodes: []BuilderNode{{Endpoint: "unix://" + filepath.Join(t.TempDir(), "none")}},
	}}, single(t, "gone", busybox))
	if err == nil || !strings.HasPrefix(err.Error(), "--builder gone: unix://") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a builder that is not there: %v", err)
	}
}

// older is an engine with the builder from before BuildKit.
type older struct {
	builds []types.BuildConfig
	files  [][]string
}

func (o *older) Dial(context.Context, string, string, map[string][]string) (net.Conn, error) {
	return nil, &engine.Error{Op: "dial", Kind: engine.ErrNotFound, Text: "page not found"}
}

func (o *older) ClassicBuild(_ context.Context, files io.Reader, build types.BuildConfig, memory int64, out io.Writer) (string, error) {
	var names []string
	for archive := tar.NewReader(files); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		if header.Name != build.Dockerfile {
			names = append(names, header.Name)
		}
	}
	o.builds, o.files = append(o.builds, build), append(o.files, names)
	if build.Target == "broken" {
		io.WriteString(out, "Step 1/1 : RUN false\n")
		return "", errors.New("exit code 1")
	}
	_, err := io.WriteString(out, "Successfully built 1\n")
	return "sha256:1", err
}

func TestEngineWithoutBuildKitGetsTheClassicBuilder(t *testing.T) {
	base := Target{Service: "zbase", Tags: []string{"zbase"}, Build: types.BuildConfig{
		Context: write(t, map[string]string{"Dockerfile": "FROM scratch", "in": "", "out": "", ".dockerignore": "out\nDockerfile\n"}),
		Args:    types.MappingWithEquals{"A": nil}, Labels: types.Labels{"mine": "1"},
	}, Labels: map[string]string{"l": "1"}}
	user := Target{Service: "auser", Tags: []string{"auser"}, Build: types.BuildConfig{DockerfileInline: "FROM zbase", Context: write(t, nil)}}
	var fake older
	var shown strings.Builder
	var events event.Recorder
	results, err := Run(t.Context(), &fake, []Target{user, base}, Options{
		Classic: &fake, LookupEnv: func(string) (string, bool) { return "v", true },
		Display: Display{Mode: "plain", Out: &shown}, Sink: &events, ProxyArgs: map[string]string{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(fake.builds) != 2 || fake.builds[0].Tags[0] != "zbase" || *fake.builds[0].Args["A"] != "v" || fake.builds[0].Labels["l"] != "1" || fake.builds[0].Labels["mine"] != "1" {
		t.Errorf("builds: %+v", fake.builds)
	}
	if got := strings.Join(fake.files[0], " "); got != ".dockerignore in" {
		t.Errorf("files: %s", got)
	}
	if results["auser"].ImageID != "sha256:1" || len(events.Events()) != 4 || !strings.Contains(shown.String(), "Successfully") {
		t.Errorf("%v %v %q", results, events.Events(), shown.String())
	}
}

func TestClassicBuilderRefusesWhatOnlyBuildKitDoesAndShowsFailures(t *testing.T) {
	dir := write(t, map[string]string{"Dockerfile": "FROM scratch"})
	wanted := Target{Service: "web", Tags: []string{"web"}, Build: types.BuildConfig{Context: dir}, Secrets: []Secret{{ID: "s", Value: "v"}}}
	var fake older
	var shown strings.Builder
	o := Options{Classic: &fake, ForceClassic: true, Display: Display{Mode: "quiet", Out: &shown}}
	if _, err := Run(t.Context(), &fake, []Target{wanted}, o); err == nil || err.Error() != "services.web.build.secrets: needs BuildKit, and this build is without it" {
		t.Errorf("error is %v", err)
	}
	wanted.Secrets = nil
	wanted.Build.Target = "broken"
	if _, err := Run(t.Context(), &fake, []Target{wanted}, o); err == nil || err.Error() != "build web: exit code 1" {
		t.Errorf("error is %v", err)
	}
	if shown.String() != "Step 1/1 : RUN false\n" {
		t.Errorf("shown: %q", shown.String())
	}
}
