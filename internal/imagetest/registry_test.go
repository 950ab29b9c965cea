package imagetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
)

// Media types of what a registry keeps.
const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	listType     = "application/vnd.docker.distribution.manifest.list.v2+json"
	configType   = "application/vnd.docker.container.image.v1+json"
	layerType    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
)

// descriptor is how one document of a registry refers to another.
type descriptor struct {
	MediaType string            `json:"mediaType"`
	Digest    string            `json:"digest"`
	Size      int               `json:"size"`
	Platform  map[string]string `json:"platform,omitempty"`
}

// publish puts an image of layers with chance content (sizes in bytes) straight
// into the registry, where no engine knows it. It cannot be run.
func (f *fixture) publish(name, tag, architecture string, sizes ...int) descriptor {
	f.t.Helper()
	var layers []descriptor
	var diffs []string
	for _, size := range sizes {
		plain, packed := chanceLayer(f.t, size)
		diffs = append(diffs, digestOf(plain))
		layers = append(layers, f.blob(name, layerType, packed))
	}
	config := f.blob(name, configType, encode(f.t, map[string]any{
		"architecture": architecture, "os": "linux", "config": map[string]any{"Cmd": []string{"/none"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	}))
	return f.manifest(name, tag, manifestType, map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": layers,
	})
}

// publishIndex makes a tag stand for one image per architecture.
func (f *fixture) publishIndex(name, tag string, architectures ...string) {
	f.t.Helper()
	var list []descriptor
	for _, architecture := range architectures {
		d := f.publish(name, architecture, architecture, 1000)
		d.Platform = map[string]string{"os": "linux", "architecture": architecture}
		list = append(list, d)
	}
	f.manifest(name, tag, listType, map[string]any{"schemaVersion": 2, "mediaType": listType, "manifests": list})
}

func (f *fixture) blob(name, mediaType string, content []byte) descriptor {
	f.t.Helper()
	answer := f.ask(http.MethodPost, "http://"+f.registry+"/v2/"+name+"/blobs/uploads/", "", nil)
	target, err := url.Parse(answer.Get("Location"))
	if err != nil {
		f.t.Fatal(err)
	}
	query := target.Query()
	query.Set("digest", digestOf(content))
	target.RawQuery = query.Encode()
	f.ask(http.MethodPut, target.String(), "application/octet-stream", content)
	return descriptor{MediaType: mediaType, Digest: digestOf(content), Size: len(content)}
}

func (f *fixture) manifest(name, tag, mediaType string, document any) descriptor {
	f.t.Helper()
	content := encode(f.t, document)
	f.ask(http.MethodPut, "http://"+f.registry+"/v2/"+name+"/manifests/"+tag, mediaType, content)
	return descriptor{MediaType: mediaType, Digest: digestOf(content), Size: len(content)}
}

// ask sends a request to the registry, which must take it, and returns the
// answer's header.
func (f *fixture) ask(method, address, mediaType string, body []byte) http.Header {
	f.t.Helper()
	request, err := http.NewRequestWithContext(f.t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	request.SetBasicAuth(testengine.RegistryUser, testengine.RegistryPassword)
	if mediaType != "" {
		request.Header.Set("Content-Type", mediaType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // only read
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		f.t.Fatalf("%s %s: %s %s %v", method, address, response.Status, content, err)
	}
	return response.Header
}

// inRegistry tells whether the registry has the tag.
func (f *fixture) inRegistry(name, tag string) bool {
	f.t.Helper()
	request, err := http.NewRequestWithContext(f.t.Context(), http.MethodHead, "http://"+f.registry+"/v2/"+name+"/manifests/"+tag, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	request.SetBasicAuth(testengine.RegistryUser, testengine.RegistryPassword)
	request.Header.Set("Accept", manifestType+", "+listType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	_ = response.Body.Close() // a HEAD has none
	return response.StatusCode == http.StatusOK
}

// chanceLayer is a layer of one file that nobody has seen before.
func chanceLayer(t *testing.T, size int) (plain, packed []byte) {
	t.Helper()
	content := make([]byte, size)
	_, _ = rand.Read(content) // documented never to fail
	var archive, zipped bytes.Buffer
	w := tar.NewWriter(&archive)
	name := hex.EncodeToString(content[:8])
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(size), Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewWriterLevel(&zipped, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(archive.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes(), zipped.Bytes()
}

func digestOf(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

func encode(t *testing.T, value any) []byte {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// fault is what may happen to a request on its way to the registry.
type fault int

const (
	none    fault = iota
	broken        // status 500
	cut           // the connection ends in the middle of the answer
	stalled       // the answer stays away until the asker gives up
)

// gate stands in front of a registry and lets things happen.
type gate struct {
	address string
	mu      sync.Mutex
	decide  func(*http.Request) fault // called by many at the same time
	paths   []string
}

// newGate starts a gate in front of a new registry.
func newGate(t *testing.T) *gate {
	t.Helper()
	target := &url.URL{Scheme: "http", Host: testengine.Registry(t)}
	// The host the asker named is kept: the registry answers with addresses on it.
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	g := &gate{decide: func(*http.Request) fault { return none }}
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.paths = append(g.paths, r.Method+" "+r.URL.Path)
		decide := g.decide
		g.mu.Unlock()
		switch decide(r) {
		case broken:
			http.Error(w, `{"errors":[{"code":"UNKNOWN","message":"injected"}]}`, http.StatusInternalServerError)
		case stalled:
			select {
			case <-r.Context().Done():
			case <-over: // some engines never give up
			}
		case cut:
			forward.ServeHTTP(&halfWriter{ResponseWriter: w}, r)
			panic(http.ErrAbortHandler)
		default:
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		close(over)
		server.Close()
	})
	g.address = strings.TrimPrefix(server.URL, "http://")
	return g
}

// on sets what happens to requests from now on, and forgets those seen.
func (g *gate) on(decide func(*http.Request) fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.decide, g.paths = decide, nil
}

// first lets something happen to the first n requests whose path has the part.
func (g *gate) first(n int, part string, happens fault) {
	var left atomic.Int64
	left.Store(int64(n))
	g.on(func(r *http.Request) fault {
		if !strings.Contains(r.URL.Path, part) || left.Add(-1) < 0 {
			return none
		}
		return happens
	})
}

// count is how many requests had the part in "METHOD path".
func (g *gate) count(part string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, path := range g.paths {
		if strings.Contains(path, part) {
			n++
		}
	}
	return n
}

// halfWriter passes the first bytes of an answer on and then refuses.
type halfWriter struct {
	http.ResponseWriter
	written int
}

func (w *halfWriter) Write(p []byte) (int, error) {
	const most = 10_000
	if w.written >= most {
		return 0, io.ErrClosedPipe
	}
	n, err := w.ResponseWriter.Write(p[:min(len(p), most-w.written)])
	w.written += n
	if flusher, ok := w.ResponseWriter.(http.Flusher); ok {
		flusher.Flush()
	}
	if err == nil && n < len(p) {
		err = io.ErrClosedPipe
	}
	return n, err
}
