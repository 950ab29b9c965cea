package project

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// TestConfigPrintsWhatIsExpected runs each testdata/*.txtar: its comment says what it
// shows; `args` holds a command line per line; `env` the shell's environment; `stdin`
// standard input; `want` what the command lines print, one after the other, with
// warnings and errors marked. All other files make up the project; $WORK stands for
// their folder.
func TestConfigPrintsWhatIsExpected(t *testing.T) {
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(testdata, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, want := runGolden(t, archive)
			if *update {
				rewrite(t, file, archive, got)
			} else if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// runGolden makes the files and returns what the command lines print.
func runGolden(t *testing.T, archive *txtar.Archive) (got, want string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "demo")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	special := map[string]string{}
	for _, f := range archive.Files {
		switch f.Name {
		case "args", "env", "stdin", "want":
			special[f.Name] = string(f.Data)
		default:
			write(t, dir, f.Name, string(f.Data))
		}
	}
	t.Chdir(dir) // as for the real program: relative paths that stay relative start here
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimSpace(special["args"]), "\n") {
		opts, flags := parseArgs(t, line)
		opts.WorkDir = dir
		if opts.Stdin == nil {
			opts.Stdin = strings.NewReader(special["stdin"])
		}
		opts.Environ = append([]string{"PWD=" + dir}, strings.Split(strings.TrimSpace(special["env"]), "\n")...)
		out, err := Config(context.Background(), opts, flags)
		b.WriteString("$ " + line + "\n")
		for _, w := range out.Warnings {
			b.WriteString("warning: " + w + "\n")
		}
		if err != nil {
			b.WriteString("error: " + err.Error() + "\n")
		}
		b.Write(out.Text)
		if n := len(out.Text); n > 0 && out.Text[n-1] != '\n' {
			b.WriteString("\n(no line break at the end)\n")
		}
	}
	return strings.ReplaceAll(b.String(), dir, "$WORK"), special["want"]
}

// parseArgs reads a command line as `config` takes it, without quotes.
func parseArgs(t *testing.T, line string) (o Options, f ConfigFlags) {
	t.Helper()
	toggles := map[string]*bool{
		"--services": &f.Services, "--volumes": &f.Volumes, "--networks": &f.Networks, "--models": &f.Models,
		"--profiles": &f.Profiles, "--images": &f.Images, "--variables": &f.Variables, "--environment": &f.Environment,
		"--quiet": &f.Quiet, "--resolve-image-digests": &f.ResolveImageDigests, "--lock-image-digests": &f.LockImageDigests,
		"--no-interpolate": &o.NoInterpolate, "--no-normalize": &o.NoNormalize, "--no-consistency": &o.NoConsistency,
		"--no-path-resolution": &o.NoPathResolution, "--no-env-resolution": &o.NoEnvResolution,
		"--all-resources": &o.AllResources, "--compatibility": &o.Compatibility, "--no-deps": &o.NoDeps,
	}
	words := strings.Fields(line)
	for i := 0; i < len(words); i++ {
		if toggle := toggles[words[i]]; toggle != nil {
			*toggle = true
			continue
		}
		next := func() string { i++; return words[i] }
		switch words[i] {
		case "-f":
			o.Files = append(o.Files, next())
		case "--env-file":
			o.EnvFiles = append(o.EnvFiles, next())
		case "--profile":
			o.Profiles = append(o.Profiles, next())
		case "-p":
			o.ProjectName = next()
		case "--project-directory":
			o.Dir = next()
		case "--format":
			f.Format = next()
		case "--hash":
			f.Hash = next()
		case "config":
		default:
			o.Services = append(o.Services, words[i])
		}
	}
	f.Resolve = func(context.Context, string) (string, error) { return "sha256:" + strings.Repeat("ab", 32), nil }
	return o, f
}

// rewrite stores new expected output.
func rewrite(t *testing.T, file string, archive *txtar.Archive, got string) {
	t.Helper()
	kept := archive.Files[:0]
	for _, f := range archive.Files {
		if f.Name != "want" {
			kept = append(kept, f)
		}
	}
	archive.Files = append(kept, txtar.File{Name: "want", Data: []byte(got)})
	if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
		t.Fatal(err)
	}
}
