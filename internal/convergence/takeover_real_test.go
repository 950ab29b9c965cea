package convergence

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
)

// madeByCompose creates a project the way docker compose v2 does, with a config
// hash from another compose-go, and returns the container's ID.
func madeByCompose(p *realProject) string {
	t := p.t
	t.Helper()
	project := map[string]string{"com.docker.compose.project": p.name, "com.docker.compose.version": "2.24.5"}
	with := func(more map[string]string) map[string]string {
		out := map[string]string{}
		for _, m := range []map[string]string{project, more} {
			for k, v := range m {
				out[k] = v
			}
		}
		return out
	}
	testengine.Post(t, "/networks/create", map[string]any{
		"Name": p.name + "_default", "CheckDuplicate": true, "Driver": "bridge",
		"Labels": with(map[string]string{"com.docker.compose.network": "default"}),
	}, nil)
	testengine.Post(t, "/volumes/create", map[string]any{
		"Name": p.name + "_data", "Labels": with(map[string]string{"com.docker.compose.volume": "data"}),
	}, nil)
	var made struct{ ID string }
	testengine.Post(t, "/containers/create?name="+p.name+"-web-1", map[string]any{
		"Image": testengine.BusyboxImage, "Cmd": []string{"sleep", "1000"},
		"Env": []string{"MODE=one"}, "AttachStdout": true, "AttachStderr": true,
		"ExposedPorts": map[string]any{"80/tcp": map[string]any{}},
		"Healthcheck":  map[string]any{"Test": []string{"CMD", "true"}, "Interval": 5000000000},
		"Labels": with(map[string]string{
			"com.docker.compose.service": "web", "com.docker.compose.container-number": "1", "com.docker.compose.oneoff": "False",
			"com.docker.compose.config-hash":         strings.Repeat("0123456789abcdef", 4),
			"com.docker.compose.depends_on":          "",
			"com.docker.compose.project.working_dir": p.dir, "com.docker.compose.project.config_files": filepath.Join(p.dir, "compose.yaml"),
		}),
		"HostConfig": map[string]any{
			"NetworkMode": p.name + "_default", "Init": true, "RestartPolicy": map[string]any{"Name": "unless-stopped"},
			"Binds":        []string{p.name + "_data:/data:rw"},
			"PortBindings": map[string]any{"80/tcp": []map[string]string{{"HostIp": "127.0.0.1", "HostPort": ""}}},
			"Memory":       67108864,
		},
		"NetworkingConfig": map[string]any{"EndpointsConfig": map[string]any{
			p.name + "_default": map[string]any{"Aliases": []string{p.name + "-web-1", "web"}},
		}},
	}, &made)
	testengine.Post(t, "/containers/"+made.ID+"/start", nil, nil)
	return made.ID
}

func TestAProjectThatDockerComposeMadeIsTakenOverWithoutRecreation(t *testing.T) {
	p := newRealProject(t)
	text := fmt.Sprintf(`services:
  web:
    image: %s
    command: sleep 1000
    init: true
    restart: unless-stopped
    environment: {MODE: one}
    mem_limit: 64m
    volumes: [data:/data]
    ports: ["127.0.0.1::80"]
    healthcheck: {test: [CMD, "true"], interval: 5s}
    stop_grace_period: 1s
volumes: {data: {}}
`, testengine.BusyboxImage)
	p.write(strings.Replace(text, "    stop_grace_period: 1s\n", "", 1))
	old := madeByCompose(p)
	out, stderr, code := testengine.Run(t, p.dir, p.env, "plan")
	if code != 0 {
		t.Errorf("plan exits with %d, want 0:\n%s%s", code, out, stderr)
	}
	p.up()
	if id := fmt.Sprint(testengine.Inspect(t, p.name+"-web-1")["Id"]); id != old {
		t.Error("the container was recreated")
	}
	p.write(strings.Replace(text, "MODE: one", "MODE: two", 1))
	out, stderr, code = testengine.Run(t, p.dir, p.env, "plan")
	if code != 2 || !strings.Contains(out, "MODE") {
		t.Errorf("a real change must be seen and named, exit code %d:\n%s%s", code, out, stderr)
	}
	p.up()
	if id := fmt.Sprint(testengine.Inspect(t, p.name+"-web-1")["Id"]); id == old {
		t.Error("the container was not recreated though its environment has changed")
	}
}
