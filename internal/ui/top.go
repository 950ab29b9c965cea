package ui

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/cli/cli/command/formatter/tabwriter"

	"github.com/berth-dev/berth/internal/engine"
)

// TopRow is one container of `top`.
type TopRow struct {
	Service string
	Number  int // 0 for containers of `run`, which have none
	engine.ProcessList
}

// Columns of the table of `top` that stand in a place of their own.
const (
	topService = "SERVICE"
	topNumber  = "#"
	topCommand = "CMD"
)

// Top prints the processes of all containers as one table. The engine may name
// other columns for each container; what one lacks is "-".
func Top(t Terminal, rows []TopRow) error {
	titles := topTitles(rows)
	lines := [][]string{titles}
	for _, r := range rows {
		for _, process := range r.Processes {
			lines = append(lines, topLine(titles, r, process))
		}
	}
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 4, 1, 2, ' ', 0)
	for _, cells := range lines {
		if _, err := io.WriteString(w, strings.Join(cells, "\t")+"\n"); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := text.WriteTo(t.Out)
	return closedError(err)
}

// topTitles are the columns of the processes in the order of their appearance.
// The command is the last, as it may be of any length.
func topTitles(rows []TopRow) []string {
	titles := []string{topService, topNumber}
	command := false
	for _, r := range rows {
		if len(r.Processes) == 0 {
			continue
		}
		for _, title := range r.Titles {
			title = oneLine(title)
			switch {
			case title == topCommand:
				command = true
			case !slices.Contains(titles, title):
				titles = append(titles, title)
			}
		}
	}
	if command {
		titles = append(titles, topCommand)
	}
	return titles
}

// topLine puts the cells of a process below their titles.
func topLine(titles []string, r TopRow, process []string) []string {
	cells := make([]string, len(titles))
	for i := range cells {
		cells[i] = "-"
	}
	cells[0], cells[1] = r.Service, ""
	if r.Number > 0 {
		cells[1] = strconv.Itoa(r.Number)
	}
	for i, cell := range process[:min(len(process), len(r.Titles))] {
		if column := slices.Index(titles, oneLine(r.Titles[i])); column >= 0 {
			cells[column] = oneLine(cell)
		}
	}
	return cells
}
