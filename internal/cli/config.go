package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/berth-dev/berth/internal/app"
)

// configurer resolves Compose files.
type configurer interface {
	Config(context.Context, app.ConfigRequest) (app.ConfigResult, error)
}

// configOptions are the flags of config.
type configOptions struct {
	app.ConfigRequest
	Output string // the file to write to; empty for standard output
}

func newConfig(s *session, runF run[configOptions]) *cobra.Command {
	var o configOptions
	cmd := s.command(groupInspect, &cobra.Command{
		Use:     "config [OPTIONS] [SERVICE...]",
		Aliases: []string{"convert"},
		Short:   "Check and show the resolved Compose model",
		Long: `Merge the Compose files, put variables in and bring the result into its full
form. Without arguments all services are shown.`,
		Example: `  berth config -q                 check only
  berth config --format json -o resolved.json
  berth config --services
  berth config --hash '*'`,
	})
	addConfigFlags(cmd.Flags(), &o)

	runF = runF.or(shown(s, "config", runConfig))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := oneOf(cmd, "--format", o.Format, "yaml", "json"); err != nil {
			return err
		}
		o.Quiet = o.Quiet && !o.asksForAList()
		o.Project, o.ConfigRequest.Services = s.project(), args
		return runF(cmd.Context(), o)
	}
	return cmd
}

func addConfigFlags(flags *pflag.FlagSet, o *configOptions) {
	flags.StringVar(&o.Format, "format", "", "Format of the output: yaml or json")
	flags.StringVarP(&o.Output, "output", "o", "", "File to write to (default: standard output)")
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "Only check, do not show the model")
	flags.BoolVar(&o.ServicesOnly, "services", false, "Show the names of services, one per line")
	flags.BoolVar(&o.Volumes, "volumes", false, "Show the names of volumes, one per line")
	flags.BoolVar(&o.Networks, "networks", false, "Show the names of networks, one per line")
	flags.BoolVar(&o.Models, "models", false, "Show the names of models, one per line")
	flags.BoolVar(&o.Profiles, "profiles", false, "Show the names of profiles, one per line")
	flags.BoolVar(&o.Images, "images", false, "Show the images, one per line")
	flags.StringVar(&o.Hash, "hash", "", `Show the configuration hash of services, separated by commas, or of all with "*"`)
	flags.BoolVar(&o.Variables, "variables", false, "Show the variables that the files use, with their defaults")
	flags.BoolVar(&o.Environment, "environment", false, "Show the environment that variables are taken from")
	flags.BoolVar(&o.ResolveImageDigests, "resolve-image-digests", false, "Replace the tags of images by digests")
	flags.BoolVar(&o.LockImageDigests, "lock-image-digests", false, "Show an override file that fixes images to their digests")
	flags.BoolVar(&o.NoInterpolate, "no-interpolate", false, "Leave variables as they are")
	flags.BoolVar(&o.NoNormalize, "no-normalize", false, "Do not bring the model into its full form")
	flags.BoolVar(&o.NoPathResolution, "no-path-resolution", false, "Leave relative paths as they are")
	flags.BoolVar(&o.NoEnvResolution, "no-env-resolution", false, "Do not read env_file files")
	flags.BoolVar(&o.NoConsistency, "no-consistency", false, "Do not check that the model makes sense; may show invalid output")
}

// asksForAList tells whether a flag names something to show. As with docker
// compose, --quiet silences only the model itself and --environment.
func (o configOptions) asksForAList() bool {
	return o.ServicesOnly || o.Volumes || o.Networks || o.Models || o.Profiles || o.Images || o.Hash != "" || o.Variables
}

func runConfig(ctx context.Context, s *session, use configurer, o configOptions) error {
	result, err := use.Config(ctx, o.ConfigRequest)
	for _, w := range result.Warnings {
		s.warn(w)
	}
	if err != nil || o.Quiet {
		return err
	}
	if o.Output != "" {
		return s.writeFile(o.Output, result.Output)
	}
	return s.print(string(result.Output))
}

// writeFile writes to a file.
func (s *session) writeFile(path string, content []byte) error {
	path, err := s.absolute(path)
	if err != nil {
		return err
	}
	return app.WriteWhole(path, 0o666, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// absolute makes a path of the command line absolute: relative ones start from
// the working directory.
func (s *session) absolute(path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	dir, err := s.env.WorkDir()
	if err != nil {
		return "", fmt.Errorf("find the working directory: %w", err)
	}
	return filepath.Join(dir, path), nil
}
