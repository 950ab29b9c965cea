package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/types"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
	"oras.land/oras-go/v2/registry/remote/retry"
)

const (
	// hubAPI is where Docker Hub is, hubKey what the Docker CLI keeps its
	// credentials under.
	hubAPI = "registry-1.docker.io"
	hubKey = "https://index.docker.io/v1/"
	// probeTime bounds the question whether an insecure registry speaks TLS.
	probeTime = 10 * time.Second
)

// registries makes connections to registries, one way of speaking per host.
type registries struct {
	opt Options

	mu      sync.Mutex
	clients map[string]*host
	// credentials is Options.Credentials or the Docker CLI's, once asked for.
	credentials func(registry string) (types.AuthConfig, error)
}

// host is how one registry is spoken to.
type host struct {
	client *auth.Client
	plain  bool
}

func newRegistries(opt Options) *registries {
	return &registries{opt: opt, clients: map[string]*host{}, credentials: opt.Credentials}
}

// repository is the registry's part under the name of a reference.
func (r *registries) repository(ctx context.Context, named reference.Named) (*remote.Repository, error) {
	domain := reference.Domain(named)
	h, err := r.host(ctx, domain)
	if err != nil {
		return nil, err
	}
	return &remote.Repository{
		Client: h.client, PlainHTTP: h.plain, MaxMetadataBytes: maxManifest,
		Reference: registry.Reference{Registry: domain, Repository: reference.Path(named)},
	}, nil
}

func (r *registries) host(ctx context.Context, domain string) (*host, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.clients[domain]; h != nil {
		return h, nil
	}
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	transport = transport.Clone()
	made := &host{plain: isLocal(domain)}
	client := &auth.Client{Client: &http.Client{Transport: retry.NewTransport(transport)}, Cache: auth.NewCache(), Credential: r.credential}
	if r.opt.UserAgent != "" {
		client.SetUserAgent(r.opt.UserAgent)
	}
	if made.plain {
		client.BlockedRealmPrefixes = []netip.Prefix{} // its token service may be on this machine too
	}
	if r.insecure(domain) {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // --insecure-registry asks for it
		client.BlockedRealmPrefixes = []netip.Prefix{}
		plain, err := speaksPlain(ctx, transport, domain)
		if err != nil {
			return nil, err
		}
		made.plain = plain
	}
	made.client = client
	r.clients[domain] = made
	return made, nil
}

// insecure tells whether the user has named the registry.
func (r *registries) insecure(domain string) bool {
	return slices.ContainsFunc(r.opt.Insecure, func(name string) bool {
		for _, scheme := range []string{"https://", "http://"} {
			name = strings.TrimPrefix(name, scheme)
		}
		return strings.TrimSuffix(name, "/") == domain
	})
}

// isLocal tells hosts on this machine, which need no TLS to be safe.
func isLocal(domain string) bool {
	name := domain
	if host, _, err := net.SplitHostPort(domain); err == nil {
		name = host
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// speaksPlain asks an insecure registry for its API, with TLS first.
func speaksPlain(ctx context.Context, transport *http.Transport, domain string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+domain+"/v2/", nil)
	if err != nil {
		return false, fmt.Errorf("registry %s: %w", domain, err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return true, nil // then plain HTTP is tried, and its error is told
	}
	return false, response.Body.Close()
}

// credential finds what opens a registry.
func (r *registries) credential(_ context.Context, hostport string) (auth.Credential, error) {
	key := hostport
	if key == hubAPI {
		key = hubKey
	}
	r.mu.Lock()
	if r.credentials == nil {
		dir := r.opt.ConfigDir
		if dir == "" {
			dir = r.opt.lookup("DOCKER_CONFIG")
		}
		if dir == "" {
			dir = config.Dir()
		}
		file, err := config.Load(dir)
		if err != nil {
			r.mu.Unlock()
			return auth.EmptyCredential, fmt.Errorf("read the credentials for %s: %s", hostport, oneLine(err))
		}
		r.credentials = file.GetAuthConfig
	}
	ask := r.credentials
	r.mu.Unlock()
	found, err := ask(key)
	if err != nil {
		return auth.EmptyCredential, fmt.Errorf("read the credentials for %s: %s", hostport, oneLine(err))
	}
	return auth.Credential{
		Username: found.Username, Password: found.Password, RefreshToken: found.IdentityToken, AccessToken: found.RegistryToken,
	}, nil
}

// explain says in one line why a registry did not do what it was asked, and what
// to do about it.
func explain(named reference.Named, err error) error {
	domain := reference.Domain(named)
	var refused *errcode.ErrorResponse
	if errors.As(err, &refused) {
		switch refused.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			return &registryError{err: err, text: fmt.Sprintf("registry %s refuses access%s (log in with `docker login %s`)", domain, said(refused), domain)}
		case http.StatusNotFound:
			return &registryError{err: err, text: fmt.Sprintf("registry %s does not have it%s", domain, said(refused))}
		}
		return &registryError{err: err, text: fmt.Sprintf("registry %s answers %d %s%s", domain, refused.StatusCode, http.StatusText(refused.StatusCode), said(refused))}
	}
	if errors.Is(err, errdef.ErrNotFound) {
		return &registryError{err: err, text: "registry " + domain + " does not have it (check the name and tag)"}
	}
	var network net.Error
	var operation *net.OpError
	if errors.Is(err, auth.ErrBasicCredentialNotFound) {
		return &registryError{err: err, text: fmt.Sprintf("registry %s asks for a user (log in with `docker login %s`)", domain, domain)}
	}
	if errors.As(err, &operation) || errors.As(err, &network) {
		return &registryError{err: err, text: fmt.Sprintf("cannot reach registry %s: %s", domain, oneLine(err))}
	}
	return &registryError{err: err, text: oneLine(err)}
}

// said is the registry's own reason, if it gives one.
func said(r *errcode.ErrorResponse) string {
	if len(r.Errors) == 0 || r.Errors[0].Message == "" {
		return ""
	}
	return ": " + oneLine(errors.New(r.Errors[0].Message))
}

// registryError is an error in a user's words that keeps its cause.
type registryError struct {
	text string
	err  error
}

// Error gives the text.
func (e *registryError) Error() string { return e.text }

// Unwrap gives the cause.
func (e *registryError) Unwrap() error { return e.err }

// oneLine is an error's text without line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
