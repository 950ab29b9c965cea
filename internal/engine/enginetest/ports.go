package enginetest

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/berth-dev/berth/internal/engine"
)

// portKey is a port of the host.
type portKey struct {
	ip       string // empty for all addresses
	port     int
	protocol string
}

// byHost is the owner of ports that a process of the host holds.
const byHost = ""

// HoldHostPort takes a port of the host for a process that is no container.
func (e *Engine) HoldHostPort(ip string, port int, protocol string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.taken[portKey{anyAddress(ip), port, protocol}] = byHost
}

// anyAddress makes the spellings of "all addresses" one.
func anyAddress(ip string) string {
	if ip == "0.0.0.0" || ip == "::" {
		return ""
	}
	return ip
}

// bindPorts gives a starting container its host ports.
func (e *Engine) bindPorts(c *container) *engine.Error {
	mode := c.networkMode()
	if mode == "none" || mode == "host" || strings.HasPrefix(mode, "container:") {
		return nil
	}
	for _, p := range c.spec.Service.Ports {
		port := engine.Port{HostIP: p.HostIP, Target: int(p.Target), Protocol: p.Protocol}
		if port.Protocol == "" {
			port.Protocol = "tcp"
		}
		everywhere := port.HostIP == ""
		if everywhere {
			port.HostIP = "0.0.0.0"
		}
		first, last, err := portRange(p.Published)
		if err != nil {
			return &engine.Error{Text: "invalid port specification: " + p.Published}
		}
		var refusal *engine.Error
		if port.Published, refusal = e.bindOne(c, port, first, last); refusal != nil {
			return refusal
		}
		c.ports = append(c.ports, port)
		if everywhere {
			port.HostIP = "::"
			c.ports = append(c.ports, port)
		}
	}
	for _, exposed := range c.spec.Service.Expose {
		target, protocol, _ := strings.Cut(exposed, "/")
		if protocol == "" {
			protocol = "tcp"
		}
		if n, err := strconv.Atoi(target); err == nil {
			c.ports = append(c.ports, engine.Port{Target: n, Protocol: protocol})
		}
	}
	return nil
}

// portRange reads "", "80" or "8000-8010"; 0 is any port.
func portRange(published string) (first, last int, err error) {
	if published == "" {
		return 0, 0, nil
	}
	low, high, isRange := strings.Cut(published, "-")
	if first, err = strconv.Atoi(low); err != nil || !isRange {
		return first, first, err
	}
	last, err = strconv.Atoi(high)
	return first, last, err
}

// bindOne binds the first free port of the range, or any if first is 0.
func (e *Engine) bindOne(c *container, port engine.Port, first, last int) (int, *engine.Error) {
	ephemeral := first == 0
	if ephemeral {
		const highest = 65535
		first, last = e.nextPort, highest
	}
	for n := first; n <= last; n++ {
		key := portKey{anyAddress(port.HostIP), n, port.Protocol}
		if _, busy := e.portOwner(key); !busy {
			e.taken[key] = c.id
			if ephemeral {
				e.nextPort = n + 1
			}
			return n, nil
		}
	}
	const prefix = "driver failed programming external connectivity on endpoint "
	where := fmt.Sprintf("%s:%d", port.HostIP, last)
	text := fmt.Sprintf("%s%s (%s): Bind for %s failed: port is already allocated", prefix, c.name, c.id, where)
	if first < last {
		text = fmt.Sprintf("%s%s (%s): all ports are allocated", prefix, c.name, c.id)
	}
	if owner, _ := e.portOwner(portKey{anyAddress(port.HostIP), last, port.Protocol}); owner == byHost {
		text = fmt.Sprintf("%s%s (%s): Error starting userland proxy: listen %s4 %s: bind: address already in use",
			prefix, c.name, c.id, port.Protocol, where)
	}
	return 0, &engine.Error{Kind: engine.ErrPortTaken, Text: text}
}

// portOwner tells who holds the port, on this address or one that includes it.
func (e *Engine) portOwner(key portKey) (owner string, busy bool) {
	for taken, owner := range e.taken {
		overlap := taken.ip == "" || key.ip == "" || taken.ip == key.ip
		if overlap && taken.port == key.port && taken.protocol == key.protocol {
			return owner, true
		}
	}
	return "", false
}

// comparePorts orders ports as the adapter does.
func comparePorts(a, b engine.Port) int {
	return cmp.Or(
		cmp.Compare(a.Target, b.Target), cmp.Compare(a.Protocol, b.Protocol),
		cmp.Compare(a.Published, b.Published), cmp.Compare(a.HostIP, b.HostIP),
	)
}

// freePorts gives the container's ports back.
func (e *Engine) freePorts(c *container) {
	c.ports = nil
	for key, owner := range e.taken {
		if owner == c.id {
			delete(e.taken, key)
		}
	}
}
