package ui

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"github.com/berth-dev/berth/internal/engine"
)

// StatsRow is one container of `stats`.
type StatsRow struct {
	engine.Stats
	// NoData is set for containers that do not run or have sent nothing yet.
	NoData bool
}

// StatsOptions say how `stats` looks.
type StatsOptions struct {
	Format  string // the flag's value, or statsFormat of the Docker configuration
	NoTrunc bool
	// Live makes each Show replace the one before, on a terminal.
	Live bool
}

// Stats shows resource use, once or again and again.
type Stats struct {
	term  Terminal
	o     StatsOptions
	shown bool
}

// statsView is what formats of `stats` see, in the order of docker's JSON.
type statsView struct {
	BlockIO   string
	CPUPerc   string
	Container string
	ID        string
	MemPerc   string
	MemUsage  string
	Name      string
	NetIO     string
	PIDs      string
}

// NewStats makes a display of resource use.
func NewStats(t Terminal, o StatsOptions) *Stats { return &Stats{term: t, o: o} }

// Show prints one sample of each container, in the order given.
func (s *Stats) Show(rows []StatsRow) error {
	views := make([]statsView, len(rows))
	for i, r := range rows {
		views[i] = newStatsView(r, !s.o.NoTrunc)
	}
	shape := table{
		headers: headers{
			"BlockIO": "BLOCK I/O", "CPUPerc": "CPU %", "Container": "CONTAINER", "ID": "CONTAINER ID", "MemPerc": "MEM %",
			"MemUsage": "MEM USAGE / LIMIT", "Name": "NAME", "NetIO": "NET I/O", "PIDs": "PIDS",
		},
		columns: `{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}`,
		width:   narrowColumns,
	}
	var text bytes.Buffer
	if err := shape.write(&text, s.o.Format, listed(views)); err != nil {
		return err
	}
	if s.o.Live && s.term.OutTTY && s.term.Cursor {
		return s.replace(text.String())
	}
	_, err := text.WriteTo(s.term.Out)
	return closedError(err)
}

// replace writes over the sample before, line by line, so that nothing flickers.
func (s *Stats) replace(text string) error {
	start := cursorToHome
	if !s.shown {
		start = clearScreen
		s.shown = true
	}
	text = strings.ReplaceAll(text, "\n", eraseLine+"\n")
	_, err := io.WriteString(s.term.Out, start+text+eraseBelow)
	return closedError(err)
}

func newStatsView(r StatsRow, trunc bool) statsView {
	const none = "--"
	v := statsView{
		Container: r.ID, ID: r.ID, Name: r.Name, CPUPerc: none, MemPerc: none,
		MemUsage: none + " / " + none, NetIO: none, BlockIO: none, PIDs: none,
	}
	if trunc {
		v.ID = shortID(r.ID)
	}
	if v.Name == "" {
		v.Name = none
	}
	if r.NoData {
		return v
	}
	v.CPUPerc = percent(r.CPUPercent)
	v.MemPerc = percent(r.MemoryPercent)
	v.MemUsage = units.BytesSize(float64(r.MemoryUsage)) + " / " + units.BytesSize(float64(r.MemoryLimit))
	v.NetIO = transfer(r.NetworkRx, r.NetTx)
	v.BlockIO = transfer(r.BlockRead, r.BlockWrite)
	v.PIDs = strconv.FormatUint(r.PIDs, 10)
	return v
}

func percent(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) + "%" }

func transfer(in, out uint64) string {
	return units.HumanSizeWithPrecision(float64(in), 3) + " / " + units.HumanSizeWithPrecision(float64(out), 3)
}
