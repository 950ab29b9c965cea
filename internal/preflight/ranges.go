package preflight

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/berth-dev/berth/internal/plan"
)

// rangeWish is a container of the plan that wants one host port of a range.
type rangeWish struct {
	service     string
	ref         plan.Ref
	ip          string
	first, last int
	protocol    string
}

// oneOf notes that a container wants a port of a range. What is neither a port
// nor a range is left to the engine's judgement.
func (c *checker) oneOf(service string, ref plan.Ref, p types.ServicePortConfig) {
	low, high, _ := strings.Cut(p.Published, "-")
	first, err := strconv.Atoi(low)
	last, err2 := strconv.Atoi(high)
	if err == nil && err2 == nil && first > 0 {
		c.ranges = append(c.ranges, &rangeWish{service, ref, p.HostIP, first, last, protocol(p)})
	}
}

// hostRanges sees whether there are enough ports for all who want one of a
// range. It speaks up only where no choice of the engine's could do: which port
// of a range a container gets is for the engine to say.
func (c *checker) hostRanges() {
	told := map[*rangeWish]bool{}
	for _, g := range contests(c.ranges) {
		a, lost := c.match(g)
		for len(lost) > 0 && a.process && c.waited < patience {
			time.Sleep(betweenLooks)
			c.waited += betweenLooks
			a, lost = c.match(g)
		}
		for _, w := range lost {
			if told[w] {
				continue
			}
			told[w] = true
			c.blames = c.blames || a.process
			c.problem("services."+w.service+".ports", "free one of them, or publish a larger range",
				"no host port of %d-%d/%s is free for %s: %s", w.first, w.last, w.protocol, w.ref.Name, a.occupants(w))
		}
	}
}

// contest is a set of wishes no two of which can have the same port: those for
// one address of the host and those for all addresses.
type contest struct {
	protocol string
	ipv6     bool
	wishes   []*rangeWish
}

// contests are the sets of wishes that compete. IPv4 and IPv6 are apart: an
// engine may give a container different ports there (seen on Docker 20.10).
func contests(wishes []*rangeWish) []contest {
	var found []contest
	for _, protocol := range []string{"tcp", "udp", "sctp"} {
		for _, ipv6 := range []bool{false, true} {
			same := slices.DeleteFunc(slices.Clone(wishes), func(w *rangeWish) bool {
				return w.protocol != protocol || w.ip != "" && isIPv6(w.ip) != ipv6
			})
			for _, address := range addresses(same) {
				rivals := slices.DeleteFunc(slices.Clone(same), func(w *rangeWish) bool { return !overlap(w.ip, address) })
				found = append(found, contest{protocol, ipv6, rivals})
			}
		}
	}
	return found
}

// addresses are the single addresses that wishes name; if none does, the one
// that stands for all. Each wish for all addresses competes at any of them.
func addresses(wishes []*rangeWish) []string {
	var single []string
	for _, w := range wishes {
		if !anyAddress(w.ip) {
			single = append(single, w.ip)
		}
	}
	if len(single) == 0 && len(wishes) > 0 {
		return []string{""}
	}
	slices.Sort(single)
	return slices.Compact(single)
}

// assignment gives the wishes of a contest a port each.
type assignment struct {
	c       *checker
	g       contest
	by      map[int]*rangeWish
	busy    map[portOf]string // who has a port, so that each is looked at once
	process bool              // a port is held by a process of the machine
}

type portOf struct {
	ip   string
	port int
	id   string // of the container that wants it, if it exists
}

// match finds ports for as many wishes as possible and tells who gets none.
func (c *checker) match(g contest) (*assignment, []*rangeWish) {
	a := &assignment{c: c, g: g, by: map[int]*rangeWish{}, busy: map[portOf]string{}}
	var lost []*rangeWish
	for _, w := range g.wishes {
		if !a.place(w, map[int]bool{}) {
			lost = append(lost, w)
		}
	}
	return a, lost
}

// place finds a port for a wish; others move where that makes room for it.
func (a *assignment) place(w *rangeWish, tried map[int]bool) bool {
	for port := w.first; port <= w.last; port++ {
		if a.by[port] == nil && a.occupant(w, port) == "" {
			a.by[port] = w
			return true
		}
	}
	for port := w.first; port <= w.last; port++ {
		other := a.by[port]
		if other == nil || tried[port] || a.occupant(w, port) != "" {
			continue
		}
		tried[port] = true
		if a.place(other, tried) {
			a.by[port] = w
			return true
		}
	}
	return false
}

// occupant tells who has a port that a wish could get, the other wishes left
// out; nobody is "".
func (a *assignment) occupant(w *rangeWish, port int) string {
	at := portOf{w.ip, port, w.ref.ID}
	who, known := a.busy[at]
	if !known {
		who = a.look(w, port)
		a.busy[at] = who
	}
	return who
}

func (a *assignment) look(w *rangeWish, port int) string {
	c, key, ip := a.c, portKey{port, w.protocol}, a.address(w)
	if owner := c.owner(key, ip, w.ref.ID); owner != nil {
		return "taken by " + describe(*owner)
	}
	if name := c.rival(key, ip); name != "" {
		return "wanted by " + name
	}
	// A port that the list has is a container's, if only on another address: what
	// the machine says of it is about that one.
	if c.host != nil && len(c.ports[key]) == 0 && !c.host.PortFree(ip, port, w.protocol) {
		a.process = true
		return "taken by a process on this machine"
	}
	return ""
}

// address is that of a wish, within the contest's family.
func (a *assignment) address(w *rangeWish) string {
	switch {
	case w.ip != "":
		return w.ip
	case a.g.ipv6:
		return "::"
	default:
		return "0.0.0.0"
	}
}

// mostOccupants is how many holders of a range's ports are named.
const mostOccupants = 5

// occupants says who has the ports of a range, in the order of the ports.
func (a *assignment) occupants(w *rangeWish) string {
	ports := map[string][]int{}
	for port := w.first; port <= w.last; port++ {
		who := a.occupant(w, port)
		if other := a.by[port]; who == "" && other != nil {
			who = "wanted by " + other.ref.Name
		}
		ports[who] = append(ports[who], port)
	}
	names := make([]string, 0, len(ports))
	for who := range ports {
		names = append(names, who)
	}
	slices.SortFunc(names, func(x, y string) int { return cmp.Compare(ports[x][0], ports[y][0]) })
	var parts []string
	for i, who := range names {
		if i == mostOccupants {
			parts = append(parts, fmt.Sprintf("the others by %d more", len(names)-i))
			break
		}
		is := " is "
		if len(ports[who]) > 1 {
			is = " are "
		}
		parts = append(parts, spans(ports[who])+is+who)
	}
	return strings.Join(parts, ", ")
}

// spans writes ports in ascending order, neighbours as a range: "80-82+90".
func spans(ports []int) string {
	var parts []string
	for i := 0; i < len(ports); {
		j := i
		for j+1 < len(ports) && ports[j+1] == ports[j]+1 {
			j++
		}
		if part := strconv.Itoa(ports[i]); j > i {
			parts = append(parts, part+"-"+strconv.Itoa(ports[j]))
		} else {
			parts = append(parts, part)
		}
		i = j + 1
	}
	return strings.Join(parts, "+")
}
