package ui

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

func psRows(c *clock) []PSRow {
	return []PSRow{
		{Project: "app", Service: "web", Container: engine.Container{
			ID: "0123456789abcdef0123", Name: "app-web-1", Names: []string{"app-web-1", "app-proxy-1/web"},
			Image: "docker.io/library/nginx:1.27", ImageID: "sha256:aaaaaaaaaaaaaaaa", Command: "/docker-entrypoint.sh nginx -g 'daemon off;'",
			Created: c.now().Add(-3 * time.Minute), State: engine.Running, Status: "Up 3 minutes (healthy)", Health: engine.Healthy,
			Labels: map[string]string{"com.example.tier": "front", "a": "1"},
			Ports: []engine.Port{
				{HostIP: "::", Published: 8080, Target: 80, Protocol: "tcp"},
				{HostIP: "0.0.0.0", Published: 8081, Target: 81, Protocol: "tcp"},
				{HostIP: "0.0.0.0", Published: 8080, Target: 80, Protocol: "tcp"},
				{Target: 9000, Protocol: "tcp"},
			},
			Mounts:   []engine.Mount{{Type: "volume", Name: "app_a_rather_long_volume", Driver: "local"}, {Type: "bind", Source: "/etc/nginx"}},
			Networks: map[string]engine.Attachment{"app_default": {}, "app_back": {}},
		}},
		{Project: "app", Service: "job", Container: engine.Container{
			ID: "fedcba9876543210fedc", Name: "app-job-1", Names: []string{"app-job-1"}, Image: "job", Command: "true",
			Created: c.now().Add(-2 * time.Hour), State: engine.Exited, Status: "Exited (3) 2 hours ago", ExitCode: 3,
		}},
	}
}

func TestPSHasDockerComposesTableAndFormats(t *testing.T) {
	for name, o := range map[string]PSOptions{
		"ps-table.txt":    {},
		"ps-notrunc.txt":  {NoTrunc: true},
		"ps-json.txt":     {Format: "json"},
		"ps-custom.txt":   {Format: `table {{.Name}}\t{{upper .State}}\t{{.Label "com.example.tier"}}\t{{.Size}}`},
		"ps-template.txt": {Format: `{{.Service}}={{.ExitCode}} {{json .Publishers}}`},
		"ps-jsondot.txt":  {Format: `{{json .}}`},
		"ps-quiet.txt":    {Quiet: true},
		"ps-services.txt": {Services: true},
		"ps-raw.txt":      {Format: "raw"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder()
			if err := PS(r.Terminal, psRows(r.clock), o); err != nil {
				t.Fatal(err)
			}
			golden(t, name, r.out.Bytes())
		})
	}
}

// The expected text is what docker compose 2.40 prints of the same ports.
func TestPortsAreInTheFormOfDockerPs(t *testing.T) {
	tcp := func(ip string, published, target int) engine.Port {
		return engine.Port{HostIP: ip, Published: published, Target: target, Protocol: "tcp"}
	}
	udp := func(published, target int) engine.Port {
		return engine.Port{HostIP: "127.0.0.1", Published: published, Target: target, Protocol: "udp"}
	}
	const any4, any6 = "0.0.0.0", "::"
	list := publishersOf([]engine.Port{
		tcp(any6, 21402, 21402), tcp(any4, 21402, 21402), tcp("", 0, 7001), tcp(any6, 21300, 9000), tcp(any4, 21300, 9000),
		tcp(any4, 21400, 21400), tcp(any6, 21400, 21400), tcp(any4, 21401, 21401), tcp(any6, 21401, 21401),
		udp(21103, 83), udp(21104, 84), udp(21101, 81), udp(21102, 82), tcp("127.0.0.1", 21200, 80), tcp("", 0, 7000),
	})
	equal(t, portList(list), "7000-7001/tcp, 0.0.0.0:21400-21402->21400-21402/tcp, [::]:21400-21402->21400-21402/tcp, "+
		"127.0.0.1:21200->80/tcp, 127.0.0.1:21101->81/udp, 127.0.0.1:21102->82/udp, 127.0.0.1:21103->83/udp, 127.0.0.1:21104->84/udp, "+
		"0.0.0.0:21300->9000/tcp, [::]:21300->9000/tcp")
	targets := make([]int, len(list))
	for i, p := range list {
		targets[i] = p.TargetPort
	}
	if want := []int{80, 81, 82, 83, 84, 7000, 7001, 9000, 9000, 21400, 21400, 21401, 21401, 21402, 21402}; !slices.Equal(targets, want) {
		t.Errorf("publishers are in the order %v", targets)
	}
	if list[7].URL != any6 || list[9].URL != any4 {
		t.Error("ports of the same number left the engine's order")
	}
	interrupted := []Publisher{{TargetPort: 5, Protocol: "tcp"}, {TargetPort: 1, Protocol: "tcp"}, {TargetPort: 2, Protocol: "tcp"}, {TargetPort: 2, Protocol: "udp"}}
	equal(t, portList(interrupted), "1-2/tcp, 5/tcp, 2/udp")
}

