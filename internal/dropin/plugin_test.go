package dropin

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
)

func TestTheDockerCLIFindsThePluginAndHandsItsOwnFlagsOn(t *testing.T) {
	t.Parallel()
	testengine.Images(t)
	s := newShell(t, plugin, "ci")
	host := testengine.Require(t).Host
	s.env = append(s.env, "ENGINE="+host)
	s.must("docker context create gone --docker host=unix:///nonexistent/docker.sock")
	s.must("docker context create here --docker host=$ENGINE")
	s.play([]line{
		{sh: "docker info --format '{{json .ClientInfo.Plugins}}' | jq -r '.[]|select(.Name==\"compose\")|.SchemaVersion,.Err'", out: `\A0\.1\.0\nnull\n\z`},
		{sh: "docker info --format '{{json .ClientInfo.Plugins}}' | jq -r '.[]|select(.Name==\"compose\")|.Version'", out: `\Av?\d+\.\d+\.\d+\S*\n\z`},
		{sh: "docker --help | grep -w compose", out: `compose\*`},
		{sh: "docker help compose | head -1", out: `^Usage: +docker compose \[OPTIONS\] COMMAND$`},
		{sh: "docker compose nosuch", code: 1, err: `^Usage: +docker compose `},
		{sh: "docker -H $ENGINE compose config --services", out: `^web$`},
		{sh: "docker -H $ENGINE compose ps -q", out: nothing},
		{sh: "docker -H unix:///nonexistent/other.sock compose ps", code: 1, err: `unix:///nonexistent/other\.sock`},
		{sh: "docker -D --log-level error compose version --short", out: `^\d`},
		{sh: "docker --config $DOCKER_CONFIG compose version --short", out: `^\d`},
		{sh: "docker -H unix:///nonexistent/other.sock compose config -q"},
		{sh: "docker -H unix:///nonexistent/other.sock compose version --short", out: `^\d`},
	})
	// DOCKER_HOST would win over a context that only a flag names.
	s.env = without(s.env, "DOCKER_HOST=")
	s.play([]line{
		{sh: "docker --context gone compose ps", code: 1, err: `nonexistent/docker\.sock`},
		{sh: "docker -c gone compose ps", code: 1, err: `nonexistent/docker\.sock`},
		{sh: "docker --context here compose ps -q", out: nothing},
		{sh: "docker --context nosuch compose ps", code: 1, err: `context "nosuch"`},
		{sh: "DOCKER_CONTEXT=gone docker compose ps", code: 1, err: `nonexistent/docker\.sock`},
		{sh: "DOCKER_CONTEXT=gone DOCKER_HOST=$ENGINE docker compose ps", code: 1, err: `nonexistent/docker\.sock`},
		{sh: "DOCKER_CONTEXT=gone docker-compose ps", code: 1, err: `nonexistent/docker\.sock`},
		{sh: "docker context use here && docker compose ps -q"},
		{sh: "docker context use gone && docker-compose ps", code: 1, err: `nonexistent/docker\.sock`},
		{sh: "DOCKER_HOST=$ENGINE docker-compose ps -q", out: nothing},
		{sh: "env -i HOME=$HOME PATH=$PATH DOCKER_CONFIG=$DOCKER_CONFIG DOCKER_CONTEXT=here docker compose -p $COMPOSE_PROJECT_NAME ps -q"},
	})
}

func TestThePluginDescribesItselfInOneDocument(t *testing.T) {
	s := newShell(t, standalone, "")
	var metadata struct{ SchemaVersion, Vendor, Version, ShortDescription string }
	if err := json.Unmarshal([]byte(s.must("docker-compose docker-cli-plugin-metadata")), &metadata); err != nil {
		t.Fatal(err)
	}
	if metadata.SchemaVersion != "0.1.0" || metadata.Vendor == "" || metadata.Version == "" || metadata.ShortDescription == "" {
		t.Errorf("metadata %+v", metadata)
	}
	s.write("compose.yaml", "services: {web: {image: x}}\n")
	// The Docker CLI repeats the plugin's name, after its own flags.
	s.play([]line{
		{sh: "docker-compose compose config --services", out: `\Aweb\n\z`},
		{sh: "docker-compose --log-level error compose config --services", out: `\Aweb\n\z`},
	})
}

func TestCompletionKnowsCommandsServicesAndProfiles(t *testing.T) {
	fronts(t, func(t *testing.T, f front) {
		s := newShell(t, f, "ci")
		if f == plugin && s.cliVersion() < 23 {
			t.Skip("needs a Docker CLI of version 23 or later: older ones ask no plugin what may be typed")
		}
		complete := map[front]string{plugin: "docker __complete compose", standalone: "docker-compose __complete"}[f]
		for typed, want := range map[string]string{
			`''`:              "up",
			`lo`:              "logs",
			`--prof`:          "--profile",
			`up ''`:           "web",
			`logs d`:          "db",
			`exec ''`:         "web",
			`--profile ''`:    "test",
			`up --pull ''`:    "always",
			`-f more.yaml up`: "up",
		} {
			out := s.must(complete + " " + typed)
			if !matches(t, `^`+want+`(\t.*)?$`, out) {
				t.Errorf("%s %s does not offer %q:\n%s", complete, typed, want, out)
			}
			if !strings.Contains(out, "\n:4\n") && !strings.HasPrefix(out, ":4\n") {
				t.Errorf("%s %s would offer files:\n%s", complete, typed, out)
			}
		}
	})
}

func TestTheCompletionScriptIsOneThatBashReads(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skipf("needs bash: %v", err)
	}
	s := newShell(t, standalone, "")
	s.play([]line{{sh: "docker-compose completion bash > c.bash && bash -n c.bash && grep -c docker-compose c.bash", out: `^\d`}})
}

// without is an environment without what has the prefix.
func without(env []string, prefix string) []string {
	var out []string
	for _, entry := range env {
		if !strings.HasPrefix(entry, prefix) {
			out = append(out, entry)
		}
	}
	return out
}
