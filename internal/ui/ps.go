package ui

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/go-units"

	"github.com/berth-dev/berth/internal/engine"
)

// Widths to which ps cuts long values unless told not to.
const (
	commandWidth = 20
	mountWidth   = 15
)

// PSRow is one container of `ps`.
type PSRow struct {
	engine.Container
	Project string
	Service string
}

// PSOptions say how `ps` looks. Format is the flag's value, or psFormat of the
// Docker configuration.
type PSOptions struct {
	Format   string
	Quiet    bool // IDs only, whatever else is asked for
	Services bool // service names only
	NoTrunc  bool
}

// Publisher is a port in `ps --format json`.
type Publisher struct {
	URL           string
	TargetPort    int
	PublishedPort int
	Protocol      string
}

// psView is what formats of `ps` see. The fields are in the order of docker
// compose's JSON, which is alphabetical.
type psView struct {
	Command      string
	CreatedAt    string
	ExitCode     int
	Health       string
	ID           string
	Image        string
	Labels       string
	LocalVolumes string
	Mounts       string
	Name         string
	Names        string
	Networks     string
	Ports        string
	Project      string
	Publishers   []Publisher
	RunningFor   string
	Service      string
	Size         string
	State        string
	Status       string

	labels map[string]string
}

// Label is one label's value, for templates.
func (v psView) Label(name string) string { return v.labels[name] }

// PSNeedsSize tells whether a format shows sizes, for which the engine has to
// be asked.
func PSNeedsSize(format string) bool { return strings.Contains(format, ".Size") }

// PS prints containers, in the order given.
func PS(t Terminal, rows []PSRow, o PSOptions) error {
	if o.Quiet || o.Services {
		texts := make([]string, len(rows))
		for i, r := range rows {
			texts[i] = r.Service
			if o.Quiet {
				texts[i] = r.ID
			}
		}
		return unique(t.Out, texts)
	}
	views := make([]psView, len(rows))
	for i, r := range rows {
		views[i] = newPSView(t, r, !o.NoTrunc)
	}
	return psTable().write(t.Out, o.Format, listed(views))
}

func psTable() table {
	return table{
		headers: headers{
			"ID": "CONTAINER ID", "Name": "NAME", "Names": "NAMES", "Image": "IMAGE", "Command": "COMMAND",
			"Project": "PROJECT", "Service": "SERVICE", "State": "STATE", "Status": "STATUS", "Health": "HEALTH",
			"ExitCode": "EXIT CODE", "CreatedAt": "CREATED AT", "RunningFor": "CREATED", "Labels": "LABELS",
			"LocalVolumes": "LOCAL VOLUMES", "Mounts": "MOUNTS", "Networks": "NETWORKS", "Ports": "PORTS",
			"Publishers": "PUBLISHERS", "Size": "SIZE",
		},
		columns: `{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}`,
		width:   narrowColumns,
		raw: `container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\n` +
			`state: {{.State}}\nstatus: {{.Status}}\nnames: {{.Names}}\nlabels: {{.Labels}}\nports: {{.Ports}}\n`,
	}
}

func newPSView(t Terminal, r PSRow, trunc bool) psView {
	publishers := publishersOf(r.Ports)
	v := psView{
		Command:      r.Command,
		CreatedAt:    r.Created.In(t.now().Location()).Format("2006-01-02 15:04:05 -0700 MST"),
		ExitCode:     r.ExitCode,
		Health:       string(r.Health),
		ID:           r.ID,
		Image:        imageName(r.Container, trunc),
		Labels:       labelList(r.Labels),
		LocalVolumes: strconv.Itoa(localVolumes(r.Mounts)),
		Mounts:       mountList(r.Mounts, trunc),
		Name:         r.Name,
		Names:        strings.Join(r.Names, ","),
		Networks:     strings.Join(sortedKeys(r.Networks), ","),
		Ports:        portList(publishers),
		Project:      r.Project,
		Publishers:   publishers,
		RunningFor:   units.HumanDuration(t.now().Sub(r.Created)) + " ago",
		Service:      r.Service,
		Size:         sizeText(r.SizeRw, r.SizeRootFs),
		State:        string(r.State),
		Status:       r.Status,
		labels:       r.Labels,
	}
	if trunc {
		v.ID = shortID(r.ID)
		v.Command = fit(v.Command, commandWidth)
	}
	if v.Names == "" || trunc {
		v.Names = r.Name
	}
	v.Command = strconv.Quote(v.Command)
	return v
}

// imageName is the reference a container was made from; a digest is cut off.
func imageName(c engine.Container, trunc bool) string {
	switch {
	case c.Image == "":
		return "<no image>"
	case !trunc:
		return c.Image
	case shortID(c.Image) == shortID(c.ImageID):
		return shortID(c.ImageID)
	}
	named, err := reference.ParseNormalizedNamed(c.Image)
	if _, digested := named.(reference.Digested); err != nil || !digested {
		return c.Image
	}
	if tagged, ok := named.(reference.Tagged); ok {
		return reference.FamiliarName(named) + ":" + tagged.Tag()
	}
	return reference.FamiliarName(named)
}

func localVolumes(mounts []engine.Mount) int {
	n := 0
	for _, m := range mounts {
		if m.Driver == "local" {
			n++
		}
	}
	return n
}

func mountList(mounts []engine.Mount, trunc bool) string {
	names := make([]string, 0, len(mounts))
	for _, m := range mounts {
		name := m.Name
		if name == "" {
			name = m.Source
		}
		if trunc {
			name = fit(name, mountWidth)
		}
		names = append(names, name)
	}
	return strings.Join(names, ",")
}

// sizeText is the size of what a container wrote and, where known, of all it sees.
func sizeText(written, all int64) string {
	s := units.HumanSizeWithPrecision(float64(written), 3)
	if all > 0 {
		s += " (virtual " + units.HumanSizeWithPrecision(float64(all), 3) + ")"
	}
	return s
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
