package testengine

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestImagesAreOnTheEngineAndNeedNoWorkTheSecondTime(t *testing.T) {
	Images(t)
	before := imageID(t, BusyboxImage)
	start := time.Now()
	Images(t)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the second time took %s", took)
	}
	if after := imageID(t, BusyboxImage); after != before {
		t.Errorf("the image was made again: %s, then %s", before, after)
	}
}

func TestNumberedImagesHaveIdentitiesOfTheirOwn(t *testing.T) {
	Images(t)
	seen := map[string]string{}
	for _, ref := range []string{BusyboxImage, BusyboxOne, BusyboxTwo, VolumeImage, AppImage, AppOne, AppTwo, HealthyImage} {
		id := imageID(t, ref)
		if other, ok := seen[id]; ok {
			t.Errorf("%s and %s are the same image", ref, other)
		}
		seen[id] = ref
	}
}

func TestProjectLeavesNothingBehindWhenTheTestEnds(t *testing.T) {
	image := Busybox(t)
	var project string
	t.Run("a test that leaves a container, a network and a volume", func(t *testing.T) {
		project = Project(t)
		watch := WatchProject(t, project)
		labels := map[string]string{projectLabel: project}
		Post(t, "/networks/create", map[string]any{"Name": project, "Labels": labels}, nil)
		Post(t, "/volumes/create", map[string]any{"Name": project, "Labels": labels}, nil)
		Post(t, "/containers/create?name="+project, map[string]any{"Image": image, "Labels": labels, "Cmd": []string{"sleep", "60"}}, nil)
		Post(t, "/containers/"+project+"/start", nil, nil)
		if state := Inspect(t, project)["State"].(map[string]any); state["Running"] != true {
			t.Errorf("state %v, want running", state)
		}
		deadline := time.Now().Add(5 * time.Second)
		for !started(watch.Events()) {
			if time.Now().After(deadline) {
				t.Fatalf("no start among the events %v", watch.Events())
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	for _, kind := range []string{"containers", "networks", "volumes"} {
		if Exists(t, kind, project) {
			t.Errorf("%s: %s is still there", kind, project)
		}
	}
}

func TestTheAppImageBecomesHealthyByItsOwnCheck(t *testing.T) {
	App(t)
	project := Project(t)
	Post(t, "/containers/create?name="+project, map[string]any{"Image": HealthyImage, "Labels": map[string]string{projectLabel: project}}, nil)
	Post(t, "/containers/"+project+"/start", nil, nil)
	deadline := time.Now().Add(20 * time.Second)
	for {
		state := Inspect(t, project)["State"].(map[string]any)
		health := state["Health"].(map[string]any)["Status"]
		if health == "healthy" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("health %v after 20 s: %v", health, state)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func TestProjectNamesAreValidReadableAndUnique(t *testing.T) {
	first, second := projectName("TestUp/a_Case with Ünïcode"), projectName("TestUp/a_Case with Ünïcode")
	if first == second {
		t.Errorf("twice %s", first)
	}
	if !regexp.MustCompile(`^btupacasewithn[a-z]*[0-9a-f]{8}$`).MatchString(first) {
		t.Errorf("unexpected form %s", first)
	}
}

func TestAPIVersionsCompareByNumberAndNotByLetter(t *testing.T) {
	engine := Engine{APIVersion: "1.9"}
	if engine.AtLeast("1.41") {
		t.Error("1.9 counts as newer than 1.41")
	}
	if !engine.AtLeast("1.9") {
		t.Error("1.9 does not count as 1.9")
	}
}

func TestAnUnreachableEngineIsNamedInTheError(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
	_, err := Find(t.Context())
	if err == nil || !strings.Contains(err.Error(), "unix:///nonexistent/docker.sock") {
		t.Errorf("error %v does not name the socket", err)
	}
}

func TestADynamicProgramIsNoBusyboxForAnImage(t *testing.T) {
	if err := checkStatic(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file passes")
	}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := checkStatic(script); err == nil {
		t.Error("a script passes")
	}
}

// imageID is the identity of the image behind a name.
func imageID(t *testing.T, ref string) string {
	t.Helper()
	var image struct{ ID string }
	Get(t, "/images/"+ref+"/json", &image)
	return image.ID
}

// started reports whether a container's start is among the events.
func started(events []Event) bool {
	return slices.ContainsFunc(events, func(event Event) bool { return event.Type == "container" && event.Action == "start" })
}
