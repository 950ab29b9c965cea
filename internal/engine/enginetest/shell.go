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

// tokens splits a script into words and operators. Operators carry a NUL so
// that quoted words cannot be taken for them.
func tokens(script string) []string {
	var list []string
	var word strings.Builder
	inWord := false
	flush := func() {
		if inWord {
			list = append(list, word.String())
		}
		word.Reset()
		inWord = false
	}
	for i := 0; i < len(script); i++ {
		ch := script[i]
		rest := script[i:]
		switch {
		case ch == '\'' || ch == '"':
			end := strings.IndexByte(script[i+1:], ch)
			if end < 0 {
				end = len(script) - i - 1
			}
			word.WriteString(script[i+1 : i+1+end])
			inWord = true
			i += end + 1
		case ch == ' ' || ch == '\t':
			flush()
		case strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "||"):
			flush()
			list = append(list, "\x00"+rest[:2])
			i++
		case strings.HasPrefix(rest, ">&2"):
			flushDigit(&word, &inWord)
			flush()
			list = append(list, "\x00>&2")
			i += len(">&2") - 1
		case ch == '>':
			flush()
			list = append(list, "\x00>")
		case ch == ';' || ch == '\n' || ch == '&':
			flush()
			list = append(list, separator)
		default:
			word.WriteByte(ch)
			inWord = true
		}
	}
	flush()
	return list
}

// flushDigit drops the 1 of 1>&2.
func flushDigit(word *strings.Builder, inWord *bool) {
	if word.String() == "1" {
		word.Reset()
		*inWord = false
	}
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
