package cli

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/berth-dev/berth/internal/app"
)

// portFinder finds where a container's port is published.
type portFinder interface {
	Port(context.Context, app.PortRequest) (string, error)
}

func newPort(s *session, runF run[app.PortRequest]) *cobra.Command {
	var r app.PortRequest
	cmd := s.command(groupInspect, &cobra.Command{
		Use:   "port [OPTIONS] SERVICE PRIVATE_PORT",
		Short: "Show where a port is published",
		Long:  "Show the address at which a container's port is published on the host.",
		Example: `  berth port web 80
  berth port --protocol udp dns 53`,
		Args: argsBetween(2, 2, "a service and a port"),
	})
	cmd.Flags().StringVar(&r.Protocol, "protocol", "tcp", "tcp or udp")
	cmd.Flags().IntVar(&r.Index, "index", 0, "Number of the container, where the service has several")

	runF = runF.or(shown(s, "port", runPort))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		number, protocol, given := strings.Cut(args[1], "/")
		if given && !cmd.Flags().Changed("protocol") {
			r.Protocol = protocol
		}
		port, err := strconv.ParseUint(number, 10, 16)
		if err != nil || port == 0 {
			return conflict(cmd, "%q is not a port: use a number from 1 to 65535", args[1])
		}
		r.Project, r.Service, r.Port = s.project(), args[0], int(port)
		r.Protocol = strings.ToLower(r.Protocol)
		return runF(cmd.Context(), r)
	}
	return cmd
}

func runPort(ctx context.Context, s *session, use portFinder, r app.PortRequest) error {
	address, err := use.Port(ctx, r)
	if err != nil {
		return err
	}
	return s.print(address + "\n")
}
