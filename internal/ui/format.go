package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/template"

	"github.com/docker/cli/cli/command/formatter/tabwriter"
	"github.com/docker/cli/templates"
)

// Minimal column widths of tables, as docker compose sets them.
const (
	narrowColumns = 10 // ps, volumes, stats
	wideColumns   = 20 // ls, images
	columnGap     = 3
)

// headers are a table's titles by field. In the header line of a custom table
// the template is executed with it in place of a row.
type headers map[string]string

// Label is the title of a column made of a label: its last part.
func (headers) Label(name string) string {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return strings.NewReplacer("-", " ", "_", " ").Replace(last)
}

// table is a kind of list that `--format` shapes.
type table struct {
	headers headers
	columns string // the template of the default table
	width   int    // minimal column width
	array   bool   // json is one array instead of an object per line
	raw     string // the template of the format "raw"; empty where there is none
}

// write shapes rows by a format: "" or "table" for the default table, "json",
// "raw", "table TEMPLATE", or a Go template for each row. A word that is none of
// them would only be repeated for each row: it is a mistake.
func (t table) write(w io.Writer, format string, rows []any) error {
	format = strings.TrimSpace(format)
	if word := strings.ToLower(format); t.array && (word == "json" || word == "table" || word == "pretty") {
		format = word // ls and images read these words in any case, the others do not
	}
	switch {
	case format == "json":
		return t.json(w, rows)
	case format == "raw" && t.raw != "":
		return t.lines(w, t.raw, rows)
	case format == "" || format == "table" || format == "pretty":
		return t.table(w, t.columns, rows)
	case strings.HasPrefix(format, "table ") || strings.HasPrefix(format, `table\t`) || strings.HasPrefix(format, "table{"):
		return t.table(w, strings.TrimPrefix(format, "table"), rows)
	case !strings.Contains(format, "{{"):
		return fmt.Errorf("--format %q is unknown: use table, json or a Go template", format)
	}
	return t.lines(w, format, rows)
}

func (t table) json(w io.Writer, rows []any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if t.array {
		if rows == nil {
			rows = []any{}
		}
		return encoder.Encode(rows)
	}
	for _, r := range rows {
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func (t table) table(w io.Writer, columns string, rows []any) error {
	body, err := parseFormat(columns)
	if err != nil {
		return err
	}
	head, err := parseFormat(columns)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := head.Funcs(templates.HeaderFunctions).Execute(&text, t.headers); err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	text.WriteByte('\n')
	if err := execute(&text, body, rows); err != nil {
		return err
	}
	aligned := tabwriter.NewWriter(w, t.width, 1, columnGap, ' ', 0)
	if _, err := text.WriteTo(aligned); err != nil {
		return err
	}
	return aligned.Flush()
}

// lines writes each row through a template, on a line of its own.
func (t table) lines(w io.Writer, format string, rows []any) error {
	body, err := parseFormat(format)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := execute(&text, body, rows); err != nil {
		return err
	}
	_, err = text.WriteTo(w)
	return err
}

func execute(w *bytes.Buffer, body *template.Template, rows []any) error {
	for _, r := range rows {
		if err := body.Execute(w, r); err != nil {
			return fmt.Errorf("--format: %w", err)
		}
		w.WriteByte('\n')
	}
	return nil
}

// parseFormat reads a template with Docker's functions; \t and \n may be
// written out, as shells pass them on.
func parseFormat(format string) (*template.Template, error) {
	format = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(strings.Trim(format, " "))
	parsed, err := templates.Parse(format)
	if err != nil {
		return nil, fmt.Errorf("--format: %w", err)
	}
	return parsed, nil
}

// listed gives a table any kind of rows.
func listed[R any](rows []R) []any {
	out := make([]any, len(rows))
	for i, r := range rows {
		out[i] = r
	}
	return out
}

// unique writes each text once, on its own line, in the order of appearance.
func unique(w io.Writer, texts []string) error {
	seen := map[string]bool{}
	var b strings.Builder
	for _, s := range texts {
		if !seen[s] {
			seen[s] = true
			b.WriteString(s + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shortID is the form of an ID that people read: twelve digits, no algorithm.
func shortID(id string) string {
	id = id[strings.IndexByte(id, ':')+1:]
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

// labelList is the form of labels in a row: "k=v,k=v", sorted.
func labelList(labels map[string]string) string {
	pairs := make([]string, 0, len(labels))
	for _, k := range sortedKeys(labels) {
		pairs = append(pairs, k+"="+labels[k])
	}
	return strings.Join(pairs, ",")
}
