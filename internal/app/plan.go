package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/berth-dev/berth/internal/plan"
)

// PlanVersion is the version of the JSON form of a plan.
const PlanVersion = 1

// PlanResult is what an up would do, in the form that is printed and saved;
// docs/plan.md and docs/plan.schema.json describe it.
type PlanResult struct {
	Version  int         `json:"version"`
	Project  string      `json:"project"`
	Changes  bool        `json:"changes"`
	Steps    []plan.Step `json:"steps"`
	Same     []string    `json:"unchanged"`
	Warnings []string    `json:"warnings,omitempty"`
	Problems []string    `json:"problems,omitempty"`
	Consents []string    `json:"consents,omitempty"`
	// Fingerprint tells whether another plan would do exactly the same.
	Fingerprint string `json:"fingerprint"`
	// Request is how to make the plan again.
	Request SavedRequest `json:"request"`
}

// SavedRequest is what a saved plan was made from.
type SavedRequest struct {
	WorkDir       string         `json:"work_dir"`
	Project       ProjectOptions `json:"project"`
	Services      []string       `json:"services,omitempty"`
	NoDeps        bool           `json:"no_deps,omitempty"`
	NoStart       bool           `json:"no_start,omitempty"`
	Force         bool           `json:"force_recreate,omitempty"`
	NoRecreate    bool           `json:"no_recreate,omitempty"`
	RecreateDeps  bool           `json:"always_recreate_deps,omitempty"`
	RenewVolumes  bool           `json:"renew_anon_volumes,omitempty"`
	RemoveOrphans bool           `json:"remove_orphans,omitempty"`
	Build         bool           `json:"build,omitempty"`
	Pull          string         `json:"pull,omitempty"`
	Scale         map[string]int `json:"scale,omitempty"`
}

func saved(dir string, r UpRequest) SavedRequest {
	return SavedRequest{
		WorkDir: dir, Project: r.Project, Services: r.Services, NoDeps: r.NoDeps, NoStart: r.NoStart,
		Force: r.ForceRecreate, NoRecreate: r.NoRecreate, RecreateDeps: r.AlwaysRecreateDeps,
		RenewVolumes: r.RenewAnonVolumes, RemoveOrphans: r.RemoveOrphans, Build: r.Build, Pull: r.Pull, Scale: r.Scale,
	}
}

// restore puts a saved request's choices into one that only names the plan.
func (s SavedRequest) restore(r UpRequest) UpRequest {
	r.Project, r.Services, r.NoDeps, r.NoStart = s.Project, s.Services, s.NoDeps, s.NoStart
	r.ForceRecreate, r.NoRecreate, r.AlwaysRecreateDeps = s.Force, s.NoRecreate, s.RecreateDeps
	r.RenewAnonVolumes, r.RemoveOrphans = s.RenewVolumes, s.RemoveOrphans
	r.Build, r.Pull, r.Scale = s.Build, s.Pull, s.Scale
	return r
}

// Plan works out what Up would do. It sends no request that changes anything.
func (a *App) Plan(ctx context.Context, r UpRequest) (PlanResult, error) {
	r.DryRun = true
	s, err := a.begin(ctx, r)
	if err != nil {
		return PlanResult{}, err
	}
	p, err := a.plan(s, nil)
	if err != nil {
		return PlanResult{}, err
	}
	found, err := a.obstacles(ctx, s, p)
	if err != nil {
		return PlanResult{}, err
	}
	return a.describePlan(s, p, found)
}

func (a *App) describePlan(s *upState, p *plan.Plan, found []plan.Problem) (PlanResult, error) {
	steps, err := p.Steps()
	if err != nil {
		return PlanResult{}, err
	}
	result := PlanResult{
		Version: PlanVersion, Project: s.desired.Project, Steps: append(imageSteps(s.work), steps...),
		Same: []string{}, Warnings: p.Warnings, Request: saved(a.opt.WorkDir, s.request),
	}
	for _, ref := range p.Unchanged {
		result.Same = append(result.Same, ref.Name)
	}
	for _, pr := range found {
		result.Problems = append(result.Problems, pr.Error())
	}
	for _, c := range p.Consents {
		result.Consents = append(result.Consents, c.Question)
	}
	for _, step := range result.Steps {
		result.Changes = result.Changes || step.IsChange()
	}
	result.Fingerprint, err = p.Fingerprint()
	return result, err
}

