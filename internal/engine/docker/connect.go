package docker

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/cli/cli/connhelper"
	"github.com/docker/docker/client"
)

// Limits of the connection pool. Idle connections outnumber any useful degree
// of parallelism, because over ssh each one is a process and a log-in.
const (
	maxIdleConnections = 64
	idleTimeout        = 90 * time.Second
	dialTimeout        = 30 * time.Second
)

// Options say which engine to talk to. The zero value means what the
// environment and the Docker configuration say.
type Options struct {
	// Context names a Docker context (the --context flag). It wins over
	// everything else.
	Context string
	// Host is an address in the form of DOCKER_HOST (the --host flag). It wins
	// over the environment.
	Host string
	// ConfigDir is the folder of config.json; empty for DOCKER_CONFIG, else
	// ~/.docker.
	ConfigDir string
	// TLS and TLSVerify are the --tls and --tlsverify flags; CACert, Cert and
	// Key are files, by default those of DOCKER_CERT_PATH or ConfigDir.
	TLS, TLSVerify    bool
	CACert, Cert, Key string
	// Environ looks up environment variables; nil for the process's own.
	Environ func(string) string
	// UserAgent is sent with each request; empty for "berth".
	UserAgent string
}

// New makes an adapter without asking the engine anything: the first request
// negotiates the API version. Errors are about the configuration: an unknown
// context, a malformed address or version, an unreadable certificate. A
// config.json that cannot be read is a warning.
func New(opts Options) (*Engine, error) {
	if opts.Environ == nil {
		opts.Environ = os.Getenv
	}
	if opts.UserAgent == "" {
		opts.UserAgent = "berth"
	}
	dir := configDir(opts)
	// What could be read of a broken file counts, as with the Docker CLI.
	file, fileErr := config.Load(dir)
	if !file.ContainsAuth() {
		file.CredentialsStore = credentials.DetectDefaultStore(file.CredentialsStore)
	}
	target, err := resolveTarget(opts, dir, file)
	if err != nil {
		return nil, err
	}
	e, err := connect(opts, target, file)
	if err == nil && fileErr != nil {
		e.warnings = append(e.warnings, "Docker configuration: "+oneLine(fileErr)+"; correct or remove the file")
	}
	return e, err
}

// versionPattern is the form of DOCKER_API_VERSION.
const versionPattern = `^v?[0-9]+\.[0-9]+$`

// connect builds the client for a target.
func connect(opts Options, target target, file *configfile.ConfigFile) (*Engine, error) {
	transport := &http.Transport{
		MaxIdleConns:        maxIdleConnections,
		MaxIdleConnsPerHost: maxIdleConnections,
		IdleConnTimeout:     idleTimeout,
	}
	e := &Engine{endpoint: target.host, context: target.context, config: file, readFile: os.ReadFile}
	host := target.host
	helper, err := connhelper.GetConnectionHelper(target.host)
	if err != nil {
		return nil, fmt.Errorf("docker host %s: %s", target.host, oneLine(err))
	}
	if helper != nil {
		host = helper.Host
	} else if !isSocket(target.host) {
		transport.TLSClientConfig = target.tls
	}
	version := opts.Environ(client.EnvOverrideAPIVersion)
	if version != "" && !regexp.MustCompile(versionPattern).MatchString(version) {
		return nil, fmt.Errorf("%s %q: not a version of the Engine API such as %s", client.EnvOverrideAPIVersion, version, MinimumAPI)
	}
	e.pinned = version != ""
	requests := &http.Client{Transport: transport, CheckRedirect: client.CheckRedirect}
	cli, err := client.NewClientWithOpts(
		client.WithHTTPClient(requests),
		client.WithHost(host),
		client.WithUserAgent(opts.UserAgent),
		client.WithHTTPHeaders(file.HTTPHeaders),
		client.WithVersion(version),
		client.WithAPIVersionNegotiation(),
	)
	if err != nil {
		return nil, fmt.Errorf("docker host %s: %s", target.host, oneLine(err))
	}
	requests.Transport = engineOnly{requests.Transport} // only now: the client configures the one below
	if helper != nil {
		transport.Proxy = nil
		transport.DialContext = explained(helper.Dialer)
	}
	e.beat = newPulse(func(ctx context.Context) error {
		_, err := cli.Ping(ctx)
		return err
	})
	transport.DialContext = e.beat.watch(e.remember(dialer(transport)))
	e.cli = cli
	return e, nil
}

// dialFunc opens a connection to the engine.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// dialer is the transport's way to connect: its own, the one the client
// library set for sockets and proxies, or plain TCP.
func dialer(transport *http.Transport) dialFunc {
	if transport.DialContext != nil {
		return transport.DialContext
	}
	if dial := transport.Dial; dial != nil { //nolint:staticcheck // go-connections sets this field for proxies
		return func(_ context.Context, network, address string) (net.Conn, error) { return dial(network, address) }
	}
	return (&net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout}).DialContext
}

// remember keeps the last reason why a connection failed, which the client
// library leaves out of its errors.
func (e *Engine) remember(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		switch {
		case err == nil:
			e.dialFailure.Store(nil)
		case ctx.Err() == nil:
			e.dialFailure.Store(&err)
		}
		return conn, err
	}
}

// isSocket tells whether an address needs no TLS because it is local.
func isSocket(host string) bool {
	scheme, _, _ := strings.Cut(host, "://")
	return scheme == "unix" || scheme == "npipe" || scheme == "fd"
}

// configDir is the folder of the Docker configuration.
func configDir(opts Options) string {
	if opts.ConfigDir != "" {
		return opts.ConfigDir
	}
	if dir := opts.Environ(config.EnvOverrideConfigDir); dir != "" {
		return dir
	}
	return filepath.Join(homeDir(opts), ".docker")
}

// homeDir is the user's home, which services and scheduled jobs may have to look
// up; the root directory if there is none.
func homeDir(opts Options) string {
	if home := opts.Environ("HOME"); home != "" {
		return home
	}
	if home, err := os.UserHomeDir(); err == nil {
		return home
	}
	if account, err := user.Current(); err == nil && account.HomeDir != "" {
		return account.HomeDir
	}
	return string(filepath.Separator)
}
