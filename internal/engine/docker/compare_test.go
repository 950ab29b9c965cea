package docker

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"

	"github.com/berth-dev/berth/internal/engine"
)

// edits change one key of testdata/recorded/full.yaml each; the key of the map
// is the path under which the change must be found.
func edits() map[string]func(*engine.ContainerSpec) {
	edits := map[string]func(*engine.ContainerSpec){}
	for _, group := range []map[string]func(*engine.ContainerSpec){processEdits(), networkEdits(), mountEdits(), hostEdits(), resourceEdits()} {
		for path, edit := range group {
			edits[path] = edit
		}
	}
	return edits
}

func processEdits() map[string]func(*engine.ContainerSpec) {
	seconds := types.Duration(5e9)
	retries := uint64(9)
	text := "81"
	return map[string]func(*engine.ContainerSpec){
		"image":                    func(s *engine.ContainerSpec) { s.Image = "berth-test/busybox:2" },
		"command":                  func(s *engine.ContainerSpec) { s.Service.Command = types.ShellCommand{"true"} },
		"entrypoint":               func(s *engine.ContainerSpec) { s.Service.Entrypoint = types.ShellCommand{"env"} },
		"user":                     func(s *engine.ContainerSpec) { s.Service.User = "" },
		"working_dir":              func(s *engine.ContainerSpec) { s.Service.WorkingDir = "" },
		"hostname":                 func(s *engine.ContainerSpec) { s.Service.Hostname = "host8" },
		"domainname":               func(s *engine.ContainerSpec) { s.Service.DomainName = "" },
		"tty":                      func(s *engine.ContainerSpec) { s.Service.Tty = true },
		"stdin_open":               func(s *engine.ContainerSpec) { s.Service.StdinOpen = true },
		"stop_signal":              func(s *engine.ContainerSpec) { s.Service.StopSignal = "" },
		"stop_grace_period":        func(s *engine.ContainerSpec) { s.Service.StopGracePeriod = nil },
		"environment.PORT":         func(s *engine.ContainerSpec) { s.Service.Environment["PORT"] = &text },
		"environment.PASSWORD":     func(s *engine.ContainerSpec) { delete(s.Service.Environment, "PASSWORD") },
		"environment.VERSION":      func(s *engine.ContainerSpec) { s.Service.Environment["VERSION"] = nil },
		"environment.EXTRA":        func(s *engine.ContainerSpec) { s.Env = []string{"EXTRA=1"} },
		"labels.org.example.note":  func(s *engine.ContainerSpec) { delete(s.Labels, "org.example.note") },
		"labels.org.example.other": func(s *engine.ContainerSpec) { s.Labels["org.example.other"] = "1" },
		"healthcheck.test":         func(s *engine.ContainerSpec) { s.Service.HealthCheck.Disable = true },
		"healthcheck.interval":     func(s *engine.ContainerSpec) { s.Service.HealthCheck.Interval = &seconds },
		"healthcheck.timeout":      func(s *engine.ContainerSpec) { s.Service.HealthCheck.Timeout = &seconds },
		"healthcheck.start_period": func(s *engine.ContainerSpec) { s.Service.HealthCheck.StartPeriod = nil },
		"healthcheck.retries":      func(s *engine.ContainerSpec) { s.Service.HealthCheck.Retries = &retries },
		"restart":                  func(s *engine.ContainerSpec) { s.Service.Restart = "no" },
	}
}

