// Command berth runs Compose projects on a Docker Engine.
package main

import (
	"os"
	"runtime/debug"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/cli"
	"github.com/berth-dev/berth/internal/engine/docker"
)

// version is set by the linker for releases.
var version = "0.0.0-dev"

func main() {
	debug.SetGCPercent(400) // most runs end before there is much to collect
	os.Exit(cli.Main(cli.Env{
		Args:    os.Args,
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Environ: os.Environ(),
		WorkDir: os.Getwd,
		Version: version,
		Engine:  connect,
		Exit:    os.Exit,
	}))
}

func connect(c cli.Connection) (app.Engine, error) {
	return docker.New(docker.Options{
		Context: c.Context, Host: c.Host, ConfigDir: c.ConfigDir,
		TLS: c.TLS, TLSVerify: c.TLSVerify, CACert: c.TLSCACert, Cert: c.TLSCert, Key: c.TLSKey,
		UserAgent: "berth/" + version,
	})
}
