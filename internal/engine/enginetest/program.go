package enginetest

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/berth-dev/berth/internal/engine"
)

// notFoundCode is a shell's exit code for a command it does not find.
const notFoundCode = 127

// program is a command line that is understood, ready to run.
type program struct {
	nodes []*node
	env   map[string]string

	mu    sync.Mutex
	traps map[int]string // by signal: what to do; "" ignores it
}

// machine is what a program runs on.
type machine interface {
	sleep(d time.Duration) bool // false when the run is over
	write(stderr bool, text string)
	input() io.Reader
	file(name string) (engine.File, bool)
	setFile(f engine.File)
}

// known tells whether a command is one that a program may consist of.
func known(name string) bool {
	switch name {
	case "echo", "printf", "sleep", "exit", "true", "false", ":", "seq", "cat", "test", "[", "trap", "wait", "exec", "env", "touch":
		return true
	default:
		return false
	}
}

// understand makes a program of a command line; nil if it knows none of it.
func understand(argv, env []string) *program {
	if len(argv) == 0 {
		return nil
	}
	p := &program{env: map[string]string{}, traps: map[int]string{}}
	for _, entry := range env {
		key, value, _ := strings.Cut(entry, "=")
		p.env[key] = value
	}
	name := path.Base(argv[0])
	const shellArgs = 3
	shell := name == "sh" || name == "ash"
	if shell && len(argv) == 1 {
		p.nodes = []*node{{argv: []string{"sh"}}}
		return p
	}
	if shell && len(argv) >= shellArgs && strings.HasSuffix(argv[1], "c") {
		reader := &parser{tokens: tokens(argv[2])}
		p.nodes, _ = reader.list()
		if reader.bad {
			return nil
		}
		return p
	}
	if !known(name) {
		return nil
	}
	p.nodes = []*node{{argv: append([]string{name}, argv[1:]...)}}
	return p
}

// run runs the program. ended is false if the machine stopped first.
func (p *program) run(m machine) (code int, ended bool) {
	r := &runner{program: p, machine: m}
	r.list(p.nodes)
	return r.status, !r.killed
}

// trapped is what a trap makes of the signal.
func (p *program) trapped(signal int) (code int, ends, trapped bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	action, trapped := p.traps[signal]
	if value, exits := strings.CutPrefix(action, "exit"); exits {
		code, err := strconv.Atoi(strings.TrimSpace(value))
		return code, err == nil || value == "", trapped
	}
	return 0, false, trapped
}

// runner is one run of a program.
type runner struct {
	*program
	machine
	status int
	exited bool
	killed bool
}

func (r *runner) over() bool { return r.exited || r.killed }

func (r *runner) list(nodes []*node) {
	for _, n := range nodes {
		skip := n.join == "&&" && r.status != 0 || n.join == "||" && r.status == 0
		if r.over() {
			return
		}
		if !skip {
			r.node(n)
		}
	}
}

func (r *runner) node(n *node) {
	switch n.kind {
	case while:
		for r.condition(n.first) {
			r.list(n.body)
		}
	case conditional:
		if r.condition(n.first) {
			r.list(n.body)
		} else if !r.over() {
			r.status = 0
			r.list(n.other)
		}
	default:
		r.command(n)
	}
}

// condition tells whether the commands succeed and the run goes on.
func (r *runner) condition(nodes []*node) bool {
	r.list(nodes)
	return !r.over() && r.status == 0
}

// command runs a simple command.
func (r *runner) command(n *node) {
	argv := make([]string, len(n.argv))
	for i, word := range n.argv {
		argv[i] = r.expand(word)
	}
	if len(argv) == 0 {
		return
	}
	r.status = 0
	switch name, args := argv[0], argv[1:]; name {
	case "exec":
		r.command(&node{argv: args, toStderr: n.toStderr, quiet: n.quiet, file: n.file})
	case "true", ":", "wait", "touch":
	case "false":
		r.status = 1
	case "exit":
		r.exited = true
		if len(args) > 0 {
			r.status = atoi(args[0])
		}
	case "sleep":
		r.pause(args)
	case "trap":
		r.trap(args)
	case "test", "[":
		r.test(args)
	case "sh":
		r.shell()
	default:
		r.print(n, name, args)
	}
}

