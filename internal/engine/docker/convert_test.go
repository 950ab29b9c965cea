package docker

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/engine"
)

// requestOf translates for the newest API and gives the request as JSON, in
// the engine's form.
func requestOf(t *testing.T, spec engine.ContainerSpec, api string) map[string]any {
	t.Helper()
	request, err := newCreateRequest(spec, surroundings{api: api, readFile: os.ReadFile, dockerConfig: func() ([]byte, error) { return []byte("{}"), nil }})
	if err != nil {
		t.Fatal(err)
	}
	return reparse(t, map[string]any{"Config": request.config, "Host": request.host, "Net": request.networking, "Platform": request.platform}).(map[string]any)
}

// at follows a path of keys divided by "/".
func at(value any, path string) string {
	for key := range strings.SplitSeq(path, "/") {
		object, ok := value.(map[string]any)
		if !ok {
			return "<none>"
		}
		value = object[key]
	}
	content, _ := json.Marshal(value)
	return string(content)
}

// normal writes JSON with its keys in order.
func normal(t *testing.T, text string) string {
	t.Helper()
	content, err := json.Marshal(reparse(t, json.RawMessage(text)))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// webSpec is a service without any key.
func webSpec() engine.ContainerSpec {
	spec := engine.ContainerSpec{Name: "demo-web-1", Image: "app", NetworkMode: "none"}
	spec.Service.Name = "web"
	return spec
}

// fieldTest edits a service and wants a field of the request.
type fieldTest struct {
	name, api string
	edit      func(*engine.ContainerSpec)
	path      string // divided by "/"
	want      string // JSON
}

func checkFields(t *testing.T, tests []fieldTest) {
	t.Helper()
	for _, test := range tests {
		spec := webSpec()
		test.edit(&spec)
		if got := at(requestOf(t, spec, test.api), test.path); got != normal(t, test.want) {
			t.Errorf("%s: %s is %s, want %s", test.name, test.path, got, test.want)
		}
	}
}

func TestKeysBecomeTheFieldsOfTheRequest(t *testing.T) {
	attempts := uint64(4)
	deploy := func(policy types.RestartPolicy) func(*engine.ContainerSpec) {
		return func(s *engine.ContainerSpec) { s.Service.Deploy = &types.DeployConfig{RestartPolicy: &policy} }
	}
	checkFields(t, []fieldTest{
		{"annotations need 1.43", "1.43", func(s *engine.ContainerSpec) { s.Service.Annotations = types.Mapping{"a": "b"} }, "Host/Annotations", `{"a":"b"}`},
		{"annotations before 1.43", "1.42", func(s *engine.ContainerSpec) { s.Service.Annotations = types.Mapping{"a": "b"} }, "Host/Annotations", `null`},
		{"no swappiness", "1.41", func(*engine.ContainerSpec) {}, "Host/MemorySwappiness", `null`},
		{"no processes limit", "1.41", func(*engine.ContainerSpec) {}, "Host/PidsLimit", `null`},
		{"command absent", "1.41", func(*engine.ContainerSpec) {}, "Config/Cmd", `null`},
		{"entrypoint cleared", "1.41", func(s *engine.ContainerSpec) { s.Service.Entrypoint = types.ShellCommand{} }, "Config/Entrypoint", `[]`},
		{"output is attached", "1.41", func(*engine.ContainerSpec) {}, "Config/AttachStdout", `true`},
		{"interactive", "1.41", func(s *engine.ContainerSpec) { s.Interactive, s.TTY = true, true }, "Config/StdinOnce", `true`},
		{"one-off is removed", "1.41", func(s *engine.ContainerSpec) { s.AutoRemove = true }, "Host/AutoRemove", `true`},
		{"an unset variable hides the image's", "1.41", func(s *engine.ContainerSpec) { s.Service.Environment = types.MappingWithEquals{"A": nil} }, "Config/Env", `["A"]`},
		{"condition none", "1.41", deploy(types.RestartPolicy{Condition: "none"}), "Host/RestartPolicy/Name", `"no"`},
		{"no condition is any", "1.41", deploy(types.RestartPolicy{}), "Host/RestartPolicy/Name", `"always"`},
		{"attempts count on failure", "1.41", deploy(types.RestartPolicy{Condition: "on-failure", MaxAttempts: &attempts}), "Host/RestartPolicy/MaximumRetryCount", `4`},
		{"attempts do not count with any", "1.41", deploy(types.RestartPolicy{Condition: "any", MaxAttempts: &attempts}), "Host/RestartPolicy/MaximumRetryCount", `0`},
	})
}

func TestMountKeysBecomeTheFieldsOfTheRequest(t *testing.T) {
	bind := func(b types.ServiceVolumeBind) func(*engine.ContainerSpec) {
		return func(s *engine.ContainerSpec) {
			s.Mounts = []types.ServiceVolumeConfig{{Type: "bind", Source: "/src", Target: "/dst", ReadOnly: true, Bind: &b}}
		}
	}
	checkFields(t, []fieldTest{
		{"a bind that makes its path", "1.41", bind(types.ServiceVolumeBind{CreateHostPath: true}), "Host/Binds", `["/src:/dst:ro"]`},
		{"a bind that does not", "1.41", bind(types.ServiceVolumeBind{}), "Host/Mounts", `[{"Type":"bind","Source":"/src","Target":"/dst","ReadOnly":true,"BindOptions":{}}]`},
		{"propagation before 1.42", "1.41", bind(types.ServiceVolumeBind{CreateHostPath: true, Propagation: "shared"}), "Host/Binds", `["/src:/dst:ro,shared"]`},
		{"propagation from 1.42", "1.42", bind(types.ServiceVolumeBind{CreateHostPath: true, Propagation: "shared"}), "Host/Mounts", `[{"Type":"bind","Source":"/src","Target":"/dst","ReadOnly":true,"BindOptions":{"Propagation":"shared","CreateMountpoint":true}}]`},
		{"recursively read-only", "1.44", bind(types.ServiceVolumeBind{Recursive: "readonly"}), "Host/Mounts", `[{"Type":"bind","Source":"/src","Target":"/dst","ReadOnly":true,"BindOptions":{"ReadOnlyForceRecursive":true}}]`},
		{"writable submounts", "1.44", bind(types.ServiceVolumeBind{Recursive: "writable"}), "Host/Mounts", `[{"Type":"bind","Source":"/src","Target":"/dst","ReadOnly":true,"BindOptions":{"ReadOnlyNonRecursive":true}}]`},
		{"SELinux is for binds", "1.48", bind(types.ServiceVolumeBind{SELinux: "Z"}), "Host/Binds", `["/src:/dst:ro,Z"]`},
		{"subpath", "1.45", func(s *engine.ContainerSpec) {
			s.Mounts = []types.ServiceVolumeConfig{{Type: "volume", Source: "data", Target: "/d", Volume: &types.ServiceVolumeVolume{Subpath: "a/b"}}}
		}, "Host/Mounts", `[{"Type":"volume","Source":"data","Target":"/d","VolumeOptions":{"Subpath":"a/b"}}]`},
		{"image mount", "1.48", func(s *engine.ContainerSpec) {
			s.Mounts = []types.ServiceVolumeConfig{{Type: "image", Source: "tools", Target: "/t", Image: &types.ServiceVolumeImage{SubPath: "bin"}}}
		}, "Host/Mounts", `[{"Type":"image","Source":"tools","Target":"/t","ImageOptions":{"Subpath":"bin"}}]`},
		{"npipe", "1.41", func(s *engine.ContainerSpec) {
			s.Mounts = []types.ServiceVolumeConfig{{Type: "npipe", Source: `\\.\pipe\a`, Target: `\\.\pipe\b`}}
		}, "Host/Mounts", `[{"Type":"npipe","Source":"\\\\.\\pipe\\a","Target":"\\\\.\\pipe\\b"}]`},
	})
}

func TestFurtherKeysBecomeTheFieldsOfTheRequest(t *testing.T) {
	checkFields(t, []fieldTest{
		{"start interval from 1.44", "1.44", func(s *engine.ContainerSpec) {
			interval := types.Duration(2e9)
			s.Service.HealthCheck = &types.HealthCheckConfig{StartInterval: &interval}
		}, "Config/Healthcheck", `{"StartInterval":2000000000}`},
		{"CDI devices", "1.44", func(s *engine.ContainerSpec) {
			s.Service.Devices = []types.DeviceMapping{{Source: "vendor.test/gpu=all", Target: "vendor.test/gpu=all", Permissions: "rwm"}}
		}, "Host/DeviceRequests", `[{"Driver":"cdi","Count":0,"DeviceIDs":["vendor.test/gpu=all"],"Capabilities":null,"Options":null}]`},
		{"windows limits", "1.41", func(s *engine.ContainerSpec) { s.Service.CPUCount, s.Service.CPUPercent = 3, 50 }, "Host/CpuPercent", `50`},
		{"credential spec by file", "1.41", func(s *engine.ContainerSpec) { s.Service.CredentialSpec = &types.CredentialSpecConfig{File: "a.json"} }, "Host/SecurityOpt", `["credentialspec=file://a.json"]`},
		{"credential spec by registry", "1.41", func(s *engine.ContainerSpec) {
			s.Service.CredentialSpec = &types.CredentialSpecConfig{Registry: "a"}
		}, "Host/SecurityOpt", `["credentialspec=registry://a"]`},
		{"no network at all", "1.41", func(s *engine.ContainerSpec) { s.NetworkMode = "" }, "Host/NetworkMode", `"none"`},
		{"network disabled", "1.41", func(s *engine.ContainerSpec) { s.NetworkMode = "disabled" }, "Config/NetworkDisabled", `true`},
		{"address on the bridge", "1.44", func(s *engine.ContainerSpec) {
			s.NetworkMode, s.Service.MacAddress = "bridge", "02:42:ac:11:65:44"
		}, "Net/EndpointsConfig/bridge/MacAddress", `"02:42:ac:11:65:44"`},
		{"volumes_from", "1.41", func(s *engine.ContainerSpec) { s.VolumesFrom = []string{"abc:ro"} }, "Host/VolumesFrom", `["abc:ro"]`},
		{"storage_opt", "1.41", func(s *engine.ContainerSpec) { s.Service.StorageOpt = map[string]string{"size": "1G"} }, "Host/StorageOpt", `{"size":"1G"}`},
		{"blkio weights", "1.41", func(s *engine.ContainerSpec) {
			s.Service.BlkioConfig = &types.BlkioConfig{Weight: 7, WeightDevice: []types.WeightDevice{{Path: "/dev/sda", Weight: 8}}}
		}, "Host/BlkioWeightDevice", `[{"Path":"/dev/sda","Weight":8}]`},
		{"real-time processor", "1.41", func(s *engine.ContainerSpec) { s.Service.CPURTPeriod, s.Service.CPURTRuntime = 5, 6 }, "Host/CpuRealtimeRuntime", `6`},
		{"platform", "1.41", func(s *engine.ContainerSpec) { s.Service.Platform = "linux/arm64/v8" }, "Platform", `{"architecture":"arm64","os":"linux","variant":"v8"}`},
	})
}

func TestPortRangeExpandsToOneExposedPortEach(t *testing.T) {
	ports, err := expandPorts("3000-3002/UDP")
	if err != nil || len(ports) != 3 || ports[2] != "3002/udp" {
		t.Error(ports, err)
	}
}

func TestWrongValuesAreNamedWithTheirKey(t *testing.T) {
	for want, edit := range map[string]func(*engine.ContainerSpec){
		`services.web.expose: "http"`:                      func(s *engine.ContainerSpec) { s.Service.Expose = []string{"http"} },
		`services.web.platform: "a/b/c/d"`:                 func(s *engine.ContainerSpec) { s.Service.Platform = "a/b/c/d" },
		`services.web.security_opt: "label"`:               func(s *engine.ContainerSpec) { s.Service.SecurityOpt = []string{"label"} },
		`services.web.security_opt: seccomp profile: open`: func(s *engine.ContainerSpec) { s.Service.SecurityOpt = []string{"seccomp=/none.json"} },
		`services.web.mac_address: a container with network_mode host`: func(s *engine.ContainerSpec) {
			s.NetworkMode, s.Service.MacAddress = "host", "02:42:ac:11:65:44"
		},
		`services.web.read_only: /app.conf cannot be placed in the root directory`: func(s *engine.ContainerSpec) {
			s.Service.ReadOnly, s.Files = true, []engine.File{{Target: "/app.conf"}}
		},
	} {
		spec := webSpec()
		edit(&spec)
		_, err := newCreateRequest(spec, surroundings{api: "1.41", readFile: os.ReadFile})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestFilesInAVolumeNeedNoFurtherMount(t *testing.T) {
	spec := webSpec()
	spec.Service.ReadOnly = true
	spec.Mounts = []types.ServiceVolumeConfig{{Type: "volume", Source: "conf", Target: "/etc/app"}}
	spec.Files = []engine.File{{Target: "/etc/app/a"}, {Target: "/run/secrets/b"}, {Target: "/run/secrets/c"}}
	if got := at(requestOf(t, spec, "1.41"), "Host/Mounts"); got != `[{"Target":"/run/secrets","Type":"volume"}]` {
		t.Error(got)
	}
}

func TestTheEngineSocketComesWithCredentials(t *testing.T) {
	spec := webSpec()
	spec.Service.UseAPISocket = true
	request, err := newCreateRequest(spec, surroundings{api: "1.41", dockerConfig: func() ([]byte, error) { return []byte("{}"), nil }})
	if err != nil || len(request.files) != 1 || request.files[0].Target != "/run/secrets/docker/config.json" {
		t.Error(request.files, err)
	}
}

func TestNetworkKeysBecomeTheFieldsOfTheRequest(t *testing.T) {
	yes, no := true, false
	spec := engine.NetworkSpec{Name: "n", Config: types.NetworkConfig{EnableIPv4: &no, EnableIPv6: &yes, Internal: true}}
	options, err := newNetworkOptions(spec, "1.48")
	if err != nil || options.EnableIPv4 == nil || *options.EnableIPv4 || !*options.EnableIPv6 || !options.Internal || options.IPAM != nil {
		t.Error(options, err)
	}
	if _, err := newNetworkOptions(spec, "1.47"); !errors.Is(err, engine.ErrUnsupported) {
		t.Error(err)
	}
	spec.Config.EnableIPv4 = &yes
	if options, err := newNetworkOptions(spec, "1.47"); err != nil || options.EnableIPv4 != nil {
		t.Error(options, err)
	}
}

func TestGapsNameTheKeyAndTheVersionItNeeds(t *testing.T) {
	spec := twoNetworks()
	interval := types.Duration(1e9)
	attempts := uint64(2)
	spec.Service.Annotations = types.Mapping{"a": "b"}
	spec.Service.HealthCheck = &types.HealthCheckConfig{StartInterval: &interval}
	spec.Networks[1].Config.MacAddress = "02:42:ac:11:00:03"
	spec.Mounts = []types.ServiceVolumeConfig{
		{Type: "image", Source: "i", Target: "/i"},
		{Type: "volume", Source: "v", Target: "/v", Volume: &types.ServiceVolumeVolume{Subpath: "s"}},
		{Type: "bind", Source: "/b", Target: "/b", Bind: &types.ServiceVolumeBind{Recursive: "readonly"}},
	}
	spec.Service.Volumes = spec.Mounts
	spec.Service.Devices = []types.DeviceMapping{{Source: "v.test/c=d", Target: "v.test/c=d"}}
	spec.Service.Deploy = &types.DeployConfig{
		RestartPolicy: &types.RestartPolicy{Condition: "any", Delay: &interval, Window: &interval, MaxAttempts: &attempts},
		Placement:     types.Placement{Constraints: []string{"node.role==manager"}},
		EndpointMode:  "vip",
		Resources:     types.Resources{Reservations: &types.Resource{NanoCPUs: 1, GenericResources: []types.GenericResource{{}}}},
	}
	want := map[string]string{
		"annotations": "1.43", "devices": "1.44 fatal", "healthcheck.start_interval": "1.44",
		"networks.front.mac_address": "1.44 fatal", "networks.front.gw_priority": "1.48",
		"networks.front.interface_name": "1.49 fatal", "volumes.0.type": "1.48 fatal", "volumes.1.volume.subpath": "1.45 fatal",
		"volumes.2.bind.recursive": "1.44 fatal", "deploy.restart_policy.delay": "", "deploy.restart_policy.window": "",
		"deploy.restart_policy.max_attempts": "", "deploy.placement": "", "deploy.endpoint_mode": "",
		"deploy.resources.reservations.cpus": "", "deploy.resources.reservations.generic_resources": "",
	}
	gaps := Unsupported(spec, "1.41")
	for _, gap := range gaps {
		got := gap.NeedsAPI
		if gap.Fatal {
			got += " fatal"
		}
		if expected, ok := want[gap.Key]; !ok || got != expected || gap.Service != "web" || strings.Contains(gap.String(), "\n") {
			t.Errorf("%+v", gap)
		}
	}
	if len(gaps) != len(want) {
		t.Errorf("%d gaps, want %d", len(gaps), len(want))
	}
	for _, gap := range Unsupported(spec, "1.51") {
		if gap.NeedsAPI != "" {
			t.Errorf("the newest engine lacks %+v", gap)
		}
	}
}