// imageSteps are the pulls and builds that come before everything else.
func imageSteps(w imageWork) []plan.Step {
	out := []plan.Step{}
	for _, p := range w.pull {
		out = append(out, plan.Step{
			ID: "image/" + p.ref + "/pull", Action: "pull", Resource: "image", Name: p.ref, Service: p.service, Cause: "its pull policy asks for it",
		})
	}
	for _, name := range w.build {
		out = append(out, plan.Step{
			ID: "image/" + name + "/build", Action: "build", Resource: "image", Name: name, Service: name, Cause: "its image is to be built",
		})
	}
	return out
}

// WritePlan saves a plan for `up --plan`.
func WritePlan(path string, p PlanResult) error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	err = WriteWhole(path, 0o600, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
	if err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	return nil
}

func readPlan(path string) (PlanResult, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return PlanResult{}, fmt.Errorf("read the plan: %w", err)
	}
	var p PlanResult
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("%s is no saved plan: %w", path, err)
	}
	if p.Version != PlanVersion || p.Fingerprint == "" {
		return p, fmt.Errorf("%s is a plan of version %d, this program reads version %d: plan again", path, p.Version, PlanVersion)
	}
	return p, nil
}

// MovedError says that a saved plan no longer fits the world.
type MovedError struct {
	File string
	What string
}

// Error names the first difference.
func (e *MovedError) Error() string {
	return fmt.Sprintf("%s cannot be applied: %s since it was made", e.File, e.What)
}

// Hint says how to go on.
func (*MovedError) Hint() string { return "plan again and look at what is different" }

// decideSaved comes to a saved plan: it plans again and goes on only when that
// is exactly what was saved.
func (a *App) decideSaved(ctx context.Context, r UpRequest) (*upState, *plan.Plan, error) {
	old, err := readPlan(r.PlanFile)
	if err != nil {
		return nil, nil, err
	}
	b := *a
	b.opt.WorkDir = old.Request.WorkDir
	s, err := b.begin(ctx, old.Request.restore(r))
	if err != nil {
		return nil, nil, err
	}
	p, err := b.samePlan(ctx, s, old)
	if err == nil {
		err = b.preflight(ctx, s, p)
	}
	if err != nil {
		s.release()
		return nil, nil, err
	}
	return s, p, nil
}

// samePlan makes a saved plan again, with its images; a MovedError: it would not
// be the same.
func (a *App) samePlan(ctx context.Context, s *upState, old PlanResult) (*plan.Plan, error) {
	p, err := a.plan(s, nil)
	if err != nil {
		return nil, err
	}
	now, err := a.describePlan(s, p, nil)
	if err != nil {
		return nil, err
	}
	if what := difference(old, now); what != "" {
		return nil, &MovedError{File: s.request.PlanFile, What: what}
	}
	if len(s.work.pull)+len(s.work.build) == 0 {
		return p, nil
	}
	if err := a.finishImages(ctx, s); err != nil {
		return nil, err
	}
	return a.plan(s, nil)
}

// difference tells in words where two plans part; empty when they are the same.
func difference(old, now PlanResult) string {
	if old.Fingerprint == now.Fingerprint && sameSteps(old.Steps, now.Steps) {
		return ""
	}
	was := map[string]bool{}
	for _, s := range old.Steps {
		was[s.ID+s.Container] = true
	}
	is := map[string]bool{}
	for _, s := range now.Steps {
		is[s.ID+s.Container] = true
		if !was[s.ID+s.Container] {
			return fmt.Sprintf("%s %s %s has become necessary", s.Action, s.Resource, s.Name)
		}
	}
	for _, s := range old.Steps {
		if !is[s.ID+s.Container] {
			return fmt.Sprintf("%s %s %s is no longer necessary", s.Action, s.Resource, s.Name)
		}
	}
	return "what the steps would do has changed"
}

// sameSteps compares all that is shown of steps, in the form that is saved: what
// somebody has read and agreed to is what is carried out.
func sameSteps(old, now []plan.Step) bool {
	was, err := json.Marshal(old)
	if err != nil {
		return false
	}
	is, err := json.Marshal(now)
	return err == nil && bytes.Equal(was, is)
}
