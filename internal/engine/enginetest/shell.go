package enginetest

import (
	"strings"
)

// This file reads the small part of the shell language that test containers
// are written in; program.go runs it.

// node is a command or a compound of commands.
type node struct {
	kind     nodeKind
	argv     []string // of a simple command
	toStderr bool     // >&2 or 1>&2
	quiet    bool     // >/dev/null
	file     string   // > FILE
	first    []*node  // condition of while and if
	body     []*node
	other    []*node // else
	join     string  // how it hangs on the command before it: "", "&&" or "||"
}

type nodeKind int

const (
	simple nodeKind = iota
	while
	conditional
)

// parser reads tokens into nodes.
type parser struct {
	tokens []string
	bad    bool
}

// separator is a token that ends a command; quoting cannot produce it.
const separator = "\x00;"

// tokenizer splits a script into words and operators. Operators carry a NUL so
// that quoted words cannot be taken for them.
type tokenizer struct {
	list   []string
	word   strings.Builder
	inWord bool
}

// tokens splits a script.
func tokens(script string) []string {
	var t tokenizer
	for len(script) > 0 {
		script = script[t.take(script):]
	}
	t.flush()
	return t.list
}

// take handles what the rest of the script begins with and returns its length.
func (t *tokenizer) take(rest string) int {
	for _, operator := range []string{"&&", "||", "1>&2", ">&2", ">"} {
		if strings.HasPrefix(rest, operator) && (operator != "1>&2" || !t.inWord) {
			t.flush()
			t.list = append(t.list, "\x00"+strings.TrimPrefix(operator, "1"))
			return len(operator)
		}
	}
	switch ch := rest[0]; ch {
	case '\'', '"':
		quoted, _, _ := strings.Cut(rest[1:], string(ch))
		t.word.WriteString(quoted)
		t.inWord = true
		return min(len(quoted)+2, len(rest))
	case ' ', '\t':
		t.flush()
	case ';', '\n', '&':
		t.flush()
		t.list = append(t.list, separator)
	default:
		t.word.WriteByte(ch)
		t.inWord = true
	}
	return 1
}

// flush ends a word.
func (t *tokenizer) flush() {
	if t.inWord {
		t.list = append(t.list, t.word.String())
	}
	t.word.Reset()
	t.inWord = false
}

// list reads commands up to one of the closing words, which it consumes and
// returns.
func (p *parser) list(closing ...string) (nodes []*node, closer string) {
	join := ""
	for len(p.tokens) > 0 {
		token := p.tokens[0]
		for _, word := range closing {
			if token == word {
				p.tokens = p.tokens[1:]
				return nodes, word
			}
		}
		switch token {
		case separator:
			p.tokens, join = p.tokens[1:], ""
		case "\x00&&", "\x00||":
			p.tokens, join = p.tokens[1:], token[1:]
		default:
			n := p.command()
			n.join, join = join, ""
			nodes = append(nodes, n)
		}
	}
	p.bad = p.bad || len(closing) > 0
	return nodes, ""
}

// command reads one command.
func (p *parser) command() *node {
	switch p.tokens[0] {
	case "while":
		p.tokens = p.tokens[1:]
		n := &node{kind: while}
		n.first, _ = p.list("do")
		n.body, _ = p.list("done")
		return n
	case "if":
		p.tokens = p.tokens[1:]
		n := &node{kind: conditional}
		n.first, _ = p.list("then")
		var closer string
		if n.body, closer = p.list("else", "fi"); closer == "else" {
			n.other, _ = p.list("fi")
		}
		return n
	default:
		return p.simple()
	}
}

// simple reads a command with its arguments and redirections.
func (p *parser) simple() *node {
	n := &node{}
	for len(p.tokens) > 0 {
		token := p.tokens[0]
		if token == separator || token == "\x00&&" || token == "\x00||" {
			break
		}
		p.tokens = p.tokens[1:]
		switch {
		case token == "\x00>&2":
			n.toStderr = true
		case token == "\x00>" && len(p.tokens) > 0:
			n.file = p.tokens[0]
			n.quiet = n.file == "/dev/null"
			p.tokens = p.tokens[1:]
		default:
			n.argv = append(n.argv, token)
		}
	}
	return n
}
