package cli

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/ui"
)

// requestCase is a command line and the request it stands for.
type requestCase[R any] struct {
	line     string
	settings map[string]string
	want     R
}

// checkRequests gives each line to its command. Words are split at spaces.
func checkRequests[R any](t *testing.T, construct func(*session, run[R]) *cobra.Command, cases []requestCase[R]) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.line, func(t *testing.T) {
			got, err := requestOf(t, construct, c.settings, strings.Fields(c.line)...)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(normal(got), normal(c.want)) {
				t.Errorf("\n got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// normal makes empty lists equal to none.
func normal[R any](r R) R {
	clean(reflect.ValueOf(&r).Elem())
	return r
}

func clean(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			clean(v.Field(i))
		}
	case reflect.Slice:
		if v.Len() == 0 && v.CanSet() {
			v.SetZero()
		}
	}
}

func seconds(n int) *time.Duration {
	d := time.Duration(n) * time.Second
	return &d
}

func TestUpFlagsBecomeItsRequest(t *testing.T) {
	checkRequests(t, newUp, []requestCase[upOptions]{
		{line: "up -d web db", want: upOptions{Detach: true, UpRequest: app.UpRequest{Services: []string{"web", "db"}}}},
		{line: "up", want: upOptions{}},
		{line: "up --menu --strict", want: upOptions{Menu: true, UpRequest: app.UpRequest{Strict: true}}},
		{line: "up", settings: map[string]string{"COMPOSE_MENU": "1"}, want: upOptions{Menu: true}},
		{line: "up --menu=false", settings: map[string]string{"COMPOSE_MENU": "1"}, want: upOptions{}},
		{line: "up --abort-on-container-exit --exit-code-from web --attach a --attach b --no-attach c --attach-dependencies --tail 5", want: upOptions{
			View: app.AttachRequest{AbortOnExit: true, ExitCodeFrom: "web", Attach: []string{"a", "b"}, NoAttach: []string{"c"}, AttachDependencies: true, Tail: "5"}}},
		{line: "up --abort-on-container-failure --no-color --no-log-prefix --timestamps --take-over", want: upOptions{
			View: app.AttachRequest{AbortOnFailure: true}, Lines: logView{NoColor: true, NoPrefix: true, Stamps: true}, UpRequest: app.UpRequest{TakeOver: true}}},
		{line: "up --wait --wait-timeout 30", want: upOptions{Detach: true, UpRequest: app.UpRequest{Wait: true, WaitTimeout: 30 * time.Second}}},
		{line: "up --no-start", want: upOptions{Detach: true, UpRequest: app.UpRequest{NoStart: true}}},
		{line: "up -d --build --force-recreate --always-recreate-deps -V", want: upOptions{Detach: true, UpRequest: app.UpRequest{
			Build: true, ForceRecreate: true, AlwaysRecreateDeps: true, RenewAnonVolumes: true}}},
		{line: "up -d --no-build --no-recreate --no-deps --quiet-pull --quiet-build -y", want: upOptions{Detach: true, UpRequest: app.UpRequest{
			NoBuild: true, NoRecreate: true, NoDeps: true, QuietPull: true, QuietBuild: true, AssumeYes: true}}},
		{line: "up -d --scale web=3 --scale db=1", want: upOptions{Detach: true, UpRequest: app.UpRequest{Scale: map[string]int{"web": 3, "db": 1}}}},
		{line: "up -d --pull always -t 5", want: upOptions{Detach: true, UpRequest: app.UpRequest{Pull: "always", Timeout: seconds(5)}}},
		{line: "up -d --pull policy -t 0", want: upOptions{Detach: true, UpRequest: app.UpRequest{Timeout: seconds(0)}}},
		{line: "up -d --dry-run --lock-timeout 1m", want: upOptions{Detach: true, UpRequest: app.UpRequest{DryRun: true, LockTimeout: time.Minute}}},
		{line: "--dry-run up -d", want: upOptions{Detach: true, UpRequest: app.UpRequest{DryRun: true}}},
		{line: "up -d --remove-orphans", want: upOptions{Detach: true, UpRequest: app.UpRequest{RemoveOrphans: true}}},
		{line: "up -d", settings: map[string]string{"COMPOSE_REMOVE_ORPHANS": "1"},
			want: upOptions{Detach: true, UpRequest: app.UpRequest{RemoveOrphans: true}}},
		{line: "up -d --remove-orphans=false", settings: map[string]string{"COMPOSE_REMOVE_ORPHANS": "1"}, want: upOptions{Detach: true}},
		{line: "up -d", settings: map[string]string{"COMPOSE_IGNORE_ORPHANS": "true", "COMPOSE_REMOVE_ORPHANS": "true"},
			want: upOptions{Detach: true, UpRequest: app.UpRequest{IgnoreOrphans: true}}},
	})
}

func TestPlanTakesTheOptionsOfUp(t *testing.T) {
	checkRequests(t, newPlan, []requestCase[planOptions]{
		{line: "plan", want: planOptions{Format: "text"}},
		{line: "plan --force-recreate --scale web=2 --no-deps -V --no-start --take-over --format json -o p.json web", want: planOptions{
			Format: "json", Out: "p.json", UpRequest: app.UpRequest{ForceRecreate: true, Scale: map[string]int{"web": 2}, NoDeps: true,
				RenewAnonVolumes: true, NoStart: true, TakeOver: true, Services: []string{"web"}}}},
	})
	checkRequests(t, newUp, []requestCase[upOptions]{
		{line: "up -d --plan /p.json --accept-volume-removal", want: upOptions{Detach: true, UpRequest: app.UpRequest{PlanFile: "/p.json", AcceptVolumeRemoval: true}}},
	})
}

func TestRollbackAndHistoryTakeServices(t *testing.T) {
	checkRequests(t, newRollback, []requestCase[app.RollbackRequest]{
		{line: "rollback", want: app.RollbackRequest{}},
		{line: "--dry-run rollback --to 3 --wait --wait-timeout 9 -t 5 --lock-timeout 1m --take-over web db", want: app.RollbackRequest{
			To: 3, Wait: true, WaitTimeout: 9 * time.Second, Timeout: seconds(5), LockTimeout: time.Minute, TakeOver: true, DryRun: true,
			Services: []string{"web", "db"}}},
	})
	checkRequests(t, newHistory, []requestCase[historyOptions]{
		{line: "history", want: historyOptions{Format: "table"}},
		{line: "history --format json web", want: historyOptions{Format: "json", HistoryRequest: app.HistoryRequest{Services: []string{"web"}}}},
	})
}

func TestGlobalFlagsSayWhichProject(t *testing.T) {
	checkRequests(t, newCreate, []requestCase[app.UpRequest]{
		{line: "-f a.yaml -f b.yaml -p shop --profile x --profile y --env-file e --project-directory /d create", want: app.UpRequest{NoStart: true, Project: app.ProjectOptions{
			Files: []string{"a.yaml", "b.yaml"}, Name: "shop", Profiles: []string{"x", "y"}, EnvFiles: []string{"e"}, Dir: "/d"}}},
		{line: "--workdir /d --compatibility --all-resources --insecure-registry r create", want: app.UpRequest{NoStart: true, Project: app.ProjectOptions{
			Dir: "/d", Compatibility: true, AllResources: true, Insecure: []string{"r"}}}},
		{line: "create", settings: map[string]string{"COMPOSE_COMPATIBILITY": "1"}, want: app.UpRequest{NoStart: true, Project: app.ProjectOptions{Compatibility: true}}},
	})
}

func TestCreateAndScaleAreUpRequests(t *testing.T) {
	checkRequests(t, newCreate, []requestCase[app.UpRequest]{
		{line: "create --build --pull build --quiet-pull -y --scale web=2 web", want: app.UpRequest{
			NoStart: true, Build: true, Pull: "build", QuietPull: true, AssumeYes: true, Scale: map[string]int{"web": 2}, Services: []string{"web"}}},
	})
	checkRequests(t, newScale, []requestCase[app.UpRequest]{
		{line: "scale web=3 db=0", want: app.UpRequest{Scale: map[string]int{"web": 3, "db": 0}, Services: []string{"db", "web"}}},
		{line: "scale --no-deps web=3", want: app.UpRequest{NoDeps: true, Scale: map[string]int{"web": 3}, Services: []string{"web"}}},
	})
}

func TestDownFlagsBecomeItsRequest(t *testing.T) {
	checkRequests(t, newDown, []requestCase[app.DownRequest]{
		{line: "down", want: app.DownRequest{}},
		{line: "down -v --rmi local -t 3 --remove-orphans web", want: app.DownRequest{
			Volumes: true, Images: "local", Timeout: seconds(3), RemoveOrphans: true, Services: []string{"web"}}},
		{line: "down --volume --rmi all --dry-run --take-over", want: app.DownRequest{Volumes: true, Images: "all", DryRun: true, TakeOver: true}},
		{line: "-p shop down", want: app.DownRequest{Project: app.ProjectOptions{Name: "shop"}}},
	})
}

func TestServiceCommandsMakeServicesRequests(t *testing.T) {
	web := []string{"web"}
	checkRequests(t, newStart, []requestCase[app.ServicesRequest]{
		{line: "start web", want: app.ServicesRequest{Services: web}},
		{line: "start --wait --wait-timeout 9", want: app.ServicesRequest{Wait: true, WaitTimeout: 9 * time.Second}},
	})
	checkRequests(t, newStop, []requestCase[app.ServicesRequest]{
		{line: "stop", want: app.ServicesRequest{}},
		{line: "stop -t 4 web --dry-run", want: app.ServicesRequest{Services: web, Timeout: seconds(4), DryRun: true}},
	})
	checkRequests(t, newRestart, []requestCase[app.ServicesRequest]{
		{line: "restart --no-deps --timeout 2 web", want: app.ServicesRequest{Services: web, NoDeps: true, Timeout: seconds(2)}},
	})
	checkRequests(t, newKill, []requestCase[app.ServicesRequest]{
		{line: "kill", want: app.ServicesRequest{Signal: "SIGKILL"}},
		{line: "kill -s HUP --remove-orphans web", want: app.ServicesRequest{Signal: "HUP", RemoveOrphans: true, Services: web}},
	})
	checkRequests(t, newPause, []requestCase[app.ServicesRequest]{{line: "pause web", want: app.ServicesRequest{Services: web}}})
	checkRequests(t, newUnpause, []requestCase[app.ServicesRequest]{{line: "unpause web", want: app.ServicesRequest{Services: web}}})
	checkRequests(t, newRm, []requestCase[app.ServicesRequest]{
		{line: "rm -fsv web", want: app.ServicesRequest{Force: true, Stop: true, Volumes: true, Services: web}},
		{line: "rm -a", want: app.ServicesRequest{}},
	})
}

func TestPsFlagsBecomeItsRequest(t *testing.T) {
	checkRequests(t, newPs, []requestCase[psOptions]{
		{line: "ps", want: psOptions{PsRequest: app.PsRequest{Orphans: true}}},
		{line: "ps -a --orphans=false web", want: psOptions{PsRequest: app.PsRequest{All: true, Services: []string{"web"}}}},
		{line: "ps --status exited --status dead -q", want: psOptions{
			PsRequest: app.PsRequest{All: true, Orphans: true, Status: []string{"exited", "dead"}}, PSOptions: ui.PSOptions{Quiet: true}}},
		{line: "ps --filter status=running --services --no-trunc", want: psOptions{
			PsRequest: app.PsRequest{Orphans: true, Filter: "status=running"}, PSOptions: ui.PSOptions{Services: true, NoTrunc: true}}},
		{line: "ps --format {{.Size}}", want: psOptions{PsRequest: app.PsRequest{Orphans: true, Size: true}, PSOptions: ui.PSOptions{Format: "{{.Size}}"}}},
	})
}

func TestListCommandsMakeTheirRequests(t *testing.T) {
	checkRequests(t, newLs, []requestCase[lsOptions]{
		{line: "ls", want: lsOptions{ListOptions: ui.ListOptions{Format: "table"}}},
		{line: "ls -aq --filter name=shop --format json", want: lsOptions{
			ListRequest: app.ListRequest{All: true, Filters: []string{"name=shop"}}, ListOptions: ui.ListOptions{Format: "json", Quiet: true}}},
	})
	checkRequests(t, newImages, []requestCase[imagesOptions]{
		{line: "images -q web", want: imagesOptions{
			ImagesRequest: app.ImagesRequest{Services: []string{"web"}}, ListOptions: ui.ListOptions{Format: "table", Quiet: true}}},
	})
	checkRequests(t, newVolumes, []requestCase[volumesOptions]{
		{line: "volumes --format json web", want: volumesOptions{
			VolumesRequest: app.VolumesRequest{Services: []string{"web"}}, ListOptions: ui.ListOptions{Format: "json"}}},
		{line: "volumes -q", want: volumesOptions{ListOptions: ui.ListOptions{Quiet: true}}},
	})
	checkRequests(t, newTop, []requestCase[app.TopRequest]{{line: "top web", want: app.TopRequest{Services: []string{"web"}}}})
}

func TestPortArgumentsBecomeItsRequest(t *testing.T) {
	checkRequests(t, newPort, []requestCase[app.PortRequest]{
		{line: "port web 80", want: app.PortRequest{Service: "web", Port: 80, Protocol: "tcp"}},
		{line: "port --protocol UDP --index 2 dns 53", want: app.PortRequest{Service: "dns", Port: 53, Protocol: "udp", Index: 2}},
		{line: "port dns 53/udp", want: app.PortRequest{Service: "dns", Port: 53, Protocol: "udp"}},
	})
}

func TestConfigFlagsBecomeItsRequest(t *testing.T) {
	checkRequests(t, newConfig, []requestCase[configOptions]{
		{line: "config", want: configOptions{}},
		{line: "convert --format json -o out.json web", want: configOptions{Output: "out.json", ConfigRequest: app.ConfigRequest{Format: "json", Services: []string{"web"}}}},
		{line: "config -q --services --volumes --networks --models --profiles --images --hash * --variables --environment", want: configOptions{
			ConfigRequest: app.ConfigRequest{ServicesOnly: true, Volumes: true, Networks: true, Models: true, Profiles: true,
				Images: true, Hash: "*", Variables: true, Environment: true}}},
		{line: "config -q --environment", want: configOptions{ConfigRequest: app.ConfigRequest{Quiet: true, Environment: true}}},
		{line: "config --resolve-image-digests --lock-image-digests --no-interpolate --no-normalize --no-path-resolution --no-env-resolution --no-consistency", want: configOptions{
			ConfigRequest: app.ConfigRequest{ResolveImageDigests: true, LockImageDigests: true, NoInterpolate: true, NoNormalize: true,
				NoPathResolution: true, NoEnvResolution: true, NoConsistency: true}}},
	})
}

func TestImageCommandsMakeTheirRequests(t *testing.T) {
	web := []string{"web"}
	checkRequests(t, newBuild, []requestCase[app.BuildRequest]{
		{line: "build --build-arg A=1 --build-arg B --builder x --check -m 512m --no-cache --print web", want: app.BuildRequest{
			Args: []string{"A=1", "B"}, Builder: "x", Check: true, Memory: 512 << 20, NoCache: true, Print: true, Services: web}},
		{line: "build --provenance max --sbom true --ssh default --pull --push -q --with-dependencies", want: app.BuildRequest{
			Provenance: "max", SBOM: "true", SSH: "default", Pull: true, Push: true, Quiet: true, WithDependencies: true}},
		{line: "build --compress --force-rm --no-rm --parallel --progress plain", want: app.BuildRequest{}},
	})
	checkRequests(t, newPull, []requestCase[app.PullRequest]{
		{line: "pull --ignore-buildable --ignore-pull-failures --include-deps --policy missing -q --parallel web", want: app.PullRequest{
			IgnoreBuildable: true, IgnorePullFailures: true, IncludeDeps: true, Policy: "missing", Quiet: true, Services: web}},
	})
	checkRequests(t, newPush, []requestCase[app.PushRequest]{
		{line: "push --ignore-push-failures --include-deps -q web", want: app.PushRequest{IgnorePushFailures: true, IncludeDeps: true, Quiet: true, Services: web}},
	})
}

func TestLogsFlagsBecomeItsRequest(t *testing.T) {
	checkRequests(t, newLogs, []requestCase[logsOptions]{
		{line: "logs", want: logsOptions{Format: "text", logView: logView{Together: true}, LogsRequest: app.LogsRequest{Tail: "all"}}},
		{line: "logs --separate-stderr --index -1", want: logsOptions{Format: "text", LogsRequest: app.LogsRequest{Tail: "all"}}},
		{line: "logs -f -n 10 -t --since 1h --until 5m --index 2 web", want: logsOptions{Format: "text", logView: logView{Stamps: true, Together: true}, LogsRequest: app.LogsRequest{
			Follow: true, Tail: "10", Timestamps: true, Since: "1h", Until: "5m", Index: 2, Services: []string{"web"}}}},
		{line: "logs --format json --no-color --no-log-prefix --output-dir d", want: logsOptions{
			Format: "json", logView: logView{JSON: true, NoColor: true, NoPrefix: true, Together: true}, LogsRequest: app.LogsRequest{Tail: "all", OutputDir: "d"}}},
	})
}

func TestExecStopsParsingFlagsAtTheService(t *testing.T) {
	checkRequests(t, newExec, []requestCase[app.ExecRequest]{
		{line: "exec web ls -l --all", want: app.ExecRequest{Service: "web", Command: []string{"ls", "-l", "--all"}, Stdin: true}},
		{line: "exec -T -e A=1 -e B -u me -w /d --privileged --index 2 web id", want: app.ExecRequest{
			Service: "web", Command: []string{"id"}, Env: []string{"A=1", "B"}, User: "me", WorkingDir: "/d", Privileged: true, Index: 2, Stdin: true}},
		{line: "exec -d web sleep 1", want: app.ExecRequest{Service: "web", Command: []string{"sleep", "1"}, Detach: true}},
		{line: "exec -i=false web id", want: app.ExecRequest{Service: "web", Command: []string{"id"}}},
		// There is no terminal, so that none is given to the command.
		{line: "exec -it web id", want: app.ExecRequest{Service: "web", Command: []string{"id"}, Stdin: true}},
		{line: "exec --no-TTY web id", want: app.ExecRequest{Service: "web", Command: []string{"id"}, Stdin: true}},
	})
}

func TestRunFlagsBecomeItsRequest(t *testing.T) {
	shell := "sh"
	checkRequests(t, newRun, []requestCase[app.RunRequest]{
		{line: "run web", want: app.RunRequest{Service: "web", Interactive: true}},
		{line: "run --rm -i web sh -c true", want: app.RunRequest{Service: "web", Command: []string{"sh", "-c", "true"}, Interactive: true, Remove: true}},
		{line: "run --no-TTY web", want: app.RunRequest{Service: "web", Interactive: true}},
		{line: "run -t -i=false web", want: app.RunRequest{Service: "web", TTY: true}},
		{line: "run -dt -i=false web", want: app.RunRequest{Service: "web", Detach: true, TTY: true}},
		{line: "run -d --name x -p 80:80 -v a:/a --volumes b:/b -l k=v --labels k2=v --entrypoint sh web", want: app.RunRequest{
			Service: "web", Detach: true, Interactive: true, Name: "x", Publish: []string{"80:80"}, Volumes: []string{"a:/a", "b:/b"}, Labels: []string{"k=v", "k2=v"}, Entrypoint: &shell}},
		{line: "run -T -P --build --cap-add A --cap-drop B --env-from-file f -e X=1 --no-deps --pull never -q --quiet-build --quiet-pull --remove-orphans --use-aliases -u me -w /d web", want: app.RunRequest{
			Service: "web", Interactive: true, ServicePorts: true, Build: true, CapAdd: []string{"A"}, CapDrop: []string{"B"}, EnvFiles: []string{"f"},
			Env: []string{"X=1"}, NoDeps: true, Pull: "never", Quiet: true, QuietBuild: true, QuietPull: true, RemoveOrphans: true, UseAliases: true,
			User: "me", WorkingDir: "/d"}},
	})
}

func TestVersionFlagsBecomeItsOptions(t *testing.T) {
	checkRequests(t, newVersion, []requestCase[versionOptions]{
		{line: "version", want: versionOptions{}},
		{line: "version --short", want: versionOptions{Short: true}},
		{line: "version -f json", want: versionOptions{Format: "json"}},
	})
}

func TestWatchingCommandsMakeTheirRequests(t *testing.T) {
	web := []string{"web"}
	checkRequests(t, newAttach, []requestCase[app.ContainerAttachRequest]{
		{line: "attach web", want: app.ContainerAttachRequest{Service: "web", SigProxy: true}},
		{line: "attach --no-stdin --index 2 --detach-keys ctrl-a --sig-proxy=false web", want: app.ContainerAttachRequest{
			Service: "web", NoStdin: true, Index: 2, DetachKeys: "ctrl-a"}},
	})
	checkRequests(t, newEvents, []requestCase[eventsOptions]{
		{line: "events --json --since 1h --until 1m web", want: eventsOptions{JSON: true, EventsRequest: app.EventsRequest{Since: "1h", Until: "1m", Services: web}}},
	})
	checkRequests(t, newStats, []requestCase[statsOptions]{
		{line: "stats", want: statsOptions{StatsRequest: app.StatsRequest{Stream: true}}},
		{line: "stats -a --no-stream --no-trunc --format json web", want: statsOptions{
			Format: "json", NoTrunc: true, StatsRequest: app.StatsRequest{All: true, Services: web}}},
	})
	checkRequests(t, newWait, []requestCase[app.WaitRequest]{
		{line: "wait --down-project web", want: app.WaitRequest{DownProject: true, Services: web}},
	})
}

func TestWatchingCommandsShowWhatTheyAreTold(t *testing.T) {
	for line, want := range map[string]string{
		"events":                               " container start c1 ()\n",
		"events --json":                        `"id":"c1","service":"web"`,
		"stats --no-stream --format {{.PIDs}}": "3\n",
		"wait web":                             "container \"a-web-1\" exited with status code 7\n",
	} {
		w := newWorld(t, strings.Fields(line)...)
		if strings.HasPrefix(line, "wait") {
			w.app.code = 7
		}
		if code := w.run(); code != w.app.code || !strings.Contains(w.stdout.String(), want) {
			t.Errorf("%s: exit code %d, standard output %q, %s", line, code, w.stdout.String(), w.stderr.String())
		}
	}
}

func TestPublishAndWatchMakeTheirRequests(t *testing.T) {
	checkRequests(t, newPublish, []requestCase[app.PublishRequest]{
		{line: "publish r/x:1", want: app.PublishRequest{Repository: "r/x:1"}},
		{line: "publish --app --oci-version 1.1 --resolve-image-digests --with-env -y --insecure-registry --dry-run r/x", want: app.PublishRequest{
			Repository: "r/x", App: true, OCIVersion: "1.1", ResolveImageDigests: true, WithEnv: true, Yes: true, Insecure: true, DryRun: true}},
	})
	checkRequests(t, newWatch, []requestCase[app.WatchRequest]{
		{line: "watch", want: app.WatchRequest{Prune: true}},
		{line: "watch --no-up --prune=false --quiet --take-over --lock-timeout 5s web", want: app.WatchRequest{
			NoUp: true, Quiet: true, TakeOver: true, LockTimeout: 5 * time.Second, Services: []string{"web"}}},
	})
}
