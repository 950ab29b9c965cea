package cli

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/berth-dev/berth/internal/app"
	"github.com/berth-dev/berth/internal/ui"
)

// Env is everything a run of berth has to do with outside itself.
type Env struct {
	Args           []string // the program's name first
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Environ        []string // KEY=value
	// WorkDir gives the working directory when it is first needed.
	WorkDir func() (string, error)
	// Version is berth's own, without a leading v.
	Version string
	// Engine makes the connection to the engine. It is called at most once, by
	// the first command that needs an engine.
	Engine func(Connection) (app.Engine, error)
	// Exit ends the process at once. It is called for a second interrupt only.
	Exit func(code int)

	// newApp makes the use-cases; nil for app.New.
	newApp func(app.Options) backend
}

// Connection is what the command line says about the engine to talk to: the
// Docker CLI's global flags. What is empty is left to the environment and to
// the Docker CLI's configuration.
type Connection struct {
	Context   string // --context
	Host      string // --host
	ConfigDir string // --config
	TLS       bool   // --tls
	TLSVerify bool   // --tlsverify
	TLSCACert string // --tlscacert
	TLSCert   string // --tlscert
	TLSKey    string // --tlskey
}

// Main runs the command line and returns the exit code.
func Main(env Env) int {
	inv := parseInvocation(env.Args)
	s := newSession(env, inv)
	ctx, stop := s.watchSignals(context.Background())
	defer stop()
	if inv.metadata {
		return s.finish(ctx, printMetadata(env.Stdout, inv, env.Version))
	}
	watchPluginSocket(ctx, s.lookup("DOCKER_CLI_PLUGIN_SOCKET"), s.interrupts.part)

	root := newRootFor(s, inv.args)
	root.SetArgs(inv.args)
	err := root.ExecuteContext(ctx)
	if isFlagError(err) {
		err = usageOf(root, err)
	}
	return s.finish(ctx, err)
}

// finish closes the display, tells the error and picks the exit code.
func (s *session) finish(ctx context.Context, err error) int {
	if closeErr := s.close(); err == nil {
		err = closeErr
	}
	if errors.Is(context.Cause(ctx), interruptedError{}) {
		err = interruptedBy(err)
	}
	var usage *app.UsageError
	if errors.As(err, &usage) && s.running != nil {
		err = &usageError{text: usage.Text, line: usageLine(s.running)}
	}
	v := judge(err)
	s.debug("exit code %d", v.code)
	if !v.quiet {
		s.report(err, v)
	}
	return v.code
}

// report tells the error on standard error: a line, and a second one for the
// hint or the usage.
func (s *session) report(err error, v verdict) {
	t, termErr := s.term()
	if termErr != nil { // a bad --ansi: that is the error to tell
		t = ui.Detect(s.lookup, s.env.Stdin, s.env.Stdout, s.env.Stderr)
	}
	ui.Error(t, hintedError{err, v.hint})
	ui.Failures(t, failures(err))
	if v.usage != "" {
		// Nobody is left to be told that standard error fails.
		_, _ = io.WriteString(t.Err, v.usage+"\n")
	}
}

// signalsTogether is how much later than the Docker CLI berth may get the same
// signal.
const signalsTogether = 100 * time.Millisecond

// watchPluginSocket calls part when the Docker CLI that started berth as its
// plugin closes the socket by which it tells plugins to end (docker/cli,
// cli-plugins/socket). Without an address nobody watches.
func watchPluginSocket(ctx context.Context, address string, part func()) {
	if address == "" {
		return
	}
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "unix", address)
	if err != nil { // an older docker, or one that has gone: signals still reach berth
		return
	}
	go func() {
		defer func() { _ = conn.Close() }() // nothing is sent on it
		if _, err := io.Copy(io.Discard, conn); err == nil {
			time.Sleep(signalsTogether)
			part()
		}
	}()
}

// lookup reads a variable of the process's environment.
func (s *session) lookup(key string) string {
	for i := len(s.env.Environ) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(s.env.Environ[i], "="); ok && k == key {
			return v
		}
	}
	return ""
}
