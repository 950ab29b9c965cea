package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
)

// publisher sends Compose files to a registry.
type publisher interface {
	Publish(context.Context, app.PublishRequest) error
}

func newPublish(s *session, runF run[app.PublishRequest]) *cobra.Command {
	var r app.PublishRequest
	cmd := s.command(groupImages, &cobra.Command{
		Use:   "publish [OPTIONS] REPOSITORY[:TAG]",
		Short: "Publish the Compose files to a registry",
		Long: `Send the Compose files, as they are written, to an OCI registry. From there they
can be used with -f oci://REPOSITORY[:TAG].`,
		Example: `  berth publish registry.example.com/shop:1.2
  berth publish --resolve-image-digests -y registry.example.com/shop`,
		Args: argsBetween(1, 1, "a repository"),
	})
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	flags := cmd.Flags()
	flags.BoolVar(&r.App, "app", false, "Publish the images as well, fixed to their digests")
	flags.StringVar(&r.OCIVersion, "oci-version", "", "Version of the OCI image specification to follow: 1.0 or 1.1")
	flags.BoolVar(&r.ResolveImageDigests, "resolve-image-digests", false, "Fix images to their digests")
	flags.BoolVar(&r.WithEnv, "with-env", false, "Publish environment files as well")
	flags.BoolVarP(&r.Yes, "yes", "y", false, `Answer questions with "yes"`)
	flags.BoolVar(&r.Insecure, "insecure-registry", false, "Let the registry do without TLS")
	hide(flags, "insecure-registry")

	runF = runF.or(direct(s, "publish", publisher.Publish))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.Project, r.Repository, r.DryRun = s.project(), args[0], s.flags.dryRun
		return runF(cmd.Context(), r)
	}
	return cmd
}
