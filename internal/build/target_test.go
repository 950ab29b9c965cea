package build

import (
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// project is a project with the services.
func project(services ...types.ServiceConfig) *types.Project {
	p := &types.Project{Name: "app", Services: types.Services{}, Environment: types.Mapping{"TOKEN": "abc"}}
	for _, service := range services {
		p.Services[service.Name] = service
	}
	return p
}

// from is a service that is built from the images of others.
func from(name string, others ...string) types.ServiceConfig {
	build := types.BuildConfig{Context: "/src/" + name, AdditionalContexts: types.Mapping{}}
	for _, other := range others {
		build.AdditionalContexts["ctx"+other] = "service:" + other
	}
	service := types.ServiceConfig{Name: name}
	service.Build = &build
	return service
}

// pulled is a service that is not built.
func pulled(name, image string) types.ServiceConfig {
	service := types.ServiceConfig{Name: name}
	service.Image = image
	return service
}

// names are the services of targets.
func names(targets []Target) string {
	var list []string
	for _, target := range targets {
		list = append(list, target.Service)
	}
	return strings.Join(list, " ")
}

func TestTargetsFollowTheServicesTheyAreBuiltFrom(t *testing.T) {
	p := project(from("a", "z"), from("m"), from("z", "y"), from("y"), pulled("db", "db"))
	all, err := Targets(p, nil, false)
	if err != nil || names(all) != "y z a m" {
		t.Errorf("all: %s, %v", names(all), err)
	}
	one, err := Targets(p, []string{"a"}, false)
	if err != nil || names(one) != "y z a" {
		t.Errorf("a alone: %s, %v", names(one), err)
	}
	if !slices.Equal(one[2].DependsOn, []string{"z"}) {
		t.Errorf("a depends on %v", one[2].DependsOn)
	}
}

func TestTargetsNameACircle(t *testing.T) {
	_, err := Targets(project(from("a", "b"), from("b", "c"), from("c", "b")), nil, false)
	if err == nil || err.Error() != "services build from each other in a circle: b -> c -> b" {
		t.Errorf("error is %v", err)
	}
}

func TestDependenciesAreBuiltOnlyWhenAskedFor(t *testing.T) {
	web := from("web")
	web.DependsOn = types.DependsOnConfig{"api": {Condition: "service_started"}}
	p := project(web, from("api"), from("other"))
	alone, err := Targets(p, []string{"web"}, false)
	if err != nil || names(alone) != "web" {
		t.Errorf("alone: %s, %v", names(alone), err)
	}
	both, err := Targets(p, []string{"web"}, true)
	if err != nil || names(both) != "api web" {
		t.Errorf("with dependencies: %s, %v", names(both), err)
	}
}

func TestTargetHasNamesLabelsPlatformsAndSecrets(t *testing.T) {
	service := from("web", "db")
	service.Platform = "linux/arm64"
	service.Build.Platforms = types.StringList{"linux/amd64", "linux/arm64"}
	service.Build.Tags = types.StringList{"reg/web:1"}
	service.Build.Secrets = []types.ServiceSecretConfig{{Source: "f"}, {Source: "v", Target: "other"}, {Source: "c"}}
	p := project(service, pulled("db", "postgres"))
	p.Secrets = types.Secrets{"f": {File: "/f"}, "v": {Environment: "TOKEN"}, "c": {Content: "text"}}
	targets, err := Targets(p, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	got := targets[0]
	if !slices.Equal(got.Tags, []string{"app-web", "reg/web:1"}) {
		t.Errorf("tags %v", got.Tags)
	}
	if got.Labels["com.docker.compose.project"] != "app" || got.Labels["com.docker.compose.service"] != "web" {
		t.Errorf("labels %v", got.Labels)
	}
	if !slices.Equal(got.Platforms, []string{"linux/arm64", "linux/amd64"}) {
		t.Errorf("platforms %v", got.Platforms)
	}
	if one := ForRunning(targets, "linux/amd64")[0].Platforms; !slices.Equal(one, []string{"linux/arm64"}) {
		t.Errorf("to run: %v", one)
	}
	if got.Build.AdditionalContexts["ctxdb"] != "docker-image://postgres" || len(got.DependsOn) != 0 {
		t.Errorf("contexts %v, depends on %v", got.Build.AdditionalContexts, got.DependsOn)
	}
	want := []Secret{{ID: "f", File: "/f"}, {ID: "other", Variable: "TOKEN", Value: "abc"}, {ID: "c", Value: "text"}}
	if !slices.Equal(got.Secrets, want) {
		t.Errorf("secrets %v", got.Secrets)
	}
	if service.Build.AdditionalContexts["ctxdb"] != "service:db" {
		t.Error("the project was changed")
	}
}

func TestBuildSecretsThatHaveNoContentAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		secret types.SecretConfig
		text   string
	}{
		"external": {types.SecretConfig{External: true}, "services.web.build.secrets[0]: secret \"s\" is external: a build can only read secrets from a file, a variable or content"},
		"unset":    {types.SecretConfig{Environment: "NOPE"}, "services.web.build.secrets[0]: variable NOPE of secret \"s\" is not set"},
	} {
		service := from("web")
		service.Build.Secrets = []types.ServiceSecretConfig{{Source: "s"}}
		p := project(service)
		p.Secrets = types.Secrets{"s": c.secret}
		if _, err := Targets(p, nil, false); err == nil || err.Error() != c.text {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTargetsThatMakeTheSameImageAreOneJob(t *testing.T) {
	dir := write(t, map[string]string{"Dockerfile": "FROM scratch\n"})
	one := Target{Service: "one", Build: types.BuildConfig{Context: dir}, Tags: []string{"same"}}
	two, three := one, one
	two.Service, three.Service = "two", "three"
	three.Build.Target = "x"
	jobs, err := newJobs([]Target{one, two, three}, Options{})
	if err != nil || len(jobs) != 2 || !slices.Equal(jobs[0].services, []string{"one", "two"}) {
		t.Errorf("%d jobs, %v", len(jobs), err)
	}
}

func TestJobsWaitForTheImagesTheirDockerfilesName(t *testing.T) {
	dir := func(dockerfile string) string { return write(t, map[string]string{"Dockerfile": dockerfile}) }
	jobs, err := newJobs([]Target{
		{Service: "a", Build: types.BuildConfig{Context: dir("FROM --platform=$X docker.io/library/b\n")}, Tags: []string{"a"}},
		{Service: "b", Build: types.BuildConfig{Context: dir("FROM scratch\nCOPY --from=c:latest / /\n")}, Tags: []string{"b:latest"}},
		{Service: "c", Build: types.BuildConfig{Context: dir("FROM scratch\nRUN --mount=type=bind,from=a,target=/a x\n")}, Tags: []string{"c"}},
	}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	needs := func(j *job) string {
		var list []string
		for _, needed := range j.needs {
			list = append(list, needed.target.Service)
		}
		return strings.Join(list, " ")
	}
	if got := needs(jobs[0]) + "|" + needs(jobs[1]) + "|" + needs(jobs[2]); got != "b|c|" {
		t.Errorf("needs are %q", got)
	}
}
