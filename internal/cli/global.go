package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/pflag"
)

// globalFlags stand before the command.
type globalFlags struct {
	files, envFiles, profiles []string
	name, dir, workDir        string
	ansi, progress            string
	parallel                  int
	compatibility             bool
	allResources              bool
	dryRun                    bool
	noANSI, verbose, version  bool
	insecure                  []string
	docker                    dockerFlags

	// ansiGiven and parallelGiven tell flags that were given from their defaults.
	ansiGiven, parallelGiven bool
}

// add adds the flags to the root command's own flags; only --dry-run is
// understood behind the command as well.
func (f *globalFlags) add(local, persistent *pflag.FlagSet) {
	local.StringArrayVarP(&f.files, "file", "f", nil, "Compose file; several are merged in order, - is standard input")
	local.StringArrayVar(&f.envFiles, "env-file", nil, "Environment file for interpolation, in place of .env")
	local.StringArrayVar(&f.profiles, "profile", nil, "Profile to enable")
	local.StringVarP(&f.name, "project-name", "p", "", "Project name")
	local.StringVar(&f.dir, "project-directory", "", "Folder that relative paths start from (default: the folder of the first Compose file)")
	local.StringVar(&f.ansi, "ansi", "auto", `When to use escape sequences ("never", "always" or "auto")`)
	local.StringVar(&f.progress, "progress", "", "How to show progress (auto, tty, plain, json, quiet)")
	local.IntVar(&f.parallel, "parallel", -1, "Most engine requests at the same time, -1 for no limit")
	local.BoolVar(&f.compatibility, "compatibility", false, "Name containers as docker-compose 1 did, with _")
	local.BoolVar(&f.allResources, "all-resources", false, "Include networks and volumes that no service uses")
	local.StringArrayVar(&f.insecure, "insecure-registry", nil, "Registry to be spoken to without TLS")
	local.BoolVar(&f.noANSI, "no-ansi", false, "Same as --ansi never")
	local.BoolVar(&f.verbose, "verbose", false, "Tell on standard error which files, settings and engine are used")
	local.BoolVarP(&f.version, "version", "v", false, "Show the version")
	local.StringVar(&f.workDir, "workdir", "", "Same as --project-directory")
	hide(local, "insecure-registry", "verbose", "version")
	deprecate(local, "no-ansi", "use --ansi never")
	deprecate(local, "workdir", "use --project-directory")

	docker := pflag.NewFlagSet("docker", pflag.ContinueOnError)
	f.docker.add(docker)
	docker.VisitAll(func(flag *pflag.Flag) {
		flag.Hidden = flag.Name != "context" && flag.Name != "host"
	})
	local.AddFlagSet(docker)
	persistent.BoolVar(&f.dryRun, "dry-run", false, "Show what would be done and change nothing")
}

// parsed notes which flags were given and folds the deprecated ones in.
func (f *globalFlags) parsed(flags *pflag.FlagSet) {
	f.ansiGiven, f.parallelGiven = flags.Changed("ansi"), flags.Changed("parallel")
	f.docker.Connection = f.docker.connection(flags)
	if f.dir == "" {
		f.dir = f.workDir
	}
}

// complete takes what no flag has said from the settings.
func (f *globalFlags) complete(settings map[string]string) error {
	if f.progress == "" {
		f.progress = settings["COMPOSE_PROGRESS"]
	}
	limit := settings["COMPOSE_PARALLEL_LIMIT"]
	if f.parallelGiven || limit == "" {
		return nil
	}
	n, err := strconv.Atoi(limit)
	if err != nil {
		return fmt.Errorf("COMPOSE_PARALLEL_LIMIT %q is not a whole number: use -1 for no limit", limit)
	}
	f.parallel = n
	return nil
}

// hide keeps flags out of help texts; they are accepted for the sake of
// existing scripts.
func hide(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		flags.Lookup(name).Hidden = true
	}
}