// print runs the commands that write something.
func (r *runner) print(n *node, name string, args []string) {
	switch name {
	case "echo":
		r.out(n, strings.Join(args, " ")+"\n")
	case "printf":
		r.out(n, strings.ReplaceAll(strings.Join(args, ""), `\n`, "\n"))
	case "env":
		for _, key := range sortedKeys(r.env) {
			r.out(n, key+"="+r.env[key]+"\n")
		}
	case "seq":
		first, last := 1, atoi(args[len(args)-1])
		if len(args) > 1 {
			first = atoi(args[0])
		}
		for i := first; i <= last; i++ {
			r.out(n, itoa(i)+"\n")
		}
	case "cat":
		r.cat(n, args)
	default:
		r.machine.write(true, "sh: "+name+": not found\n")
		r.status = notFoundCode
	}
}

// out writes a command's output where its redirections say.
func (r *runner) out(n *node, text string) {
	switch {
	case n.quiet:
	case n.file != "":
		r.machine.setFile(engine.File{Target: n.file, Content: []byte(text)})
	default:
		r.machine.write(n.toStderr, text)
	}
}

// shell runs the commands that its input holds, once the input has ended.
func (r *runner) shell() {
	script, err := io.ReadAll(r.machine.input())
	reader := &parser{tokens: tokens(string(script))}
	nodes, _ := reader.list()
	if err != nil || reader.bad {
		r.status = 1
		return
	}
	r.list(nodes)
}

// pause is sleep.
func (r *runner) pause(args []string) {
	const forever = 1 << 62
	d := time.Duration(forever)
	if len(args) > 0 && args[0] != "infinity" {
		seconds, err := strconv.ParseFloat(strings.TrimSuffix(args[0], "s"), 64)
		if err != nil {
			r.machine.write(true, "sleep: invalid number '"+args[0]+"'\n")
			r.status = 1
			return
		}
		d = time.Duration(seconds * float64(time.Second))
	}
	r.killed = !r.machine.sleep(d)
}

// trap is trap 'ACTION' SIGNAL...
func (r *runner) trap(args []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, signal := range args[min(1, len(args)):] {
		r.traps[signalNumber(signal)] = args[0]
	}
}

// test is test -f FILE, test -n STRING and A = B.
func (r *runner) test(args []string) {
	args = slices.DeleteFunc(args, func(s string) bool { return s == "]" })
	const unary, comparison = 2, 3
	good := false
	switch {
	case len(args) == unary && (args[0] == "-f" || args[0] == "-e"):
		_, good = r.machine.file(args[1])
	case len(args) == unary && args[0] == "-n":
		good = args[1] != ""
	case len(args) == comparison && args[1] == "=":
		good = args[0] == args[2]
	case len(args) == comparison && args[1] == "!=":
		good = args[0] != args[2]
	}
	if !good {
		r.status = 1
	}
}

// cat copies files, or the input.
func (r *runner) cat(n *node, names []string) {
	for _, name := range names {
		f, ok := r.machine.file(name)
		if !ok {
			r.machine.write(true, fmt.Sprintf("cat: can't open '%s': No such file or directory\n", name))
			r.status = 1
			continue
		}
		r.out(n, string(f.Content))
	}
	if len(names) > 0 {
		return
	}
	buffer := make([]byte, 32*1024)
	for {
		count, err := r.machine.input().Read(buffer)
		if count > 0 {
			r.out(n, string(buffer[:count]))
		}
		if err != nil {
			return
		}
	}
}

// expand replaces $NAME and ${NAME} by the environment's values.
func (r *runner) expand(word string) string {
	if !strings.Contains(word, "$") {
		return word
	}
	return expandVariables(word, func(name string) string { return r.env[name] })
}
