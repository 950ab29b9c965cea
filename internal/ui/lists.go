package ui

import (
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/berth-dev/berth/internal/engine"
)

// ListOptions say how a list looks. Format is the flag's value or the default
// of the Docker configuration.
type ListOptions struct {
	Format string
	Quiet  bool // names or IDs only
}

// LSRow is one project of `ls`.
type LSRow struct {
	Name        string
	Status      string // such as "exited(1), running(2)"
	ConfigFiles string
}

// LS prints projects.
func LS(t Terminal, rows []LSRow, o ListOptions) error {
	if o.Quiet {
		return unique(t.Out, texts(rows, func(r LSRow) string { return r.Name }))
	}
	return table{
		headers: headers{"Name": "NAME", "Status": "STATUS", "ConfigFiles": "CONFIG FILES"},
		columns: `{{.Name}}\t{{.Status}}\t{{.ConfigFiles}}`,
		width:   wideColumns,
		array:   true,
	}.write(t.Out, o.Format, listed(rows))
}

// ImageRow is one row of `images`: the image of a container.
type ImageRow struct {
	Container  string
	Repository string
	Tag        string
	Platform   string
	ID         string
	Size       int64 // bytes
	Created    time.Time
	LastTagged time.Time
}

// imageView is what JSON and templates of `images` see.
type imageView struct {
	ID            string
	ContainerName string
	Repository    string
	Tag           string
	Platform      string
	Size          int64
	Created       *time.Time `json:"Created,omitempty"`
	LastTagTime   time.Time
}

// imageText is what the table of `images` shows.
type imageText struct {
	ID, ContainerName, Repository, Tag, Platform, Size, Created, LastTagTime string
}

// Images prints the images of containers.
func Images(t Terminal, rows []ImageRow, o ListOptions) error {
	if o.Quiet {
		return unique(t.Out, texts(rows, func(r ImageRow) string { return r.ID[strings.IndexByte(r.ID, ':')+1:] }))
	}
	shape := table{
		headers: headers{
			"ContainerName": "CONTAINER", "Repository": "REPOSITORY", "Tag": "TAG", "Platform": "PLATFORM",
			"ID": "IMAGE ID", "Size": "SIZE", "Created": "CREATED", "LastTagTime": "LAST TAGGED",
		},
		columns: `{{.ContainerName}}\t{{.Repository}}\t{{.Tag}}\t{{.Platform}}\t{{.ID}}\t{{.Size}}\t{{.Created}}`,
		width:   wideColumns,
		array:   true,
	}
	if strings.TrimSpace(o.Format) == "json" {
		return shape.write(t.Out, "json", listed(imageViews(rows)))
	}
	now := t.now()
	cells := make([]imageText, len(rows))
	for i, r := range rows {
		cells[i] = imageText{
			ID: shortID(r.ID), ContainerName: r.Container, Repository: orNone(r.Repository), Tag: orNone(r.Tag),
			Platform: r.Platform, Size: units.HumanSizeWithPrecision(float64(r.Size), 3),
			Created: ago(now, r.Created), LastTagTime: ago(now, r.LastTagged),
		}
	}
	return shape.write(t.Out, o.Format, listed(cells))
}

func imageViews(rows []ImageRow) []imageView {
	views := make([]imageView, len(rows))
	for i, r := range rows {
		views[i] = imageView{
			ID: r.ID, ContainerName: r.Container, Repository: r.Repository, Tag: r.Tag,
			Platform: r.Platform, Size: r.Size, LastTagTime: r.LastTagged,
		}
		if !r.Created.IsZero() {
			views[i].Created = &r.Created
		}
	}
	return views
}

// ago is a time in the past for people; N/A when unknown.
func ago(now, then time.Time) string {
	if then.IsZero() {
		return "N/A"
	}
	return units.HumanDuration(now.Sub(then)) + " ago"
}

func orNone(s string) string {
	if s == "" {
		return "<none>"
	}
	return s
}

// volumeView is what formats of `volumes` see, with docker's fields in the
// order of its JSON.
type volumeView struct {
	Availability string
	Driver       string
	Group        string
	Labels       string
	Links        string
	Mountpoint   string
	Name         string
	Scope        string
	Size         string
	Status       string

	labels map[string]string
}

// Label is one label's value, for templates.
func (v volumeView) Label(name string) string { return v.labels[name] }

// Volumes prints volumes.
func Volumes(t Terminal, rows []engine.Volume, o ListOptions) error {
	if o.Quiet {
		return unique(t.Out, texts(rows, func(v engine.Volume) string { return v.Name }))
	}
	const unknown = "N/A" // docker's word for what only cluster volumes and `df` have
	views := make([]volumeView, len(rows))
	for i, v := range rows {
		views[i] = volumeView{
			Availability: unknown, Driver: v.Driver, Group: unknown, Labels: labelList(v.Labels), Links: unknown,
			Mountpoint: v.Mountpoint, Name: v.Name, Scope: v.Scope, Size: unknown, Status: unknown, labels: v.Labels,
		}
	}
	return table{
		headers: headers{
			"Availability": "AVAILABILITY", "Driver": "DRIVER", "Group": "GROUP", "Labels": "LABELS", "Links": "LINKS",
			"Mountpoint": "MOUNTPOINT", "Name": "VOLUME NAME", "Scope": "SCOPE", "Size": "SIZE", "Status": "STATUS",
		},
		columns: `{{.Driver}}\t{{.Name}}`,
		width:   narrowColumns,
		raw:     `name: {{.Name}}\ndriver: {{.Driver}}\n`,
	}.write(t.Out, o.Format, listed(views))
}

func texts[R any](rows []R, of func(R) string) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = of(r)
	}
	return out
}
