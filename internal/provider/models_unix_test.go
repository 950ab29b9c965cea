//go:build unix

package provider

import (
	"reflect"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

func withModels() *types.Project {
	return &types.Project{
		Name: "app",
		Models: map[string]types.ModelConfig{
			"llm":             {Model: "ai/smollm2", ContextSize: 1024, RuntimeFlags: []string{"--a", "--b=1"}},
			"embedding-model": {Model: "ai/minilm:v2"},
			"unused":          {Model: "ai/unused"},
		},
		Services: types.Services{
			"chat": {Name: "chat", ContainerSpec: types.ContainerSpec{Models: map[string]*types.ServiceModelConfig{
				"llm": nil, "embedding-model": {EndpointVariable: "EMBED_AT"},
			}}},
			"other": {Name: "other", ContainerSpec: types.ContainerSpec{Models: map[string]*types.ServiceModelConfig{"llm": {ModelVariable: "WHICH"}}}},
			"plain": {Name: "plain"},
		},
	}
}

const modelRunner = `case "$1" in
status) echo '{"running":true,"endpoint":"http://model-runner.docker.internal/v1/"}';;
list) echo '[{"id":"sha256:1","tags":["docker.io/ai/smollm2:latest"]}]';;
pull) echo "layer 1"; echo "layer 2" >&2;;
esac
`

func TestServicesGetTheAddressAndTheNameOfTheirModels(t *testing.T) {
	w := newWorld(t)
	w.program("docker/cli-plugins/docker-model", modelRunner)
	got, err := w.runner().ModelEnv(t.Context(), withModels())
	if err != nil {
		t.Fatal(err)
	}
	const at = "http://model-runner.docker.internal/v1/"
	want := map[string][]string{
		"chat":  {"EMBEDDING_MODEL_MODEL=ai/minilm:v2", "EMBED_AT=" + at, "LLM_MODEL=ai/smollm2", "LLM_URL=" + at},
		"other": {"LLM_URL=" + at, "WHICH=ai/smollm2"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if calls := w.calls(); !slices.Equal(calls, []string{"docker-model status --json"}) {
		t.Errorf("asking changed something: %q", calls)
	}
}

func TestMissingModelsArePulledAndAllAreConfigured(t *testing.T) {
	w := newWorld(t)
	w.program("docker/cli-plugins/docker-model", modelRunner)
	if err := w.runner().PrepareModels(t.Context(), withModels()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"docker-model list --json",
		"docker-model pull ai/minilm:v2",
		"docker-model configure --context-size=1024 ai/smollm2 -- --a --b=1",
	}
	if got := w.calls(); !slices.Equal(got, want) {
		t.Errorf("called as %q", got)
	}
	told := w.told()
	if len(told) != 4 || told[0] != "status ai/minilm:v2 Pulling" || told[3] != "status ai/minilm:v2 Pulled" {
		t.Errorf("told %q", told)
	}
}

func TestWithoutModelsNothingIsRunAndNoPluginNeeded(t *testing.T) {
	w := newWorld(t)
	p := &types.Project{Name: "app", Models: map[string]types.ModelConfig{"llm": {Model: "x"}}}
	env, err := w.runner().ModelEnv(t.Context(), p)
	if err != nil || env != nil {
		t.Errorf("got %v, %v", env, err)
	}
	if err := w.runner().PrepareModels(t.Context(), p); err != nil {
		t.Error(err)
	}
}

func TestWhyModelsCannotBeHadIsSaidInOneLine(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"no plugin", "", "models.embedding-model needs Docker Model Runner, but the Docker CLI plugin docker-model was not found: install it, or remove models"},
		{"not running", `echo '{"running":false}'`, "Docker Model Runner is not running: start it with docker model install-runner"},
		{"bad address", `echo '{"running":true,"endpoint":"http://:0/engines/v1/"}'`, `Docker Model Runner gives no usable address ("http://:0/engines/v1/"): update the plugin docker-model`},
		{"failing", "echo 'no engine' >&2; exit 1", "ask Docker Model Runner for its status: exit code 1: no engine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if c.body != "" {
				w.program("docker/cli-plugins/docker-model", c.body+"\n")
			}
			_, err := w.runner().ModelEnv(t.Context(), withModels())
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAModelThatCannotBePulledIsNamed(t *testing.T) {
	w := newWorld(t)
	w.program("docker/cli-plugins/docker-model", "[ \"$1\" = pull ] && echo denied >&2 && exit 1\nexit 0\n")
	err := w.runner().PrepareModels(t.Context(), withModels())
	if err == nil || err.Error() != "models.embedding-model: pull model ai/minilm:v2: exit code 1: denied" {
		t.Errorf("got %v", err)
	}
}

func TestAModelThatIsNotDeclaredIsNamed(t *testing.T) {
	p := withModels()
	delete(p.Models, "llm")
	if _, err := newWorld(t).runner().ModelEnv(t.Context(), p); err == nil || err.Error() != `undefined model "llm": add it under models` {
		t.Errorf("got %v", err)
	}
}
