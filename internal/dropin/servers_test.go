package dropin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
)

// serversRepository is the image with the real servers of this machine.
const serversRepository = "berth-test/servers"

// unpacked is where the set-up unpacks the servers that are not installed.
var unpacked = sync.OnceValue(func() string {
	root, err := testengine.Root()
	if err != nil {
		return "/nonexistent"
	}
	return filepath.Join(root, "bin", "servers")
})

// servers is the image's name, made once per test process.
var servers = sync.OnceValues(findServers)

// program is what goes into the image.
type program struct {
	name string
	// places are where to look beside PATH; they may hold wild cards.
	places []string
}

// programs are the servers and the clients that health checks call.
func programs() []program {
	postgres := "/usr/lib/postgresql/*/bin/"
	var out []program
	for _, name := range []string{"postgres", "initdb", "pg_isready", "psql"} {
		out = append(out, program{name, []string{postgres + name}})
	}
	for _, name := range []string{"redis-server", "redis-cli", "nginx", "nats-server"} {
		out = append(out, program{name, []string{"/usr/sbin/" + name, "/usr/bin/" + name}})
	}
	return out
}

// files are paths on this machine by the image's digest.
type files struct {
	paths  []string
	digest string
}

// requireServers puts an image with PostgreSQL, Redis, nginx and NATS, taken
// from this machine, on the engine and returns its name. Where one of them is
// missing the test is skipped by name.
func requireServers(t *testing.T) string {
	t.Helper()
	testengine.Images(t)
	found, err := servers()
	if err != nil {
		t.Skipf("needs real servers, which testdata/setup/tools.sh unpacks: %v", err)
	}
	image := serversRepository + ":" + found.digest
	if !testengine.Exists(t, "images", image) {
		buildServers(t, image, found.paths)
	}
	return image
}

// findServers lists what the programs need of this machine.
func findServers() (files, error) {
	var all []string
	for _, wanted := range programs() {
		path, err := wanted.find()
		if err != nil {
			return files{}, err
		}
		libraries, err := libraries(path)
		if err != nil {
			return files{}, err
		}
		all = append(append(all, path), libraries...)
		if wanted.name == "postgres" {
			all = append(all, postgresShare(path)...)
		}
	}
	types, err := first("/etc/nginx/mime.types")
	if err != nil {
		return files{}, err
	}
	all = append(all, types)
	slices.Sort(all)
	all = slices.Compact(all)
	sum := sha256.New()
	for _, path := range all {
		info, err := os.Stat(path)
		if err != nil {
			return files{}, err
		}
		fmt.Fprintln(sum, path, info.Size(), info.ModTime().UnixNano())
	}
	fmt.Fprint(sum, dockerfile)
	return files{all, hex.EncodeToString(sum.Sum(nil))[:12]}, nil
}

// find returns the program's path. Debian's wrappers of the PostgreSQL
// clients are Perl, hence the places first.
func (p program) find() (string, error) {
	if found, err := first(p.places...); err == nil {
		return found, nil
	}
	return exec.LookPath(p.name)
}

// first is the newest of the files that match the first pattern with any, among
// the unpacked packages or else on this machine.
func first(patterns ...string) (string, error) {
	for _, root := range []string{unpacked(), "/"} {
		for _, pattern := range patterns {
			if found, err := filepath.Glob(filepath.Join(root, pattern)); err == nil && len(found) > 0 {
				return found[len(found)-1], nil
			}
		}
	}
	return "", fmt.Errorf("%s: %w", patterns[0], fs.ErrNotExist)
}

// inImage is where a file of this machine or of an unpacked package goes.
func inImage(path string) string {
	if rest, ok := strings.CutPrefix(path, unpacked()); ok {
		return rest
	}
	return path
}

// libraries are what the loader needs for a program; none for a static one.
func libraries(path string) ([]string, error) {
	ldd := exec.Command("ldd", path)
	var places []string
	for _, pattern := range []string{"usr/lib/*-linux-gnu", "lib/*-linux-gnu"} {
		found, err := filepath.Glob(filepath.Join(unpacked(), pattern))
		if err != nil {
			return nil, err
		}
		places = append(places, found...)
	}
	ldd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(places, ":"))
	out, err := ldd.CombinedOutput()
	if strings.Contains(string(out), "not a dynamic executable") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ldd %s: %w: %s", path, err, out)
	}
	return regexp.MustCompile(`/\S+`).FindAllString(strings.ReplaceAll(string(out), path+":", ""), -1), nil
}

// postgresShare are the files from which initdb makes a cluster, and the
// libraries that it loads meanwhile.
func postgresShare(postgres string) []string {
	version := filepath.Base(filepath.Dir(filepath.Dir(postgres)))
	share := filepath.Join(filepath.Dir(postgres), "../../../../share/postgresql", version)
	var out []string
	for _, pattern := range []string{share + "/*", share + "/*/*",
		filepath.Join(filepath.Dir(postgres), "..", "lib", "dict_snowball.so"), filepath.Join(filepath.Dir(postgres), "..", "lib", "plpgsql.so")} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // the patterns are constant but for a version
		}
		for _, path := range found {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && !strings.Contains(path, "/man/") {
				out = append(out, path)
			}
		}
	}
	return out
}

// dockerfile makes the image: a busybox with the programs at their places.
const dockerfile = `FROM berth-test/busybox:latest
COPY files /
ENV PATH=/opt/servers:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
CMD ["sh"]
`

// buildServers builds the image, with berth.
func buildServers(t *testing.T, image string, paths []string) {
	t.Helper()
	dir := t.TempDir()
	for _, path := range paths {
		copyFile(t, path, filepath.Join(dir, "files", inImage(path)))
	}
	// Programs in folders of their own are found through links in one folder.
	links := filepath.Join(dir, "files", "opt", "servers")
	mkdir(t, links)
	for _, p := range programs() {
		path, err := p.find()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(inImage(path), filepath.Join(links, p.name)); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("Dockerfile", dockerfile)
	write("compose.yaml", "services: {servers: {image: '"+image+"', build: .}}\n")
	stdout, stderr, code := testengine.Run(t, dir, nil, "-p", testengine.Project(t), "build")
	if code != 0 {
		t.Fatalf("build %s: exit code %d\n%s%s", image, code, stdout, stderr)
	}
}

// copyFile copies a file of this machine, the target of a link under the
// link's name, and its mode.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	mkdir(t, filepath.Dir(to))
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = source.Close() }() // only read
	info, err := source.Stat()
	if err != nil {
		t.Fatal(err)
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(target, source); err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
}

// mkdir makes a folder and those above it.
func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestRealServersAnswerInTheirImage(t *testing.T) {
	t.Parallel()
	image := requireServers(t)
	s := newShell(t, standalone, "", "IMAGE="+image)
	s.write("compose.yaml", "services: {all: {image: '${IMAGE}'}}\n")
	s.play([]line{
		{sh: "docker compose run --rm -T all postgres --version", out: `^postgres \(PostgreSQL\) \d`},
		{sh: "docker compose run --rm -T all redis-server --version", out: `^Redis server v=\d`},
		{sh: "docker compose run --rm -T all nginx -v", err: `nginx version: nginx/\d`},
		{sh: "docker compose run --rm -T all nats-server --version", out: `^nats-server: v\d`},
	})
}
