package preflight

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// LocalHost is the machine berth runs on.
type LocalHost struct{}

// OnThisMachine tells whether an engine's address is one of this machine's own
// sockets.
func OnThisMachine(endpoint string) bool {
	return strings.HasPrefix(endpoint, "unix://") || strings.HasPrefix(endpoint, "npipe://")
}

// PortFree tries to listen on the port for a moment, on the address's own family.
func (LocalHost) PortFree(ip string, port int, protocol string) bool {
	family := "" // both
	switch {
	case isIPv6(ip):
		family = "6"
	case ip != "":
		family = "4"
	}
	address := net.JoinHostPort(ip, strconv.Itoa(port))
	var err error
	switch protocol {
	case "tcp":
		var l net.Listener
		if l, err = net.Listen("tcp"+family, address); err == nil {
			err = l.Close()
		}
	case "udp":
		var c net.PacketConn
		if c, err = net.ListenPacket("udp"+family, address); err == nil {
			err = c.Close()
		}
	}
	return !errors.Is(err, syscall.EADDRINUSE)
}

// Exists tells whether a path exists; what cannot be looked at counts as existing.
func (LocalHost) Exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}
