package docker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/cli/cli/config/configfile"
	dockercontext "github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/docker/client"
)

// defaultContext is the name of the context that means: no context.
const defaultContext = "default"

// target is where an engine is and how to talk to it.
type target struct {
	context string // name of the Docker context, "default" for none
	host    string // in the form of DOCKER_HOST
	tls     *tls.Config
}

// resolveTarget picks the engine. Highest first: --context, --host,
// DOCKER_CONTEXT, DOCKER_HOST, currentContext of config.json, the platform's
// default socket.
func resolveTarget(opts Options, dir string, file *configfile.ConfigFile) (target, error) {
	if opts.Context == "" && opts.Host != "" {
		return hostTarget(opts, dir, opts.Host)
	}
	name, from := opts.Context, "--context"
	if name == "" {
		name, from = opts.Environ("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
	}
	host := opts.Environ(client.EnvOverrideHost)
	if name == "" && host == "" {
		name, from = file.CurrentContext, "currentContext of "+file.Filename
	}
	if name != "" && name != defaultContext {
		result, err := contextTarget(dir, name)
		if err != nil {
			err = fmt.Errorf("docker context %q (%s): %w", name, from, err)
		}
		return result, err
	}
	return hostTarget(opts, dir, host)
}

// hostTarget is a target by address, with TLS as the flags and DOCKER_TLS*
// variables say.
func hostTarget(opts Options, dir, host string) (target, error) {
	certPath := opts.Environ(client.EnvOverrideCertPath)
	verify := opts.TLSVerify || opts.Environ(client.EnvTLSVerify) != ""
	secure := opts.TLS || verify || certPath != "" || opts.Environ("DOCKER_TLS") != ""
	host, err := completeHost(host, secure)
	result := target{context: defaultContext, host: host}
	if err != nil || !secure || isSocket(host) {
		return result, err
	}
	named := certPath != ""
	if !named {
		certPath = dir
	}
	material := tlsMaterial{skipVerify: !verify}
	var errs [3]error
	material.ca, errs[0] = readCertificate(opts.CACert, certPath, "ca.pem")
	if named && verify && material.ca == nil && errs[0] == nil {
		_, errs[0] = os.ReadFile(filepath.Join(certPath, "ca.pem")) // that is what it was named for
	}
	material.cert, errs[1] = readCertificate(opts.Cert, certPath, "cert.pem")
	material.key, errs[2] = readCertificate(opts.Key, certPath, "key.pem")
	if err := errors.Join(errs[:]...); err != nil {
		return result, fmt.Errorf("TLS for docker host %s: %s", host, oneLine(err))
	}
	result.tls, err = material.config()
	if err != nil {
		return result, fmt.Errorf("TLS for docker host %s: %s", host, oneLine(err))
	}
	return result, nil
}

// completeHost adds what DOCKER_HOST may leave out: all of it, the scheme tcp,
// the host, which is this one, its engine's port, 2375 or with TLS 2376, or the
// place of the socket.
func completeHost(given string, secure bool) (string, error) {
	host := strings.TrimSpace(given)
	if host == "" {
		return client.DefaultDockerHost, nil
	}
	if !strings.Contains(host, "://") {
		host = "tcp://" + host
	}
	scheme, address, _ := strings.Cut(host, "://")
	switch scheme {
	case "unix", "npipe":
		if address != "" {
			return host, nil
		}
		if own, place, _ := strings.Cut(client.DefaultDockerHost, "://"); scheme == own {
			return host + place, nil
		}
	case "fd", "ssh", "http", "https":
		if address != "" {
			return host, nil
		}
	case "tcp":
		if complete, ok := completeTCP(host, secure); ok {
			return complete, nil
		}
	}
	return host, fmt.Errorf("docker host %q: not an address such as unix:///var/run/docker.sock, tcp://host:2376 or ssh://user@host", given)
}

// completeTCP adds host and port to an address. A path alone is none: it was
// meant for a socket.
func completeTCP(host string, secure bool) (string, bool) {
	parsed, err := url.Parse(host)
	if err != nil || parsed.Host == "" && strings.Trim(parsed.Path, "/") != "" {
		return "", false
	}
	name, port := parsed.Hostname(), parsed.Port()
	if name == "" {
		name = "localhost"
	}
	if port == "" {
		port = "2375"
		if secure {
			port = "2376"
		}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", false
	}
	parsed.Host = net.JoinHostPort(name, port)
	return parsed.String(), true
}

// readCertificate reads a file given by flag, or a default one, which may be
// missing.
func readCertificate(given, dir, name string) ([]byte, error) {
	if given != "" {
		return os.ReadFile(given)
	}
	content, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// contextTarget is the target of a Docker context. The caller names the context
// in the error.
func contextTarget(dir, name string) (target, error) {
	result := target{context: name}
	contexts := store.New(filepath.Join(dir, "contexts"), store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(dockercontext.DockerEndpoint, func() any { return &dockercontext.EndpointMeta{} }),
	))
	metadata, err := contexts.GetMetadata(name)
	if errdefs.IsNotFound(err) {
		return result, errors.New("it does not exist; `docker context ls` lists those that do")
	}
	if err != nil {
		return result, errors.New(oneLine(err))
	}
	meta, err := dockercontext.EndpointFromContext(metadata)
	if err != nil {
		return result, errors.New(oneLine(err))
	}
	endpoint, err := dockercontext.WithTLSData(contexts, name, meta)
	if err != nil {
		return result, errors.New(oneLine(err))
	}
	result.host = endpoint.Host
	if result.host == "" {
		result.host = client.DefaultDockerHost
	}
	if endpoint.TLSData == nil && !endpoint.SkipTLSVerify {
		return result, nil
	}
	material := tlsMaterial{skipVerify: endpoint.SkipTLSVerify}
	if data := endpoint.TLSData; data != nil {
		material.ca, material.cert, material.key = data.CA, data.Cert, data.Key
	}
	if result.tls, err = material.config(); err != nil {
		return result, errors.New(oneLine(err))
	}
	return result, nil
}

// tlsMaterial is what a TLS connection to an engine is made of, in PEM.
type tlsMaterial struct {
	ca, cert, key []byte
	skipVerify    bool
}

// config builds the client's TLS configuration.
func (m tlsMaterial) config() (*tls.Config, error) {
	result := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: m.skipVerify} //nolint:gosec // --tls without --tlsverify asks for it
	if m.ca != nil {
		result.RootCAs = x509.NewCertPool()
		if !result.RootCAs.AppendCertsFromPEM(m.ca) {
			return nil, errors.New("ca.pem holds no certificate")
		}
	}
	if m.cert != nil && m.key != nil {
		pair, err := tls.X509KeyPair(m.cert, m.key)
		if err != nil {
			return nil, err
		}
		result.Certificates = []tls.Certificate{pair}
	}
	return result, nil
}
