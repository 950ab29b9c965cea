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

// publishersOf sorts ports by address, then by number.
func publishersOf(ports []engine.Port) []Publisher {
	out := make([]Publisher, len(ports))
	for i, p := range ports {
		out[i] = Publisher{URL: p.HostIP, TargetPort: p.Target, PublishedPort: p.Published, Protocol: p.Protocol}
	}
	slices.SortFunc(out, func(a, b Publisher) int {
		return cmp.Or(
			cmp.Compare(a.URL, b.URL), cmp.Compare(a.TargetPort, b.TargetPort),
			cmp.Compare(a.PublishedPort, b.PublishedPort), cmp.Compare(a.Protocol, b.Protocol))
	})
	return out
}

// portRun is a run of neighbouring ports published to neighbouring ports.
type portRun struct {
	first Publisher
	more  int
}

// continues tells whether p is the next port of the run.
func (r portRun) continues(p Publisher) bool {
	next := r.first
	next.TargetPort += r.more + 1
	if next.PublishedPort != 0 {
		next.PublishedPort += r.more + 1
	}
	return p == next
}

// String is the form of PORTS: "0.0.0.0:8080-8081->80-81/tcp".
func (r portRun) String() string {
	p := r.first
	span := func(port int) string {
		if r.more == 0 {
			return strconv.Itoa(port)
		}
		return fmt.Sprintf("%d-%d", port, port+r.more)
	}
	s := span(p.TargetPort) + "/" + p.Protocol
	if p.PublishedPort != 0 {
		s = net.JoinHostPort(p.URL, span(p.PublishedPort)) + "->" + s
	}
	return s
}

// portList joins sorted ports, runs of neighbours as ranges.
func portList(ports []Publisher) string {
	var texts []string
	var run portRun
	for i, p := range ports {
		if i > 0 && run.continues(p) {
			run.more++
			continue
		}
		if i > 0 {
			texts = append(texts, run.String())
		}
		run = portRun{first: p}
	}
	if len(ports) > 0 {
		texts = append(texts, run.String())
	}
	return strings.Join(texts, ", ")
}

// Port prints where a port is published: "0.0.0.0:8080".
func Port(t Terminal, host string, port int) error {
	_, err := io.WriteString(t.Out, net.JoinHostPort(host, strconv.Itoa(port))+"\n")
	return err
}
