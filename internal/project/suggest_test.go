package project_test

import (
	"testing"

	"github.com/berth-dev/berth/internal/project"
)

func TestAMistypedServiceNameSuggestsTheOneThatIsMeant(t *testing.T) {
	there := []string{"api", "db", "migrate", "web"}
	for name, want := range map[string]string{
		"wbe":     "no such service: wbe (did you mean web?)",
		"migrat":  "no such service: migrat (did you mean migrate?)",
		"nothing": "no such service: nothing",
	} {
		if got := project.NoSuchService(name, there).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
