//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/berth-dev/berth/internal/testengine"
)

// project writes a compose file into a folder of that name, which is the
// project's name then.
func (b *bench) project(name, content string) (string, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(content), 0o644)
}

// independent is a project of services that only share a network.
func independent(size int) string {
	var file strings.Builder
	file.WriteString("services:\n")
	for number := range size {
		fmt.Fprintf(&file, "  s%d:\n    image: %s\n    command: [sleep, forever]\n    environment: {NUMBER: \"%d\"}\n    stop_grace_period: 1s\n",
			number, testengine.AppImage, number)
	}
	return file.String()
}

// dependent is a project in which each service waits for the health of the
// one before it.
func dependent(size int) string {
	var file strings.Builder
	file.WriteString("services:\n")
	for number := range size {
		fmt.Fprintf(&file, "  s%d:\n    image: %s\n    stop_grace_period: 1s\n", number, testengine.AppImage)
		file.WriteString("    healthcheck: {test: [CMD, /app, health], interval: 200ms}\n")
		if number > 0 {
			fmt.Fprintf(&file, "    depends_on: {s%d: {condition: service_healthy}}\n", number-1)
		}
	}
	return file.String()
}

// heading is the head of a Markdown table with a column per tool, and one for
// the ratio where there are two.
func heading(first string, tools []string) string {
	columns := append([]string{first}, tools...)
	if len(tools) > 1 {
		columns = append(columns, tools[1]+" / "+tools[0])
	}
	return "| " + strings.Join(columns, " | ") + " |\n|" + strings.Repeat("---|", len(columns)) + "\n"
}

// row is a line of such a table.
func row(name string, cells []cost) string {
	columns := []string{name}
	for _, cell := range cells {
		columns = append(columns, cell.String())
	}
	if len(cells) > 1 {
		columns = append(columns, fmt.Sprintf("%.1f times", float64(cells[1].wall)/float64(cells[0].wall)))
	}
	return "| " + strings.Join(columns, " | ") + " |"
}
