package cli

import (
	"encoding/json"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/app"
)

func TestCallsAsDockersPluginAreToldFromCallsByHand(t *testing.T) {
	tests := []struct {
		line string
		want invocation
	}{
		{"berth up -d", invocation{name: "berth", args: []string{"up", "-d"}}},
		{"/usr/bin/docker-compose up", invocation{name: "docker-compose", args: []string{"up"}}},
		{"docker-compose -f x.yaml up", invocation{name: "docker-compose", args: []string{"-f", "x.yaml", "up"}}},
		{"docker-compose.exe compose up", invocation{name: "docker compose", args: []string{"up"}}},
		{"docker-compose --context c --host=h -D compose -f x up", invocation{
			name: "docker compose", args: []string{"-f", "x", "up"}, docker: Connection{Context: "c", Host: "h"}, debug: true}},
		{"docker-compose -Hh -l debug --config d compose ps", invocation{
			name: "docker compose", args: []string{"ps"}, docker: Connection{Host: "h", ConfigDir: "d"}, debug: true}},
		{"docker-compose --tlsverify=false --tlscacert a --tlscert b --tlskey c compose ps", invocation{
			name: "docker compose", args: []string{"ps"}, docker: Connection{TLS: true, TLSCACert: "a", TLSCert: "b", TLSKey: "c"}}},
		{"docker-compose __complete compose up --", invocation{name: "docker compose", args: []string{"__complete", "up", "--"}}},
		{"docker-compose __completeNoDesc --context c compose up we", invocation{
			name: "docker compose", args: []string{"__completeNoDesc", "up", "we"}, docker: Connection{Context: "c"}}},
		{"docker-compose help compose up", invocation{name: "docker compose", args: []string{"help", "up"}}},
		{"docker-compose compose --help", invocation{name: "docker compose", args: []string{"--help"}}},
		{"docker-compose", invocation{name: "docker-compose", args: []string{}}},
		{"docker-berth berth up", invocation{name: "docker berth", args: []string{"up"}}},
		{"berth compose", invocation{name: "berth", args: []string{"compose"}}},
		{"docker-compose docker-cli-plugin-metadata", invocation{name: "docker-compose", metadata: true}},
		{"docker-compose compose", invocation{name: "docker compose", args: []string{}}},
		{"berth docker-cli-plugin-metadata", invocation{name: "berth", metadata: true}},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			if got := parseInvocation(strings.Fields(tt.line)); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("\n got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestMetadataIsWhatDockerAsksOfAPlugin(t *testing.T) {
	for program, version := range map[string]string{"docker-compose": composeVersion, "docker-berth": "v1.2.3"} {
		w := newWorld(t)
		w.env.Args = []string{program, "docker-cli-plugin-metadata"}
		if code := w.run(); code != 0 {
			t.Fatalf("exit code %d", code)
		}
		var got map[string]string
		if err := json.Unmarshal(w.stdout.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got["SchemaVersion"] != "0.1.0" || got["Vendor"] == "" || got["Version"] != version || got["ShortDescription"] == "" || got["URL"] == "" {
			t.Errorf("metadata of %s: %v", program, got)
		}
	}
}

func TestMetadataThatNobodyReadsEndsQuietly(t *testing.T) {
	w := newWorld(t)
	w.env.Args, w.env.Stdout = []string{"docker-compose", "docker-cli-plugin-metadata"}, brokenPipe{}
	if code := w.run(); code != codeClosed || w.stderr.Len() > 0 {
		t.Errorf("exit code %d, %q", code, w.stderr.String())
	}
}

func TestVersionAnswersToTheNameItIsCalledBy(t *testing.T) {
	tests := []struct{ line, want string }{
		{"berth version", "berth version v1.2.3\n"},
		{"berth --version", "berth version v1.2.3\n"},
		{"berth version --short", "1.2.3\n"},
		{"docker-compose version", "Docker Compose version v5.7.0 (berth v1.2.3)\n"},
		{"docker-compose --version", "Docker Compose version v5.7.0 (berth v1.2.3)\n"},
		{"docker-compose version --short", "5.7.0\n"},
		{"docker-compose compose version", "Docker Compose version v5.7.0 (berth v1.2.3)\n"},
		{"docker-compose compose version --short", "5.7.0\n"},
		{"docker-compose compose version --format json", `{"berth":"v1.2.3","version":"v5.7.0"}` + "\n"},
	}
	for _, tt := range tests {
		w := newWorld(t)
		w.env.Args = strings.Fields(tt.line)
		if code := w.run(); code != 0 || w.stdout.String() != tt.want {
			t.Errorf("%s: exit code %d, %q", tt.line, code, w.stdout.String())
		}
	}
}

func TestWithoutACommandThereIsHelp(t *testing.T) {
	for line, usage := range map[string]string{
		"berth":                            "berth [OPTIONS] COMMAND",
		"docker-compose":                   "docker-compose [OPTIONS] COMMAND",
		"docker-compose compose":           "docker compose [OPTIONS] COMMAND",
		"docker-compose help compose":      "docker compose [OPTIONS] COMMAND",
		"docker-compose compose --help":    "docker compose [OPTIONS] COMMAND",
		"docker-compose compose up --help": "docker compose up [OPTIONS] [SERVICE...]",
	} {
		w := newWorld(t)
		w.env.Args = strings.Fields(line)
		if code := w.run(); code != 0 || !strings.HasPrefix(w.stdout.String(), "Usage:  "+usage+"\n") {
			t.Errorf("%s: exit code %d, %q", line, code, w.stdout.String())
		}
	}
	w := newWorld(t)
	w.env.Args = []string{"docker-compose", "compose", "nosuch"}
	if code := w.run(); code != 1 || !strings.Contains(w.stderr.String(), "\nUsage: docker compose [OPTIONS] COMMAND\n") {
		t.Errorf("exit code %d, %q", code, w.stderr.String())
	}
}

func TestDockersGlobalFlagsReachTheEngine(t *testing.T) {
	for _, line := range []string{
		"docker-compose --context c -H tcp://h:1 --tlsverify compose down",
		"docker-compose --context c -H tcp://h:1 --tlsverify down",
		"berth --context c -H tcp://h:1 --tlsverify down",
		"docker-compose -H tcp://h:1 --tlsverify compose --context c down",
	} {
		w := newWorld(t)
		w.env.Args = strings.Fields(line)
		var got Connection
		w.env.Engine = func(c Connection) (app.Engine, error) {
			got = c
			return fakeEngine{}, nil
		}
		w.app.openEngine = true
		if code := w.run(); code != 0 {
			t.Fatalf("%s: exit code %d: %s", line, code, w.stderr.String())
		}
		want := Connection{Context: "c", Host: "tcp://h:1", TLS: true, TLSVerify: true}
		if got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", line, got, want)
		}
	}
}

func TestHelpNamesTheProgramAsItWasCalled(t *testing.T) {
	for name, args := range map[string][]string{
		"docker compose": {"docker-compose", "compose", "up", "--help"},
		"docker-compose": {"docker-compose", "up", "--help"},
		"berth":          {"berth", "up", "--help"},
	} {
		w := newWorld(t)
		w.env.Args = args
		w.run()
		if got := w.stdout.String(); !strings.HasPrefix(got, "Usage:  "+name+" up ") || !strings.Contains(got, "\n  "+name+" up -d") {
			t.Errorf("%v: %s", args, got)
		}
	}
}

// Docker tells a plugin to end by closing the socket it has given to it.
func TestClosingThePluginSocketInterrupts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	interrupted := make(chan struct{})
	watchPluginSocket(t.Context(), path, func() { close(interrupted) })
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-interrupted:
		t.Fatal("interrupted before the socket was closed")
	case <-time.After(20 * time.Millisecond):
	}
	conn.Close()
	<-interrupted
}
