package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/ui"
)

// composeVersion is the docker compose whose command line berth answers to.
// Called by its name, berth says so where tools compare versions.
const composeVersion = "5.7.0"

// versionOptions are the flags of version.
type versionOptions struct {
	Format string
	Short  bool
}

func newVersion(s *session, runF run[versionOptions]) *cobra.Command {
	var o versionOptions
	cmd := s.command(groupOther, &cobra.Command{
		Use:   "version [OPTIONS]",
		Short: "Show berth's version",
		Long: `Show berth's version. Nothing else is read or asked. Called as docker-compose or
docker compose, it tells the version of docker compose whose command line it
answers to, too; --short then shows only that.`,
		Example: `  berth version
  berth version --short
  berth version --format json`,
		Args: argsBetween(0, 0, ""),
	})
	delete(cmd.Annotations, usesProject)
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.Flags().StringVarP(&o.Format, "format", "f", "", "Format of the output: pretty or json")
	cmd.Flags().BoolVar(&o.Short, "short", false, "Show the number only")

	runF = runF.or(func(_ context.Context, o versionOptions) error { return printVersion(s, o) })
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := oneOf(cmd, "--format", o.Format, "pretty", "json"); err != nil {
			return err
		}
		return runF(cmd.Context(), o)
	}
	return cmd
}

// printVersion touches neither files nor the engine.
func printVersion(s *session, o versionOptions) error {
	v := ui.Versions{Berth: versionWord(s.env.Version)}
	if s.inv.standsIn() {
		v.Compose = versionWord(composeVersion)
	}
	return ui.Version(ui.Terminal{Out: s.env.Stdout}, v, o.Format, o.Short)
}

// versionWord is the version as it is shown: with a v in front of a number.
func versionWord(version string) string {
	if version != "" && version[0] >= '0' && version[0] <= '9' {
		return "v" + version
	}
	return version
}
