package cli

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"
)

func raise(t *testing.T, sig os.Signal) {
	t.Helper()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// Not parallel: the signals reach the whole process.
func TestTheFirstSignalEndsTheCommandGracefully(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		w := newWorld(t, "down")
		w.env.Exit = func(code int) { t.Errorf("%v ended the process with %d", sig, code) }
		w.app.during = func(ctx context.Context) {
			raise(t, sig)
			<-ctx.Done()
			w.app.err = context.Cause(ctx)
		}
		if code := w.run(); code != 130 || w.stderr.Len() > 0 {
			t.Errorf("%v: exit code %d, standard error %q", sig, code, w.stderr.String())
		}
	}
}

func TestAnInterruptedCommandThatSucceedsStillReports130(t *testing.T) {
	w := newWorld(t, "down")
	w.app.during = func(ctx context.Context) {
		raise(t, os.Interrupt)
		<-ctx.Done()
	}
	if code := w.run(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
}

func TestTheSecondSignalEndsTheProcessAtOnce(t *testing.T) {
	w := newWorld(t, "down")
	ended := make(chan int, 1)
	w.env.Exit = func(code int) { ended <- code }
	w.app.during = func(ctx context.Context) {
		raise(t, os.Interrupt)
		<-ctx.Done()
		raise(t, os.Interrupt)
		select {
		case code := <-ended:
			if code != 130 {
				t.Errorf("exit code %d, want 130", code)
			}
		case <-time.After(5 * time.Second):
			t.Error("the process went on")
		}
	}
	w.run()
}

func TestABrokenPipeEndsQuietly(t *testing.T) {
	w := newWorld(t, "config")
	w.app.config.Output = []byte("name: x\n")
	w.env.Stdout = brokenPipe{}
	w.app.during = func(context.Context) { raise(t, syscall.SIGPIPE) }
	if code := w.run(); code != 141 || w.stderr.Len() > 0 {
		t.Errorf("exit code %d, standard error %q", code, w.stderr.String())
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
}

func TestACommandMayKnowAFasterWayToStop(t *testing.T) {
	var causes []error
	abandoned := 0
	i := &interrupts{cancel: func(err error) { causes = append(causes, err) }, abandon: func() { abandoned++ }}
	faster := i.Faster()
	i.interrupt()
	select {
	case <-faster:
		t.Error("the first signal already asked for more speed")
	default:
	}
	i.interrupt()
	<-faster
	i.interrupt()
	if len(causes) != 1 || !errors.Is(causes[0], errInterrupted) || abandoned != 1 {
		t.Errorf("causes %v, abandoned %d times", causes, abandoned)
	}
}

func TestAttachedUpHearsOfTheSecondSignalItself(t *testing.T) {
	w := newWorld(t, "up")
	w.env.Exit = func(code int) { t.Errorf("ended the process with %d", code) }
	w.app.code = 130
	w.app.during = func(ctx context.Context) {
		raise(t, os.Interrupt)
		<-ctx.Done()
		raise(t, os.Interrupt)
		select {
		case <-w.app.control.Faster:
		case <-time.After(5 * time.Second):
			t.Error("up was not told")
		}
	}
	if code := w.run(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
}