func TestBadTemplatesNameTheFlag(t *testing.T) {
	r := newRecorder()
	for _, format := range []string{"{{.Nope}}", "{{", "table {{.Nope}"} {
		err := PS(r.Terminal, psRows(r.clock), PSOptions{Format: format})
		if err == nil || err.Error()[:9] != "--format:" {
			t.Errorf("%s: %v", format, err)
		}
	}
	equal(t, r.out.String(), "")
}

func TestAFormatThatIsOnlyAWordIsRefused(t *testing.T) {
	r := newRecorder()
	for _, format := range []string{"yaml", "tables", "{.Name}"} {
		o := ListOptions{Format: format}
		for name, err := range map[string]error{
			"ps":      PS(r.Terminal, psRows(r.clock), PSOptions{Format: format}),
			"ls":      LS(r.Terminal, nil, o),
			"images":  Images(r.Terminal, nil, o),
			"volumes": Volumes(r.Terminal, nil, o),
			"stats":   NewStats(r.Terminal, StatsOptions{Format: format}).Show(statsRows()),
		} {
			if want := fmt.Sprintf("--format %q is unknown: use table, json or a Go template", format); err == nil || err.Error() != want {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	equal(t, r.out.String(), "")
}

func TestFormatsThatOnlySomeListsHave(t *testing.T) {
	r := newRecorder()
	if err := Volumes(r.Terminal, []engine.Volume{{Name: "app_data", Driver: "local"}}, ListOptions{Format: "raw"}); err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), "name: app_data\ndriver: local\n\n")
	r.out.Reset()
	if err := LS(r.Terminal, nil, ListOptions{Format: "JSON"}); err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), "[]\n")
	if err := LS(r.Terminal, nil, ListOptions{Format: "raw"}); err == nil {
		t.Error("ls has no raw form")
	}
}

func TestPSPrintsIDsWhereNamesOfServicesAreAskedForToo(t *testing.T) {
	r := newRecorder()
	if err := PS(r.Terminal, psRows(r.clock), PSOptions{Quiet: true, Services: true}); err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), "0123456789abcdef0123\nfedcba9876543210fedc\n")
}

func TestPSWithoutContainersPrintsOnlyTheTitles(t *testing.T) {
	r := newRecorder()
	if err := PS(r.Terminal, nil, PSOptions{}); err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), "NAME      IMAGE     COMMAND   SERVICE   CREATED   STATUS    PORTS\n")
}

func TestImageNamesLoseTheirDigestUnlessAskedFor(t *testing.T) {
	digest := "@sha256:" + "0123456789012345678901234567890123456789012345678901234567890123"
	for image, want := range map[string]string{
		"":                        "<no image>",
		"nginx":                   "nginx",
		"nginx" + digest:          "nginx",
		"r.io/nginx:1" + digest:   "r.io/nginx:1",
		"sha256:abcdef0123456789": "abcdef012345",
	} {
		equal(t, imageName(engine.Container{Image: image, ImageID: "sha256:abcdef0123456789"}, true), want)
	}
	equal(t, imageName(engine.Container{Image: "nginx" + digest}, false), "nginx"+digest)
}

func TestListsHaveDockerComposesTableAndFormats(t *testing.T) {
	for _, format := range []string{"table", "json"} {
		r := newRecorder()
		term, o := r.Terminal, ListOptions{Format: format}
		print := func(name string, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+"-"+format+".txt", r.out.Bytes())
			r.out.Reset()
		}
		print("ls", LS(term, []LSRow{{"app", "exited(1), running(2)", "/srv/app/compose.yaml"}, {"数据", "running(1)", "/x"}}, o))
		print("ls-empty", LS(term, nil, o))
		print("images", Images(term, []ImageRow{
			{Container: "app-web-1", Repository: "nginx", Tag: "1.27", Platform: "linux/amd64", ID: "sha256:0123456789abcdef", Size: 187_694_648, Created: r.clock.now().Add(-72 * time.Hour)},
			{Container: "app-x-1", ID: "sha256:fedcba9876543210", Size: 5},
		}, o))
		print("volumes", Volumes(term, []engine.Volume{
			{Name: "app_data", Driver: "local", Mountpoint: "/var/lib/docker/volumes/app_data/_data", Scope: "local", Labels: map[string]string{"b": "2", "a": "1"}},
		}, o))
	}
}

func TestQuietListsPrintEachIDOnce(t *testing.T) {
	r := newRecorder()
	rows := []ImageRow{{ID: "sha256:aa"}, {ID: "sha256:aa"}, {ID: "bb"}}
	if err := Images(r.Terminal, rows, ListOptions{Quiet: true}); err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), "aa\nbb\n")
}

func TestPortIsAnAddress(t *testing.T) {
	r := newRecorder()
	if err := Port(r.Terminal, "0.0.0.0", 8080); err != nil {
		t.Fatal(err)
	}
	if err := Port(r.Terminal, "::", 80); err != nil {
		t.Fatal(err)
	}
	equal(t, r.out.String(), "0.0.0.0:8080\n[::]:80\n")
}