func networkEdits() map[string]func(*engine.ContainerSpec) {
	// The endpoint's section belongs to the loaded file: copy before changing.
	config := func(s *engine.ContainerSpec, edit func(*types.ServiceNetworkConfig)) {
		copied := *s.Networks[0].Config
		edit(&copied)
		s.Networks[0].Config = &copied
	}
	const back = "networks.recorded_back"
	return map[string]func(*engine.ContainerSpec){
		"expose":               func(s *engine.ContainerSpec) { s.Service.Expose = nil },
		"ports":                func(s *engine.ContainerSpec) { s.Service.Ports[0].Published = "48799" },
		back + ".aliases":      func(s *engine.ContainerSpec) { s.Networks[0].Aliases = []string{"web", "shop"} },
		back + ".links":        func(s *engine.ContainerSpec) { s.Networks[0].Links = []string{"db:database"} },
		back + ".mac_address":  func(s *engine.ContainerSpec) { s.Networks[0].MacAddress = "02:42:ac:11:65:46" },
		back + ".ipv4_address": func(s *engine.ContainerSpec) { config(s, func(c *types.ServiceNetworkConfig) { c.Ipv4Address = "" }) },
		back + ".ipv6_address": func(s *engine.ContainerSpec) {
			config(s, func(c *types.ServiceNetworkConfig) { c.Ipv6Address = "2001:db8::1" })
		},
		back + ".link_local_ips": func(s *engine.ContainerSpec) {
			config(s, func(c *types.ServiceNetworkConfig) { c.LinkLocalIPs = []string{"169.254.1.1"} })
		},
		back + ".driver_opts." + "org.example.option": func(s *engine.ContainerSpec) { config(s, func(c *types.ServiceNetworkConfig) { c.DriverOpts = nil }) },
		"networks.recorded_front":                     func(s *engine.ContainerSpec) { s.Networks = s.Networks[:1] },
		"networks.recorded_third": func(s *engine.ContainerSpec) {
			s.Networks = append(s.Networks, engine.Endpoint{Network: "recorded_third"})
		},
		"network_mode": func(s *engine.ContainerSpec) { s.Networks, s.NetworkMode, s.Service.MacAddress = nil, "host", "" },
		"dns":          func(s *engine.ContainerSpec) { s.Service.DNS = nil },
		"dns_search":   func(s *engine.ContainerSpec) { s.Service.DNSSearch = nil },
		"dns_opt":      func(s *engine.ContainerSpec) { s.Service.DNSOpts = nil },
		"extra_hosts":  func(s *engine.ContainerSpec) { s.Service.ExtraHosts = nil },
	}
}

func mountEdits() map[string]func(*engine.ContainerSpec) {
	find := func(s *engine.ContainerSpec, target string) *types.ServiceVolumeConfig {
		index := slices.IndexFunc(s.Mounts, func(v types.ServiceVolumeConfig) bool { return v.Target == target })
		return &s.Mounts[index]
	}
	return map[string]func(*engine.ContainerSpec){
		"volumes./data":      func(s *engine.ContainerSpec) { find(s, "/data").Source = "other" },
		"volumes./anonymous": func(s *engine.ContainerSpec) { find(s, "/anonymous").Target = "/elsewhere" },
		"volumes./bind":      func(s *engine.ContainerSpec) { find(s, "/bind").ReadOnly = false },
		"volumes./nocopy":    func(s *engine.ContainerSpec) { find(s, "/nocopy").Volume = nil },
		"volumes./cache":     func(s *engine.ContainerSpec) { find(s, "/cache").Tmpfs = &types.ServiceVolumeTmpfs{Size: 5} },
		"volumes./new": func(s *engine.ContainerSpec) {
			s.Mounts = append(s.Mounts, types.ServiceVolumeConfig{Type: "volume", Target: "/new"})
		},
		"tmpfs./scratch": func(s *engine.ContainerSpec) { s.Service.Tmpfs = nil },
		"volumes_from":   func(s *engine.ContainerSpec) { s.VolumesFrom = []string{"other:ro"} },
	}
}

func hostEdits() map[string]func(*engine.ContainerSpec) {
	return map[string]func(*engine.ContainerSpec){
		"cap_add":      func(s *engine.ContainerSpec) { s.Service.CapAdd = nil },
		"cap_drop":     func(s *engine.ContainerSpec) { s.Service.CapDrop = nil },
		"group_add":    func(s *engine.ContainerSpec) { s.Service.GroupAdd = nil },
		"security_opt": func(s *engine.ContainerSpec) { s.Service.SecurityOpt = nil },
		"security_opt.systempaths": func(s *engine.ContainerSpec) {
			s.Service.SecurityOpt = append(s.Service.SecurityOpt, "systempaths=unconfined")
		},
		"init":                       func(s *engine.ContainerSpec) { s.Service.Init = nil },
		"read_only":                  func(s *engine.ContainerSpec) { s.Service.ReadOnly = true },
		"privileged":                 func(s *engine.ContainerSpec) { s.Service.Privileged = true },
		"ipc":                        func(s *engine.ContainerSpec) { s.IPCMode = "host" },
		"pid":                        func(s *engine.ContainerSpec) { s.PIDMode = "host" },
		"uts":                        func(s *engine.ContainerSpec) { s.Service.Uts = "host" },
		"userns_mode":                func(s *engine.ContainerSpec) { s.Service.UserNSMode = "host" },
		"cgroup_parent":              func(s *engine.ContainerSpec) { s.Service.CgroupParent = "/other" },
		"runtime":                    func(s *engine.ContainerSpec) { s.Service.Runtime = "other" },
		"shm_size":                   func(s *engine.ContainerSpec) { s.Service.ShmSize = 0 },
		"sysctls.net.core.somaxconn": func(s *engine.ContainerSpec) { s.Service.Sysctls = nil },
		"storage_opt.size":           func(s *engine.ContainerSpec) { s.Service.StorageOpt = map[string]string{"size": "1G"} },
		"logging.options.max-size": func(s *engine.ContainerSpec) {
			s.Service.Logging = &types.LoggingConfig{Options: types.Options{"max-size": "2m"}}
		},
		"logging.driver":   func(s *engine.ContainerSpec) { s.Service.Logging = &types.LoggingConfig{Driver: "local"} },
		"oom_score_adj":    func(s *engine.ContainerSpec) { s.Service.OomScoreAdj = 0 },
		"oom_kill_disable": func(s *engine.ContainerSpec) { s.Service.OomKillDisable = true },
	}
}

