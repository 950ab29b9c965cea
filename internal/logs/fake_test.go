package logs_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// project is the fake engine's only one.
const project = "app"

// fake is an engine in memory whose streams break when a test wants it.
type fake struct {
	mu         sync.Mutex
	containers []*box
	events     []engine.Event // all so far
	forgotten  int            // events before this one are not replayed
	news       chan struct{}  // closed when anything changes
	streams    int            // generation of event streams; raising it breaks them
	muted      bool           // nothing is told
	late       bool           // lists show what has ended as running
	down       bool           // nothing answers
	cutAfter   int            // break a log stream after so many messages; 0 for never
	cuts       int            // how many more times
	requests   []string
	vanish     map[string]bool // containers that an inspection does not find
	slow       time.Duration   // how long an inspection takes
}

// box is a container of the fake.
type box struct {
	row      engine.Container
	tty      bool
	messages []message
	runs     int // odd while running
	gone     bool
}

// message is one message of a log.
type message struct {
	ns     int64
	stderr bool
	text   string
}

func newFake() *fake {
	return &fake{news: make(chan struct{}), vanish: map[string]bool{}}
}

// change applies a change and tells the streams.
func (f *fake) change(apply func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	apply()
	close(f.news)
	f.news = make(chan struct{})
}

// create adds a container and returns its ID.
func (f *fake) create(service string, number int) string {
	var id string
	f.change(func() {
		id = fmt.Sprintf("id%d", len(f.containers))
		b := &box{row: engine.Container{
			ID: id, Name: fmt.Sprintf("%s-%s-%d", project, service, number), State: engine.Created,
			Labels: map[string]string{
				labels.Project: project, labels.Service: service,
				labels.Number: strconv.Itoa(number), labels.OneOff: labels.False,
			},
		}}
		f.containers = append(f.containers, b)
		f.event(b, "create", nil)
	})
	return id
}

// event records an event. The caller holds the lock.
func (f *fake) event(b *box, action string, more map[string]string) {
	if f.muted {
		return
	}
	attributes := map[string]string{"name": b.row.Name}
	for k, v := range b.row.Labels {
		attributes[k] = v
	}
	for k, v := range more {
		attributes[k] = v
	}
	f.events = append(f.events, engine.Event{
		Time: time.Now(), Kind: "container", Action: action, ID: b.row.ID, Name: b.row.Name, Attributes: attributes,
	})
}

// box finds a container. The caller holds the lock.
func (f *fake) box(id string) *box {
	for _, b := range f.containers {
		if b.row.ID == id && !b.gone {
			return b
		}
	}
	return nil
}

func (f *fake) start(id string) {
	f.change(func() {
		b := f.box(id)
		b.runs++
		b.row.State = engine.Running
		f.event(b, "start", nil)
	})
}

// die ends a container's run; next is its state then.
func (f *fake) die(id string, code int, next engine.State) {
	f.change(func() {
		b := f.box(id)
		b.runs++
		b.row.State, b.row.ExitCode = next, code
		f.event(b, "die", map[string]string{"exitCode": strconv.Itoa(code)})
	})
}

func (f *fake) kill(id string) {
	f.change(func() { f.event(f.box(id), "kill", nil) })
	f.die(id, 137, engine.Exited)
}

func (f *fake) remove(id string) {
	f.change(func() {
		b := f.box(id)
		b.gone = true
		f.event(b, "destroy", nil)
	})
}

// write appends lines to a container's log.
func (f *fake) write(id string, lines ...string) {
	f.change(func() {
		b := f.box(id)
		for _, l := range lines {
			b.messages = append(b.messages, message{time.Now().UnixNano(), false, l + "\n"})
		}
	})
}

// mute keeps events back for good.
func (f *fake) mute(on bool) { f.change(func() { f.muted = on }) }

// breakStreams ends every event stream; a fake that is down answers nothing.
func (f *fake) breakStreams(down bool) {
	f.change(func() { f.streams++; f.down = down })
}

func (f *fake) Endpoint() string { return "unix:///fake.sock" }

// ask records a request and fails if the engine is down.
func (f *fake) ask(request string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, request)
	if f.down {
		return fmt.Errorf("connect: %w", engine.ErrUnreachable)
	}
	return nil
}

