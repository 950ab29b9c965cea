package cli

import (
	"context"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
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
		time.Sleep(sameWish + 50*time.Millisecond)
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

// watched counts what becomes of signals.
func watched() (i *interrupts, cancelled, abandoned *int) {
	cancelled, abandoned = new(int), new(int)
	return &interrupts{cancel: func(error) { *cancelled++ }, abandon: func() { *abandoned++ }}, cancelled, abandoned
}

func hasClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestACommandMayKnowAFasterWayToStop(t *testing.T) {
	i, cancelled, abandoned := watched()
	faster := i.Faster()
	i.interrupt("SIGINT")
	if *cancelled != 1 || hasClosed(faster) {
		t.Errorf("after one signal: cancelled %d times, faster %t", *cancelled, hasClosed(faster))
	}
	i.interrupt("SIGINT")
	if *cancelled != 1 || !hasClosed(faster) || *abandoned != 0 {
		t.Errorf("after two: cancelled %d times, faster %t, abandoned %d times", *cancelled, hasClosed(faster), *abandoned)
	}
	i.interrupt("SIGINT")
	if *abandoned != 1 {
		t.Errorf("after three: abandoned %d times", *abandoned)
	}
}

func TestSignalsAtTheSameTimeAreOneWish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, cancelled, abandoned := watched()
		i.together = sameWish
		faster := i.Faster()
		i.interrupt("SIGINT")
		time.Sleep(5 * time.Millisecond)
		i.interrupt("SIGTERM")
		if *cancelled != 1 || hasClosed(faster) || *abandoned != 0 {
			t.Errorf("cancelled %d times, faster %t, abandoned %d times", *cancelled, hasClosed(faster), *abandoned)
		}
		time.Sleep(sameWish)
		i.interrupt("SIGINT")
		if !hasClosed(faster) {
			t.Error("the second signal is not obeyed")
		}
	})
}

// The Docker CLI tells its plugin of the signals it gets itself.
func TestASignalThatReachesDockerAndItsPluginCountsOnce(t *testing.T) {
	for name, order := range map[string][]string{"docker first": {"docker", "signal"}, "the plugin first": {"signal", "docker"}} {
		i, cancelled, abandoned := watched()
		faster := i.Faster()
		for _, from := range order {
			if from == "docker" {
				i.part()
			} else {
				i.interrupt("SIGINT")
			}
		}
		if *cancelled != 1 || hasClosed(faster) || *abandoned != 0 {
			t.Errorf("%s: cancelled %d times, faster %t, abandoned %d times", name, *cancelled, hasClosed(faster), *abandoned)
		}
		i.interrupt("SIGINT")
		if !hasClosed(faster) || *abandoned != 0 {
			t.Errorf("%s: the second signal is not obeyed", name)
		}
	}
	i, cancelled, _ := watched()
	i.part()
	if *cancelled != 1 {
		t.Error("docker's wish alone is not obeyed")
	}
}

func TestSignalsGoToTheContainerThatACommandHolds(t *testing.T) {
	i, cancelled, abandoned := watched()
	faster, forward := i.Faster(), i.Forward()
	for _, name := range []string{"SIGINT", "SIGTERM"} {
		got := make(chan string)
		go func() { got <- <-forward }()
		for i.forwarded == 0 || i.forwarded == 1 && name == "SIGTERM" { // until the receiver is there
			if i.handOn(name) {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if n := <-got; n != name {
			t.Errorf("got %s, want %s", n, name)
		}
	}
	i.interrupt("SIGINT")
	if *cancelled != 0 || !hasClosed(faster) {
		t.Errorf("after three signals: cancelled %d times, faster %t", *cancelled, hasClosed(faster))
	}
	i.interrupt("SIGINT")
	if *abandoned != 1 {
		t.Errorf("after four: abandoned %d times", *abandoned)
	}
}

func TestBeforeACommandHoldsAContainerASignalEndsIt(t *testing.T) {
	i, cancelled, _ := watched()
	i.Forward()
	i.interrupt("SIGINT")
	if *cancelled != 1 {
		t.Errorf("cancelled %d times", *cancelled)
	}
}

func TestAttachedUpHearsOfTheSecondSignalItself(t *testing.T) {
	w := newWorld(t, "up")
	w.env.Exit = func(code int) { t.Errorf("ended the process with %d", code) }
	w.app.code = 130
	w.app.during = func(ctx context.Context) {
		raise(t, os.Interrupt)
		<-ctx.Done()
		time.Sleep(sameWish + 50*time.Millisecond)
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
