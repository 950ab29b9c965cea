package ui

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/internal/engine"
)

// publishersOf sorts ports by number. Those of the same number stay in the
// engine's order.
func publishersOf(ports []engine.Port) []Publisher {
	out := make([]Publisher, len(ports))
	for i, p := range ports {
		out[i] = Publisher{URL: p.HostIP, TargetPort: p.Target, PublishedPort: p.Published, Protocol: p.Protocol}
	}
	slices.SortStableFunc(out, func(a, b Publisher) int { return cmp.Compare(a.TargetPort, b.TargetPort) })
	return out
}

// portRun is a run of neighbouring ports that are published under their own
// numbers, or not at all.
type portRun struct {
	address, protocol string
	first, last       int
}

// String is the form of PORTS: "0.0.0.0:8080-8081->8080-8081/tcp".
func (r portRun) String() string {
	span := strconv.Itoa(r.first)
	if r.last != r.first {
		span += "-" + strconv.Itoa(r.last)
	}
	s := span + "/" + r.protocol
	if r.address != "" {
		s = net.JoinHostPort(r.address, span) + "->" + s
	}
	return s
}

// portList is PORTS in the form of `docker ps`: runs of neighbours as ranges,
// first those that were interrupted, then the last of each address and
// protocol, and behind them each port that is published under another number.
func portList(ports []Publisher) string {
	ports = slices.Clone(ports)
	slices.SortStableFunc(ports, func(a, b Publisher) int {
		return cmp.Or(
			cmp.Compare(a.TargetPort, b.TargetPort), cmp.Compare(a.URL, b.URL),
			cmp.Compare(a.PublishedPort, b.PublishedPort), cmp.Compare(a.Protocol, b.Protocol))
	})
	var (
		texts, renumbered []string
		open              []*portRun
	)
	for _, p := range ports {
		if p.URL != "" && p.PublishedPort != p.TargetPort {
			host := net.JoinHostPort(p.URL, strconv.Itoa(p.PublishedPort))
			renumbered = append(renumbered, fmt.Sprintf("%s->%d/%s", host, p.TargetPort, p.Protocol))
			continue
		}
		i := slices.IndexFunc(open, func(r *portRun) bool { return r.address == p.URL && r.protocol == p.Protocol })
		switch {
		case i < 0:
			open = append(open, &portRun{p.URL, p.Protocol, p.TargetPort, p.TargetPort})
			continue
		case p.TargetPort != open[i].last+1:
			texts = append(texts, open[i].String())
			open[i].first = p.TargetPort
		}
		open[i].last = p.TargetPort
	}
	for _, r := range open {
		texts = append(texts, r.String())
	}
	return strings.Join(append(texts, renumbered...), ", ")
}

// Port prints where a port is published: "0.0.0.0:8080".
func Port(t Terminal, host string, port int) error {
	_, err := io.WriteString(t.Out, net.JoinHostPort(host, strconv.Itoa(port))+"\n")
	return err
}