// asked counts the requests that begin with a word.
func (f *fake) asked(word string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if strings.HasPrefix(r, word) {
			n++
		}
	}
	return n
}

func (f *fake) Containers(_ context.Context, filter engine.ContainerFilter) ([]engine.Container, error) {
	if err := f.ask("list " + filter.Project); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var rows []engine.Container
	for _, b := range f.containers {
		if !b.gone {
			row := b.row
			if f.late && row.State == engine.Exited {
				row.State = engine.Running
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func (f *fake) InspectContainer(_ context.Context, id string) (engine.ContainerDetail, error) {
	if err := f.ask("inspect " + id); err != nil {
		return engine.ContainerDetail{}, err
	}
	f.mu.Lock()
	slow := f.slow
	f.mu.Unlock()
	time.Sleep(slow)
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.box(id)
	if b == nil || f.vanish[id] {
		return engine.ContainerDetail{}, engine.ErrNotFound
	}
	return engine.ContainerDetail{Container: b.row, Tty: b.tty}, nil
}

func (f *fake) Events(ctx context.Context, filter engine.EventFilter) (engine.EventStream, error) {
	if err := f.ask("events " + filter.Since); err != nil {
		return engine.EventStream{}, err
	}
	f.mu.Lock()
	next, mine, since := len(f.events), f.streams, instant(filter.Since, math.MaxInt64)
	for next > f.forgotten && f.events[next-1].Time.UnixNano() >= since {
		next--
	}
	f.mu.Unlock()
	out := make(chan engine.Event)
	go func() {
		defer close(out)
		for {
			f.mu.Lock()
			news, broken := f.news, f.streams != mine
			pending := f.events[next:]
			next = len(f.events)
			f.mu.Unlock()
			if broken {
				return
			}
			for _, e := range pending {
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
			}
			select {
			case <-news:
			case <-ctx.Done():
				return
			}
		}
	}()
	return engine.EventStream{C: out, Err: func() error { return engine.ErrUnreachable }}, nil
}

func (f *fake) Logs(ctx context.Context, id string, o engine.LogOptions, stdout, stderr io.Writer) error {
	if err := f.ask("logs " + id); err != nil {
		return err
	}
	f.mu.Lock()
	b := f.box(id)
	if b == nil {
		f.mu.Unlock()
		return engine.ErrNotFound
	}
	run, streams, next, cut := b.runs, f.streams, 0, f.cutAfter
	if n, err := strconv.Atoi(o.Tail); err == nil {
		next = max(0, len(b.messages)-n)
	}
	if f.cuts == 0 || !o.Follow {
		cut = 0
	} else {
		f.cuts--
	}
	f.mu.Unlock()
	since, until := instant(o.Since, 0), instant(o.Until, math.MaxInt64)
	sent := 0
	for {
		f.mu.Lock()
		pending, news := b.messages[next:], f.news
		next = len(b.messages)
		over := !o.Follow || run%2 == 0 || b.runs != run || b.gone
		broken := f.streams != streams && o.Follow
		f.mu.Unlock()
		if broken {
			return io.ErrUnexpectedEOF
		}
		for _, m := range pending {
			if m.ns < since || m.ns > until {
				continue
			}
			if err := m.send(stdout, stderr); err != nil {
				return err
			}
			if sent++; sent == cut {
				return io.ErrUnexpectedEOF
			}
		}
		if over {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// send writes the message as the engine's client does.
func (m message) send(stdout, stderr io.Writer) error {
	w := stdout
	if m.stderr {
		w = stderr
	}
	stamp := time.Unix(0, m.ns).UTC().Format("2006-01-02T15:04:05.000000000Z07:00")
	_, err := io.WriteString(w, stamp+" "+m.text)
	return err
}

// instant reads unix time as the engine takes it.
func instant(text string, none int64) int64 {
	if text == "" {
		return none
	}
	seconds, fraction, _ := strings.Cut(text, ".")
	s, err1 := strconv.ParseInt(seconds, 10, 64)
	ns, err2 := strconv.ParseInt(fraction, 10, 64)
	if err1 != nil || err2 != nil || len(fraction) != 9 {
		panic("no instant: " + text)
	}
	return s*int64(time.Second) + ns
}
