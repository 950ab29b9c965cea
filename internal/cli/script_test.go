package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/engine/enginetest"
	"github.com/berth-dev/berth/internal/testengine"
)

// The scripts of testdata/script are whole command lines. They run twice: in
// this process on an engine in memory, and as the built program on a real
// engine. Those of testdata/script/dropin use the command `compose`, which
// stands for each way to call docker compose in turn.
//
// Beside testscript's own commands there are
//
//	berth ARGS...       run berth; "<FILE" as the last word is its standard input
//	compose ARGS...     the same, called as this run has it
//	code N              the exit code of the last call was N
//	export KEY=VALUE    set a variable for the calls that follow
//
// and the conditions [memory] and [real]. $IMAGE is an image with a shell;
// $PROJECT is the project's name, which COMPOSE_PROJECT_NAME gives to berth.
const scripts = "../../testdata/script"

func TestScriptsOnAnEngineInMemory(t *testing.T) {
	runScripts(t, scripts, memoryCaller("berth"))
}

func TestScriptsOnARealEngine(t *testing.T) {
	t.Parallel()
	testengine.Require(t)
	testengine.Images(t)
	runScripts(t, scripts, programCaller(testengine.Berth(t)))
}

func TestDropInScriptsInMemory(t *testing.T) {
	for name, words := range map[string][]string{
		"berth":          {"berth"},
		"docker-compose": {"docker-compose"},
		"docker compose": {"docker-compose", "compose"}, // as docker calls its plugin
	} {
		t.Run(name, func(t *testing.T) { runScripts(t, filepath.Join(scripts, "dropin"), memoryCaller(words...)) })
	}
}

func TestDropInScriptsOnARealEngine(t *testing.T) {
	t.Parallel()
	testengine.Require(t)
	testengine.Images(t)
	berth := testengine.Berth(t)
	dir := t.TempDir()
	plugins := filepath.Join(dir, "config", "cli-plugins")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		t.Fatal(err)
	}
	compose := filepath.Join(dir, "docker-compose")
	for _, link := range []string{compose, filepath.Join(plugins, "docker-compose")} {
		if err := os.Symlink(berth, link); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("docker-compose", func(t *testing.T) { runScripts(t, filepath.Join(scripts, "dropin"), programCaller(compose)) })
	t.Run("docker compose", func(t *testing.T) {
		docker, err := exec.LookPath("docker")
		if err != nil {
			t.Skip("no docker CLI on this machine")
		}
		c := programCaller(docker, "compose")
		c.environ = append(c.environ, "DOCKER_CONFIG="+filepath.Join(dir, "config"))
		runScripts(t, filepath.Join(scripts, "dropin"), c)
	})
}

// caller runs one command line of a script.
type caller struct {
	real    bool
	words   []string // what stands before the arguments
	environ []string
	call    func(tb testing.TB, w scriptCall) int
}

// scriptCall is one call of berth by a script.
type scriptCall struct {
	world  *scriptWorld
	dir    string
	args   []string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// scriptWorld is what the calls of one script share.
type scriptWorld struct {
	tb      testing.TB
	environ []string
	memory  *enginetest.Engine
	code    int
}

// memoryCaller runs berth in this process.
func memoryCaller(words ...string) caller {
	return caller{words: words, call: func(_ testing.TB, c scriptCall) int {
		return Main(Env{
			Args: c.args, Stdin: c.stdin, Stdout: c.stdout, Stderr: c.stderr, Environ: c.world.environ,
			WorkDir: func() (string, error) { return c.dir, nil }, Version: "1.2.3",
			Engine: func(Connection) (app.Engine, error) { return openForScript{c.world.memory}, nil },
		})
	}}
}

// openForScript keeps the engine in memory alive between the calls of a script.
type openForScript struct{ *enginetest.Engine }

func (openForScript) Close() error { return nil }

// programCaller runs a program.
func programCaller(words ...string) caller {
	const commandLimit = 90 * time.Second
	return caller{real: true, words: words, call: func(tb testing.TB, c scriptCall) int {
		ctx, cancel := context.WithTimeout(tb.Context(), commandLimit)
		defer cancel()
		command := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
		// Its stack shows where it hangs.
		command.Cancel = func() error { return command.Process.Signal(syscall.SIGQUIT) }
		command.WaitDelay = 5 * time.Second
		command.Dir, command.Env = c.dir, c.world.environ
		command.Stdin, command.Stdout, command.Stderr = c.stdin, c.stdout, c.stderr
		err := command.Run()
		if command.ProcessState == nil {
			tb.Errorf("%v: %v", c.args, err)
			return -1
		}
		return command.ProcessState.ExitCode()
	}}
}

type worldKey struct{}

func runScripts(t *testing.T, dir string, c caller) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               func(env *testscript.Env) error { return setUpScript(env, c) },
		Condition: func(cond string) (bool, error) {
			return cond == "real" && c.real || cond == "memory" && !c.real, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"berth":   func(ts *testscript.TestScript, neg bool, args []string) { callBerth(ts, c, neg, args) },
			"compose": func(ts *testscript.TestScript, neg bool, args []string) { callBerth(ts, c, neg, args) },
			"code":    checkCode,
			"export":  export,
		},
	})
}

func setUpScript(env *testscript.Env, c caller) error {
	tb := env.T().(testing.TB)
	w := &scriptWorld{tb: tb}
	project := "script"
	image := "berth-test/busybox:latest"
	if c.real {
		w.environ = append(testengine.Environ(tb), c.environ...)
		project, image = testengine.Project(tb), testengine.Busybox(tb)
	} else {
		w.memory = enginetest.New(enginetest.WithImage(image))
		env.Defer(func() {
			if err := w.memory.Close(); err != nil {
				tb.Errorf("close the engine: %v", err)
			}
		})
		w.environ = []string{"HOME=" + env.Getenv("HOME"), "PATH=" + os.Getenv("PATH")}
	}
	env.Values[worldKey{}] = w
	env.Setenv("PROJECT", project)
	env.Setenv("IMAGE", image)
	w.environ = append(w.environ, "IMAGE="+image, "COMPOSE_PROJECT_NAME="+project)
	return nil
}

func worldOf(ts *testscript.TestScript) *scriptWorld {
	return ts.Value(worldKey{}).(*scriptWorld)
}

// callBerth runs a command line; with neg it has to fail.
func callBerth(ts *testscript.TestScript, c caller, neg bool, args []string) {
	w := worldOf(ts)
	call := scriptCall{world: w, dir: ts.MkAbs("."), stdin: strings.NewReader(""), stdout: ts.Stdout(), stderr: ts.Stderr()}
	if n := len(args); n > 0 && strings.HasPrefix(args[n-1], "<") {
		call.stdin = bytes.NewBufferString(ts.ReadFile(args[n-1][1:]))
		args = args[:n-1]
	}
	call.args = append(append(call.args, c.words...), args...)
	w.code = c.call(w.tb, call)
	if failed := w.code != 0; failed != neg {
		ts.Fatalf("%s: exit code %d", strings.Join(call.args, " "), w.code)
	}
}

// checkCode compares the exit code of the last call.
func checkCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: code N")
	}
	if got := strconv.Itoa(worldOf(ts).code); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// export sets a variable for the calls that follow.
func export(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || !strings.Contains(args[0], "=") {
		ts.Fatalf("usage: export KEY=VALUE")
	}
	w := worldOf(ts)
	w.environ = append(w.environ, args[0])
}
