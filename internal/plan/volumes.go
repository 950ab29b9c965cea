package plan

import (
	"fmt"
	"sort"
	"strings"

	"github.com/berth-dev/berth/internal/desired"
	"github.com/berth-dev/berth/internal/engine"
	"github.com/berth-dev/berth/pkg/labels"
)

// volumes plans the project's volumes. One whose definition differs is made anew
// only with consent: its data goes with it.
func (u *up) volumes() {
	for _, v := range u.d.Volumes {
		have, ok := u.a.Volumes[v.Spec.Name]
		where := "volumes." + v.Key
		switch {
		case v.External && !ok:
			u.p.problem(where, "create it with: docker volume create "+v.Spec.Name,
				"volume %s declared as external, but could not be found", v.Spec.Name)
		case v.External:
		case !ok:
			u.volumeNode[v.Spec.Name] = u.p.Add(Node{
				ID: "volume/" + v.Spec.Name + "/create", Op: CreateVolume{Spec: v.Spec}, Cause: "it is missing",
			})
		case have.Labels[labels.Project] == "":
			u.p.warn("volume %q already exists but was not created by berth or docker compose: set external: true to use an existing volume", v.Spec.Name)
		case have.Labels[labels.Project] != u.d.Project:
			u.p.warn("volume %q already exists but was created for project %q (expected %q): set external: true to use an existing volume",
				v.Spec.Name, have.Labels[labels.Project], u.d.Project)
		default:
			if changes := volumeChanges(v, have); len(changes) > 0 {
				u.divergedVolume(v, changes)
			}
		}
	}
}

func (u *up) divergedVolume(v desired.Volume, changes []engine.Change) {
	name := v.Spec.Name
	if !u.opt.Consented[name] {
		paths := make([]string, len(changes))
		for i, c := range changes {
			paths[i] = FormatChange(c)
		}
		u.p.Consents = append(u.p.Consents, Consent{Volume: name, Question: fmt.Sprintf(
			"Volume %q exists but does not match the files (%s). Make it anew? ITS DATA WILL BE LOST", name, strings.Join(paths, "; "))})
		return
	}
	u.renewedVolume[name] = true
	remove := u.p.Add(Node{
		ID: "volume/" + name + "/remove", Op: RemoveVolume{Name: name}, Cause: "its definition changed", Changes: changes,
		Unit: coldUnit, Committing: true,
	})
	u.volumeNode[name] = u.p.Add(Node{
		ID: "volume/" + name + "/create", Op: CreateVolume{Spec: v.Spec}, Cause: "its definition changed", Changes: changes,
		Unit: coldUnit, Committing: true,
	}, remove)
}

// volumeChanges are the fields in which a volume differs from its definition,
// found as networkChanges does.
func volumeChanges(v desired.Volume, have engine.Volume) []engine.Change {
	if have.Labels[labels.ConfigHash] == v.Spec.Labels[labels.ConfigHash] {
		return nil
	}
	if before, err := desired.DecodeCanonical(have.Labels[labels.Spec]); err == nil {
		if changes, err := before.Diff(v.Canonical); err == nil {
			return changes
		}
	}
	c := v.Spec.Config
	var d differ
	driver := c.Driver
	if driver == "" {
		driver = "local"
	}
	d.add("driver", have.Driver, driver)
	for k, val := range c.DriverOpts {
		d.add("driver_opts."+k, have.Options[k], val)
	}
	for k := range have.Options {
		if _, ok := c.DriverOpts[k]; !ok {
			d.add("driver_opts."+k, have.Options[k], "")
		}
	}
	for k, val := range c.Labels {
		d.add("labels."+k, have.Labels[k], val)
	}
	return d.sorted()
}

// differ collects differing fields.
type differ struct{ changes []engine.Change }

func (d *differ) add(path, old, new string) {
	if old != new {
		d.changes = append(d.changes, engine.Change{Path: path, Old: old, New: new})
	}
}

// addSet compares only when the file sets the field.
func (d *differ) addSet(path, old, new string) {
	if new != "" {
		d.add(path, old, new)
	}
}

func (d *differ) sorted() []engine.Change {
	sort.Slice(d.changes, func(i, j int) bool { return d.changes[i].Path < d.changes[j].Path })
	return d.changes
}