func resourceEdits() map[string]func(*engine.ContainerSpec) {
	throttle := []types.ThrottleDevice{{Path: "/dev/sda", Rate: 5}}
	block := func(config types.BlkioConfig) func(*engine.ContainerSpec) {
		return func(s *engine.ContainerSpec) { s.Service.BlkioConfig = &config }
	}
	return map[string]func(*engine.ContainerSpec){
		"mem_limit":           func(s *engine.ContainerSpec) { s.Service.MemLimit = 32 << 20 },
		"mem_reservation":     func(s *engine.ContainerSpec) { s.Service.MemReservation = 0 },
		"memswap_limit":       func(s *engine.ContainerSpec) { s.Service.MemSwapLimit = 100 << 20 },
		"cpus":                func(s *engine.ContainerSpec) { s.Service.CPUS = 0 },
		"cpu_shares":          func(s *engine.ContainerSpec) { s.Service.CPUShares = 0 },
		"cpu_period":          func(s *engine.ContainerSpec) { s.Service.CPUPeriod = 1000 },
		"cpu_quota":           func(s *engine.ContainerSpec) { s.Service.CPUQuota = 1000 },
		"cpu_rt_period":       func(s *engine.ContainerSpec) { s.Service.CPURTPeriod = 1000 },
		"cpu_rt_runtime":      func(s *engine.ContainerSpec) { s.Service.CPURTRuntime = 1000 },
		"cpu_count":           func(s *engine.ContainerSpec) { s.Service.CPUCount = 2 },
		"cpu_percent":         func(s *engine.ContainerSpec) { s.Service.CPUPercent = 2 },
		"cpuset":              func(s *engine.ContainerSpec) { s.Service.CPUSet = "" },
		"pids_limit":          func(s *engine.ContainerSpec) { s.Service.PidsLimit = 0 },
		"ulimits.nofile":      func(s *engine.ContainerSpec) { s.Service.Ulimits["nofile"] = &types.UlimitsConfig{Single: 5} },
		"devices":             func(s *engine.ContainerSpec) { s.Service.Devices = nil },
		"device_cgroup_rules": func(s *engine.ContainerSpec) { s.Service.DeviceCgroupRules = nil },
		"gpus":                func(s *engine.ContainerSpec) { s.Service.Gpus = []types.DeviceRequest{{Count: -1}} },

		"blkio_config.weight":            block(types.BlkioConfig{Weight: 10}),
		"blkio_config.weight_device":     block(types.BlkioConfig{WeightDevice: []types.WeightDevice{{Path: "/dev/sda", Weight: 10}}}),
		"blkio_config.device_read_bps":   block(types.BlkioConfig{DeviceReadBps: throttle}),
		"blkio_config.device_read_iops":  block(types.BlkioConfig{DeviceReadIOps: throttle}),
		"blkio_config.device_write_bps":  block(types.BlkioConfig{DeviceWriteBps: throttle}),
		"blkio_config.device_write_iops": block(types.BlkioConfig{DeviceWriteIOps: throttle}),
	}
}

func TestEachChangedKeyIsFoundUnderItsPathAndNothingElse(t *testing.T) {
	// What one edit changes besides the path it is named after.
	also := map[string][]string{
		"volumes./anonymous": {"volumes./elsewhere"},
	}
	files, err := filepath.Glob(filepath.Join(recordedDir, "full-*.json"))
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for path, edit := range edits() {
		for _, file := range files {
			_, spec := recordedSpec(t, "full")
			edit(&spec)
			var found []string
			for _, change := range compareRecorded(t, spec, file) {
				found = append(found, strings.TrimPrefix(change.Path, "services.web."))
			}
			want := append([]string{path}, also[path]...)
			if strings.HasPrefix(path, "blkio_config.weight") && strings.Contains(file, "20.10") {
				want = nil // dropped by the recorded engine's kernel
			}
			slices.Sort(want)
			if !slices.Equal(found, want) {
				t.Errorf("%s: %s gives %v", filepath.Base(file), path, found)
			}
		}
	}
}

