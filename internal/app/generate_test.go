package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine/docker"
	"github.com/berth-dev/berth/internal/project"
	"github.com/berth-dev/berth/internal/testengine"
)

// onEngine is an App on the real engine.
func onEngine(t *testing.T, dir string) *publisher {
	t.Helper()
	host := testengine.Require(t).Host
	return newPublisher(t, dir, nil, func(o *app.Options) {
		o.Engine = func() (app.Engine, error) { return docker.New(docker.Options{Host: host}) }
	})
}

// described generates a file of containers, reads it back, and returns its text.
func described(t *testing.T, r app.GenerateRequest) (string, *project.Loaded) {
	t.Helper()
	out, err := onEngine(t, t.TempDir()).Generate(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), out, 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := project.Load(t.Context(), project.Options{WorkDir: dir, ProjectName: "generated"})
	if err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	return string(out), loaded
}

func TestGeneratedFileDescribesAContainerMadeByHand(t *testing.T) {
	name := testengine.Project(t) + "-web"
	testengine.Post(t, "/containers/create?name="+name, map[string]any{
		"Image": testengine.Busybox(t), "Env": []string{"A=1", "COST=$5 ${x}"}, "Cmd": []string{"sleep", "1000"}, "Labels": map[string]string{"mine": "1"}, "User": "1000",
		"ExposedPorts": map[string]any{"80/tcp": map[string]any{}}, "StopTimeout": 3,
		"Healthcheck": map[string]any{"Test": []string{"CMD-SHELL", "true"}, "Interval": 2e9, "Retries": 2},
		"HostConfig": map[string]any{
			"PortBindings":  map[string]any{"80/tcp": []any{map[string]any{"HostIp": "127.0.0.1", "HostPort": "0"}}},
			"RestartPolicy": map[string]any{"Name": "on-failure", "MaximumRetryCount": 4}, "CapAdd": []string{"NET_ADMIN"},
			"Binds": []string{"/tmp:/host:ro"}, "Memory": 64 << 20, "Tmpfs": map[string]string{"/run": "size=1m"},
			"Ulimits": []any{map[string]any{"Name": "nofile", "Soft": 10, "Hard": 20}}, "ExtraHosts": []string{"db:10.0.0.1"},
		},
	}, nil)
	defer testengine.Delete(t, "/containers/"+name+"?force=1")
	text, loaded := described(t, app.GenerateRequest{Containers: []string{name}, Name: "mine"})
	for _, want := range []string{
		"name: mine\n", "  " + name + ":\n", "container_name: " + name, "- sleep\n", "A: \"1\"", "COST: $$5 $${x}", "mine: \"1\"", "user: \"1000\"",
		"restart: on-failure:4", "- NET_ADMIN", "mem_limit: \"67108864\"", "host_ip: 127.0.0.1", "source: /tmp", "read_only: true",
		"network_mode: bridge", "/run:size=1m", "interval: 2s", "retries: 2", "stop_grace_period: 3s", "soft: 10", "db=10.0.0.1",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, bad := range []string{"PATH", "VERSION", "entrypoint:", "working_dir", "hostname", "dev.berth"} {
		if strings.Contains(text, bad) {
			t.Errorf("%s, which the image gives", bad)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
	if v := loaded.Project.Services[name].Environment["COST"]; v == nil || *v != "$5 ${x}" {
		t.Errorf("COST reads back as %v", v)
	}
}

func TestGeneratedFileOfAProjectUsesItsNetworksAndVolumes(t *testing.T) {
	name := testengine.Project(t)
	testengine.Busybox(t)
	dir := writeFiles(t, "compose.yaml", "name: "+name+"\nservices:\n  web:\n    image: berth-test/busybox:latest\n    command: sleep 1000\n    networks: {front: {aliases: [www]}}\n    volumes: [data:/data, /anonymous]\n  side: {image: 'berth-test/busybox:latest', command: sleep 1000, network_mode: 'service:web', scale: 2}\nnetworks: {front: {}}\nvolumes: {data: {}}\n")
	if _, err := onEngine(t, dir).Up(t.Context(), app.UpRequest{}); err != nil {
		t.Fatal(err)
	}
	all := []string{name + "-web-1", name + "-side-1", name + "-side-2"}
	text, loaded := described(t, app.GenerateRequest{Containers: all, Format: "json"})
	p := loaded.Project
	web := p.Services["web"]
	if !strings.Contains(text, `"`+name+`"`) || p.Networks["front"].Name != name+"_front" || !bool(p.Networks["front"].External) ||
		p.Volumes["data"].Name != name+"_data" || !bool(p.Volumes["data"].External) {
		t.Errorf("resources:\n%s", text)
	}
	if len(web.Volumes) != 2 || web.Volumes[0].Source != "" || web.Networks["front"] == nil || len(web.Networks["front"].Aliases) != 1 || web.ContainerName != "" {
		t.Errorf("web: %+v", web)
	}
	if side := p.Services[name+"-side-2"]; side.NetworkMode != "service:web" {
		t.Errorf("side: %+v", side)
	}
}

func TestGenerateRefusesWhatItCannotDo(t *testing.T) {
	p := newPublisher(t, t.TempDir(), nil, nil)
	for want, r := range map[string]app.GenerateRequest{
		"yaml and json": {Format: "toml"}, "name the containers": {}, "no-such": {Containers: []string{"no-such"}},
	} {
		_, err := p.Generate(t.Context(), r)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", r, err)
		}
	}
}
