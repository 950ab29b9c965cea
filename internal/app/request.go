package app

import "time"

// ProjectOptions say which project a verb is about: docker compose's global flags.
type ProjectOptions struct {
	Files         []string `json:"files,omitempty"`             // -f, in order; "-" is standard input
	EnvFiles      []string `json:"env_files,omitempty"`         // --env-file
	Profiles      []string `json:"profiles,omitempty"`          // --profile
	Name          string   `json:"name,omitempty"`              // -p
	Dir           string   `json:"project_directory,omitempty"` // --project-directory
	AllResources  bool     `json:"all_resources,omitempty"`     // --all-resources
	Compatibility bool     `json:"compatibility,omitempty"`     // --compatibility
	Insecure      []string `json:"insecure_registry,omitempty"` // --insecure-registry
}

// UpRequest asks to bring services to what the files say. `create` is the same
// with NoStart; `scale` the same with Scale.
type UpRequest struct {
	Project  ProjectOptions
	Services []string

	NoStart             bool // create only
	NoDeps              bool
	ForceRecreate       bool
	NoRecreate          bool
	AlwaysRecreateDeps  bool
	RenewAnonVolumes    bool
	RemoveOrphans       bool
	IgnoreOrphans       bool // COMPOSE_IGNORE_ORPHANS
	Build               bool
	NoBuild             bool
	Pull                string // always, missing, never, build, ...; empty: each service's pull_policy
	QuietPull           bool
	QuietBuild          bool
	PruneImages         bool // remove the images that a build or pull of this up replaced
	Scale               map[string]int
	Timeout             *time.Duration // -t: replaces every stop_grace_period
	Wait                bool
	WaitTimeout         time.Duration // 0: no limit
	AssumeYes           bool
	DryRun              bool
	LockTimeout         time.Duration
	PlanFile            string // apply this saved plan
	Strict              bool   // keys without effect are errors
	AcceptVolumeRemoval bool   // consent to losing volume data
	TakeOver            bool   // go on though another directory's project has the same name
}

// DownRequest asks to take a project, or some of its services, away.
type DownRequest struct {
	Project       ProjectOptions
	Services      []string
	Volumes       bool
	Images        string // "", "local" or "all"
	RemoveOrphans bool
	Timeout       *time.Duration
	DryRun        bool
	LockTimeout   time.Duration
	TakeOver      bool // go on though another directory's project has the same name
}

// ServicesRequest is what start, stop, restart, kill, pause, unpause and rm
// have in common.
type ServicesRequest struct {
	Project       ProjectOptions
	Services      []string
	Timeout       *time.Duration // stop, restart
	NoDeps        bool           // restart
	Signal        string         // kill; default SIGKILL
	RemoveOrphans bool           // kill
	Wait          bool           // start
	WaitTimeout   time.Duration  // start; 0: no limit
	Stop          bool           // rm: stop first
	Volumes       bool           // rm: remove anonymous volumes too
	Force         bool           // rm: do not ask
	TakeOver      bool           // rm: go on though another directory's project has the same name
	DryRun        bool
	LockTimeout   time.Duration
}

// PsRequest selects containers to list.
type PsRequest struct {
	Project  ProjectOptions
	Services []string
	All      bool
	Orphans  bool
	Status   []string // running, exited, ...
	Filter   string   // "status=running" or "source=..."
	Size     bool
}

// ListRequest asks for the projects an engine has.
type ListRequest struct {
	All     bool // stopped ones too
	Filters []string
}

// ProjectSummary is one project of `ls`.
type ProjectSummary struct {
	Name        string
	Status      string // such as "running(2), exited(1)"
	ConfigFiles string
}

// ImageRow is one row of `images`.
type ImageRow struct {
	Container  string
	Service    string
	Repository string
	Tag        string
	Platform   string
	ID         string
	Size       int64 // bytes
	Created    time.Time
	LastTagged time.Time
}

// PortRequest asks where a container port is published.
type PortRequest struct {
	Project  ProjectOptions
	Service  string
	Port     int
	Protocol string
	Index    int // 0: the first
}

// TopRequest asks for the processes of services.
type TopRequest struct {
	Project  ProjectOptions
	Services []string
}

// LogsRequest asks for the output of containers.
type LogsRequest struct {
	Project    ProjectOptions
	Services   []string
	Follow     bool
	Index      int
	Since      string
	Until      string
	Tail       string
	Timestamps bool
	OutputDir  string
}

// ConfigRequest asks for the resolved model: the flags of `config`.
type ConfigRequest struct {
	Project  ProjectOptions
	Services []string

	Format              string // yaml or json
	Hash                string // service names, comma-separated, or "*"
	Environment         bool
	Images              bool
	Models              bool
	Networks            bool
	Profiles            bool
	ServicesOnly        bool
	Variables           bool
	Volumes             bool
	LockImageDigests    bool
	ResolveImageDigests bool
	NoConsistency       bool
	NoEnvResolution     bool
	NoInterpolate       bool
	NoNormalize         bool
	NoPathResolution    bool
	Quiet               bool
}

// BuildRequest asks to build service images.
type BuildRequest struct {
	Project          ProjectOptions
	Services         []string
	Args             []string // KEY=VALUE or KEY
	Builder          string
	Check            bool
	Memory           int64 // bytes
	NoCache          bool
	Print            bool
	Provenance       string
	Pull             bool
	Push             bool
	Quiet            bool
	SBOM             string
	SSH              string
	WithDependencies bool
	DryRun           bool
}

// PullRequest asks to pull service images.
type PullRequest struct {
	Project            ProjectOptions
	Services           []string
	IgnoreBuildable    bool
	IgnorePullFailures bool
	IncludeDeps        bool
	Policy             string
	Quiet              bool
	DryRun             bool
}

// PushRequest asks to push service images.
type PushRequest struct {
	Project            ProjectOptions
	Services           []string
	IgnorePushFailures bool
	IncludeDeps        bool
	Quiet              bool
	DryRun             bool
}

// ExecRequest asks to run a command in a running container.
type ExecRequest struct {
	Project    ProjectOptions
	Service    string
	Command    []string
	Index      int
	Env        []string
	User       string
	WorkingDir string
	Privileged bool
	Detach     bool
	TTY        bool
	Stdin      bool
	DryRun     bool
}

// RunRequest asks to run a one-off command on a service.
type RunRequest struct {
	Project       ProjectOptions
	Service       string
	Command       []string
	Build         bool
	CapAdd        []string
	CapDrop       []string
	Detach        bool
	Entrypoint    *string
	Env           []string
	EnvFiles      []string
	Interactive   bool
	Labels        []string
	Name          string
	NoDeps        bool
	TTY           bool
	Publish       []string
	Pull          string
	Quiet         bool
	QuietBuild    bool
	QuietPull     bool
	RemoveOrphans bool
	Remove        bool // --rm
	ServicePorts  bool
	UseAliases    bool
	User          string
	Volumes       []string
	WorkingDir    string
	DryRun        bool
}
