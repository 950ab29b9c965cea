package remote

import (
	"bufio"
	"bytes"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// environment notes the variables whose values are in the file itself, and not
// taken from the environment of whoever runs the project. Those that look like
// secrets are found by scan.
func (d *document) environment(key string, list *yaml.Node) {
	forms, seen := secretForms(), map[string]bool{}
	var names []string
	note := func(name, value string) {
		if literal(value) && suspect(forms, name, value) == "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	if list.Kind == yaml.SequenceNode {
		for _, item := range items(list) {
			if name, value, ok := strings.Cut(item.Value, "="); ok {
				note(name, value)
			}
		}
	}
	for _, p := range pairs(list) {
		if p.value.Kind == yaml.ScalarNode && p.value.Tag != "!!null" {
			note(p.key.Value, p.value.Value)
		}
	}
	if len(names) > 0 {
		d.out.Findings = append(d.out.Findings, Finding{
			File: d.shown, Line: list.Line, Key: key, Text: "what is set here is published: " + strings.Join(names, ", "),
		})
	}
}

// literal tells a value that says something by itself.
func literal(value string) bool {
	return value != "" && !strings.Contains(strings.ReplaceAll(value, "$$", ""), "$")
}

// secretForms are how keys and tokens of common services look (each service's
// documentation of its tokens), with what they are called.
func secretForms() []secretForm {
	form := func(name, expression string) secretForm { return secretForm{name, regexp.MustCompile(expression)} }
	return []secretForm{
		form("a private key", `-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----`),
		form("an AWS access key", `\b(AKIA|ASIA)[0-9A-Z]{16}\b`),
		form("a GitHub token", `\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})`),
		form("a GitLab token", `\bglpat-[A-Za-z0-9_-]{20,}`),
		form("a Slack token", `\bxox[abeoprs]-[A-Za-z0-9-]{10,}`),
		form("a Stripe key", `\b[rs]k_live_[A-Za-z0-9]{16,}`),
		form("a Google API key", `\bAIza[A-Za-z0-9_-]{35}`),
		form("a Docker access token", `\bdckr_pat_[A-Za-z0-9_-]{20,}`),
		form("an npm token", `\bnpm_[A-Za-z0-9]{36}`),
		form("a JSON web token", `\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+`),
		form("a password in a URL", `://[^/\s:@$]+:[^/\s:@${}]+@`),
	}
}

type secretForm struct {
	name string
	re   *regexp.Regexp
}

// secretKey tells by the name of a variable that its value is not for everyone.
func secretKey(name string) bool {
	name = strings.ToUpper(name)
	if strings.HasSuffix(name, "_FILE") { // names a file, as /run/secrets/x
		return false
	}
	for _, word := range []string{"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "API_KEY", "APIKEY", "PRIVATE_KEY", "ACCESS_KEY", "CREDENTIAL"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return strings.HasSuffix(name, "_PASS") || strings.HasSuffix(name, "_PWD")
}

// suspicion begins the text of a finding that may be a secret.
const suspicion = "looks like "

// suspect says what a value looks like; "" for nothing special.
func suspect(forms []secretForm, name, value string) string {
	for _, f := range forms {
		if f.re.MatchString(value) {
			return suspicion + f.name
		}
	}
	if secretKey(name) && literal(value) {
		return suspicion + "a secret by its name"
	}
	return ""
}

// scan looks at every value of a document, however it is nested.
func (d *document) scan(n *yaml.Node, key string) {
	d.scanNode(secretForms(), n, key, "")
}

func (d *document) scanNode(forms []secretForm, n *yaml.Node, key, name string) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			child := n.Content[i].Value
			d.scanNode(forms, n.Content[i+1], joinKey(key, child), child)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			d.scanNode(forms, item, key, "")
		}
	case yaml.ScalarNode:
		value := n.Value
		if !strings.Contains(key, "environment") && !strings.HasSuffix(key, ".args."+name) {
			name = "" // keys like "secrets" or "token" of the model itself
		}
		if before, after, ok := strings.Cut(value, "="); ok && name == "" && !strings.ContainsAny(before, " \n/:") {
			name, value = before, after
			if strings.HasSuffix(key, "environment") {
				key = joinKey(key, name)
			}
		}
		if what := suspect(forms, name, value); what != "" {
			d.out.Findings = append(d.out.Findings, Finding{File: d.shown, Line: n.Line, Key: key, Text: what})
		}
	}
}

func joinKey(parent, child string) string {
	if parent == "" {
		return child
	}
	return parent + "." + child
}

// scanEnv looks at the lines of an env file.
func (b *bundler) scanEnv(shown string, content []byte) {
	forms := secretForms()
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, maxFile+1)
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if what := suspect(forms, name, strings.Trim(value, `"'`)); what != "" {
			b.out.Findings = append(b.out.Findings, Finding{File: shown, Line: number, Key: name, Text: what})
		}
	}
}
