package remote_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
)

// fakeRegistry is as much of a registry as artifacts need (OCI distribution
// specification 1.1), in memory.
type fakeRegistry struct {
	*httptest.Server
	refuse11 bool   // manifests with an artifactType are refused
	user     string // "user:password" of basic authentication; empty: open to all

	mu        sync.Mutex
	blobs     map[digest.Digest][]byte
	manifests map[string]storedManifest // by "name:tag" and "name:digest"
	requests  []string
}

type storedManifest struct {
	mediaType string
	content   []byte
}

// newFakeRegistry starts one; change prepares it.
func newFakeRegistry(t *testing.T, start func(http.Handler) *httptest.Server, change func(*fakeRegistry)) *fakeRegistry {
	t.Helper()
	f := &fakeRegistry{blobs: map[digest.Digest][]byte{}, manifests: map[string]storedManifest{}}
	if change != nil {
		change(f)
	}
	f.Server = start(f)
	t.Cleanup(f.Close)
	return f
}

// host is its name in references.
func (f *fakeRegistry) host() string {
	_, host, _ := strings.Cut(f.URL, "://")
	return host
}

// count is how many requests began with this.
func (f *fakeRegistry) count(prefix string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

func (f *fakeRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r.Method+" "+r.URL.Path)
	if f.user != "" {
		name, password, _ := r.BasicAuth()
		if name+":"+password != f.user {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "who are you?")
			return
		}
	}
	rest := strings.TrimPrefix(r.URL.Path, "/v2/")
	switch {
	case rest == "":
	case strings.Contains(rest, "/blobs/uploads/"):
		f.upload(w, r)
	case strings.Contains(rest, "/blobs/"):
		_, sum, _ := strings.Cut(rest, "/blobs/")
		f.send(w, r, digest.Digest(sum), "application/octet-stream", f.blobs[digest.Digest(sum)])
	case strings.Contains(rest, "/manifests/"):
		name, ref, _ := strings.Cut(rest, "/manifests/")
		f.manifest(w, r, name, ref)
	default:
		http.NotFound(w, r)
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
}

func (f *fakeRegistry) upload(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		w.Header().Set("Location", r.URL.Path+"1")
		w.WriteHeader(http.StatusAccepted)
		return
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	f.blobs[digest.Digest(r.URL.Query().Get("digest"))] = data
	w.WriteHeader(http.StatusCreated)
}

func (f *fakeRegistry) manifest(w http.ResponseWriter, r *http.Request, name, ref string) {
	if r.Method != http.MethodPut {
		m := f.manifests[name+":"+ref]
		f.send(w, r, digest.FromBytes(m.content), m.mediaType, m.content)
		return
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	var seen struct{ ArtifactType string }
	if json.Unmarshal(data, &seen) != nil || f.refuse11 && seen.ArtifactType != "" {
		refuse(w, http.StatusBadRequest, "MANIFEST_INVALID", "unknown form")
		return
	}
	m := storedManifest{r.Header.Get("Content-Type"), data}
	f.manifests[name+":"+ref] = m
	f.manifests[name+":"+digest.FromBytes(data).String()] = m
	w.WriteHeader(http.StatusCreated)
}

func (f *fakeRegistry) send(w http.ResponseWriter, r *http.Request, sum digest.Digest, mediaType string, content []byte) {
	if content == nil {
		refuse(w, http.StatusNotFound, "UNKNOWN", "there is none")
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Docker-Content-Digest", sum.String())
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) // the client sees a failure itself
	}
}