func TestAnImageIsTheSameUnderAnyOfItsNames(t *testing.T) {
	file := filepath.Join(recordedDir, "plain-20.10.json")
	got, _ := loadRecording(t, file)
	for _, ref := range []string{"berth-test/busybox", "docker.io/berth-test/busybox:latest", got.container.Image, got.container.Image[7:19]} {
		_, spec := recordedSpec(t, "plain")
		spec.Image = ref
		if changes := compareRecorded(t, spec, file); len(changes) != 0 {
			t.Errorf("%s: %v", ref, changes)
		}
	}
}

func TestWhatDockerComposeOrADaemonAddsIsNoDifference(t *testing.T) {
	for name, add := range map[string]func(*observed){
		"labels of Compose tools":  func(o *observed) { o.container.Config.Labels["com.docker.compose.version"] = "5.0.0" },
		"labels of Docker Desktop": func(o *observed) { o.container.Config.Labels["desktop.docker.io/binds/0/Source"] = "/x" },
		"proxies of config.json":   func(o *observed) { o.container.Config.Env = append(o.container.Config.Env, "HTTP_PROXY=http://p") },
		"default ulimits": func(o *observed) {
			o.container.HostConfig.Ulimits = []*container.Ulimit{{Name: "core", Soft: 1, Hard: 1}}
		},
		"default log options":        func(o *observed) { o.container.HostConfig.LogConfig.Config = map[string]string{"max-size": "9m"} },
		"another default log driver": func(o *observed) { o.facts.logDriver = "local"; o.container.HostConfig.LogConfig.Type = "local" },
		"another default runtime":    func(o *observed) { o.facts.runtime = "crun"; o.container.HostConfig.Runtime = "crun" },
		"a policy of no restart":     func(o *observed) { o.container.HostConfig.RestartPolicy.Name = "no" },
		"shareable IPC by default":   func(o *observed) { o.container.HostConfig.IpcMode = "shareable" },
		"a volume of the image": func(o *observed) {
			o.image.volumes = []string{"/data/"}
			o.container.HostConfig.Binds = []string{"0123:/data"}
		},
		"a port of the image": func(o *observed) {
			o.image.exposed = []string{"80/tcp"}
			o.container.Config.ExposedPorts = onePort("80/tcp")
		},
		"an init of false": func(o *observed) { o.container.HostConfig.Init = new(bool) },
		"the image's own health": func(o *observed) {
			o.image.health = &container.HealthConfig{Test: []string{"CMD", "x"}, Retries: 2}
			o.container.Config.Healthcheck = o.image.health
		},
		"the name of the old network": func(o *observed) { o.container.HostConfig.NetworkMode = "53c66c36d07b" },
	} {
		_, spec := recordedSpec(t, "plain")
		got, api := loadRecording(t, filepath.Join(recordedDir, "plain-20.10.json"))
		add(&got)
		want, err := newCreateRequest(spec, surroundings{api: api})
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range compareContainer(spec, want, got) {
			t.Errorf("%s: %+v", name, change)
		}
	}
}

// onePort is a set of one port.
func onePort(port string) nat.PortSet { return nat.PortSet{nat.Port(port): {}} }

func TestLimitsTheKernelLacksAreNoDifference(t *testing.T) {
	_, spec := recordedSpec(t, "plain")
	swappiness := types.UnitBytes(10)
	spec.Service.MemLimit, spec.Service.MemSwappiness, spec.Service.PidsLimit, spec.Service.CPUS = 64<<20, swappiness, 5, 1
	spec.Service.BlkioConfig = &types.BlkioConfig{Weight: 10}
	got, api := loadRecording(t, filepath.Join(recordedDir, "plain-20.10.json"))
	got.facts.noMemory, got.facts.noSwap, got.facts.noPids, got.facts.noCPUQuota, got.facts.noBlockIO = true, true, true, true, true
	got.facts.cgroupVersion, got.container.HostConfig.CgroupnsMode = "2", "private"
	want, err := newCreateRequest(spec, surroundings{api: api})
	if err != nil {
		t.Fatal(err)
	}
	if changes := compareContainer(spec, want, got); len(changes) != 0 {
		t.Error(changes)
	}
}

