package docker

import (
	"context"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/network"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// Networks lists the project's networks and those with one of the names, in
// one request. The engine cannot join the two conditions by "or", so it lists
// all of them.
func (e *Engine) Networks(ctx context.Context, project string, names ...string) ([]engine.Network, error) {
	const op = "list networks"
	if err := e.ready(ctx, op, ""); err != nil {
		return nil, err
	}
	rows, err := e.cli.NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return nil, e.fail(ctx, op, "", err)
	}
	var result []engine.Network
	for _, row := range rows {
		if project != "" && row.Labels[labels.Project] == project || slices.Contains(names, row.Name) {
			result = append(result, convertNetwork(row))
		}
	}
	return result, nil
}

func convertNetwork(row network.Summary) engine.Network {
	n := engine.Network{
		ID: row.ID, Name: row.Name, Driver: row.Driver, Scope: row.Scope,
		Internal: row.Internal, Attachable: row.Attachable, EnableIPv6: row.EnableIPv6, EnableIPv4: row.EnableIPv4,
		Options: row.Options, Labels: row.Labels, Created: row.Created,
		IPAM: types.IPAMConfig{Driver: row.IPAM.Driver, Options: row.IPAM.Options},
	}
	for _, pool := range row.IPAM.Config {
		n.IPAM.Config = append(n.IPAM.Config, &types.IPAMPool{
			Subnet: pool.Subnet, Gateway: pool.Gateway, IPRange: pool.IPRange, AuxiliaryAddresses: pool.AuxAddress,
		})
	}
	return n
}

// CreateNetwork creates a network. Engines before API 1.44 would make a second
// one of the same name without being told not to; the client tells them.
func (e *Engine) CreateNetwork(ctx context.Context, spec engine.NetworkSpec) (string, error) {
	var id string
	err := e.act(ctx, "create network", spec.Name, func() error {
		options, err := newNetworkOptions(spec, e.cli.ClientVersion())
		if err != nil {
			return err
		}
		answer, err := e.cli.NetworkCreate(ctx, spec.Name, options)
		id = answer.ID
		return err
	})
	return id, err
}

// RemoveNetwork removes a network that no container uses.
func (e *Engine) RemoveNetwork(ctx context.Context, id string) error {
	return e.act(ctx, "remove network", id, func() error { return e.cli.NetworkRemove(ctx, id) })
}

// ConnectNetwork joins an existing container to a network. Engines ignore the
// hardware address here from API 1.44 until 1.54; the creation gives it.
func (e *Engine) ConnectNetwork(ctx context.Context, networkID, containerID string, endpoint engine.Endpoint) error {
	return e.act(ctx, "connect container", containerID+" to network "+networkID, func() error {
		return e.cli.NetworkConnect(ctx, networkID, containerID, newEndpoint(endpoint, e.cli.ClientVersion()))
	})
}

// DisconnectNetwork takes a container off a network.
func (e *Engine) DisconnectNetwork(ctx context.Context, networkID, containerID string, force bool) error {
	return e.act(ctx, "disconnect container", containerID+" from network "+networkID, func() error {
		return e.cli.NetworkDisconnect(ctx, networkID, containerID, force)
	})
}