func TestSwappinessIsFoundWhereTheKernelHasIt(t *testing.T) {
	_, spec := recordedSpec(t, "full")
	spec.Service.MemSwappiness = 10
	changes := compareRecorded(t, spec, filepath.Join(recordedDir, "full-20.10.json"))
	if len(changes) != 1 || changes[0].Path != "services.web.mem_swappiness" {
		t.Error(changes)
	}
	if changes := compareRecorded(t, spec, filepath.Join(recordedDir, "full-28.json")); len(changes) != 0 {
		t.Error(changes)
	}
}

func TestOtherContainersAreComparedByIdentity(t *testing.T) {
	_, spec := recordedSpec(t, "host")
	spec.NetworkMode, spec.PIDMode, spec.IPCMode, spec.VolumesFrom = "container:db", "container:db", "container:db", []string{"db"}
	got, api := loadRecording(t, filepath.Join(recordedDir, "host-20.10.json"))
	host := got.container.HostConfig
	host.NetworkMode, host.PidMode, host.IpcMode, host.VolumesFrom = "container:0123", "container:0123", "container:0123", []string{"db:rw"}
	got.ids = map[string]string{"db": "0123"}
	want, err := newCreateRequest(spec, surroundings{api: api})
	if err != nil {
		t.Fatal(err)
	}
	if changes := compareContainer(spec, want, got); len(changes) != 0 {
		t.Error(changes)
	}
	got.ids["db"] = "4567"
	if changes := compareContainer(spec, want, got); len(changes) != 3 {
		t.Error(changes)
	}
}

func TestASecretVariableIsMarked(t *testing.T) {
	_, spec := recordedSpec(t, "full")
	other := "other"
	spec.Service.Environment["PASSWORD"] = &other
	changes := compareRecorded(t, spec, filepath.Join(recordedDir, "full-20.10.json"))
	if len(changes) != 1 || !changes[0].Secret {
		t.Error(changes)
	}
}

func TestABindAskedForAsAMountIsTheSame(t *testing.T) {
	_, spec := recordedSpec(t, "full")
	got, api := loadRecording(t, filepath.Join(recordedDir, "full-20.10.json"))
	host := got.container.HostConfig
	host.Binds = nil
	host.Mounts = append(host.Mounts,
		mount.Mount{Type: "volume", Source: "recorded_data", Target: "/data", VolumeOptions: &mount.VolumeOptions{}},
		mount.Mount{Type: "bind", Source: "/srv/recorded", Target: "/bind", ReadOnly: true, BindOptions: &mount.BindOptions{CreateMountpoint: true, Propagation: "rprivate"}})
	want, err := newCreateRequest(spec, surroundings{api: api})
	if err != nil {
		t.Fatal(err)
	}
	if changes := compareContainer(spec, want, got); len(changes) != 0 {
		t.Error(changes)
	}
}

func TestABindMountInPlaceOfACopiedSecretIsNoDifference(t *testing.T) {
	_, spec := recordedSpec(t, "plain")
	spec.Files = []engine.File{{Target: "/run/secrets/token"}}
	spec.Service.Tmpfs = []string{"/run"}
	got, api := loadRecording(t, filepath.Join(recordedDir, "plain-20.10.json"))
	got.container.HostConfig.Tmpfs = map[string]string{"/run": ""}
	got.container.HostConfig.Mounts = []mount.Mount{{Type: "bind", Source: "/srv/token", Target: "/run/secrets/token", ReadOnly: true}}
	want, err := newCreateRequest(spec, surroundings{api: api})
	if err != nil {
		t.Fatal(err)
	}
	if changes := compareContainer(spec, want, got); len(changes) != 0 {
		t.Error(changes)
	}
}

func TestABindIsReadInAllItsForms(t *testing.T) {
	for bind, want := range map[string]mountView{
		"data:/data":                  {kind: "volume", source: "data"},
		"data:/data:rw":               {kind: "volume", source: "data"},
		"data:/data:ro,nocopy":        {kind: "volume", source: "data", readOnly: true, noCopy: true},
		"/srv/x/:/data/:rw,Z,rshared": {kind: "bind", source: "/srv/x", selinux: "Z", propagation: "rshared"},
		"/srv/x:/data:rw,rprivate":    {kind: "bind", source: "/srv/x"},
		`C:\data:/data:ro`:            {kind: "bind", source: `C:\data`, readOnly: true},
	} {
		if target, got := parseBind(bind); got != want || target != "/data" {
			t.Errorf("%s: %s %+v", bind, target, got)
		}
	}
}
