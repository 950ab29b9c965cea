package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stack is the whole project in this process.
func stack(t *testing.T, dir string) (front, storeClient client) {
	t.Helper()
	opened, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	storeServer := httptest.NewServer(opened.handler())
	apiServer := httptest.NewServer(newAPI(client{base: storeServer.URL}).handler())
	webServer := httptest.NewServer(newWeb(client{base: apiServer.URL}).handler())
	t.Cleanup(func() {
		webServer.Close()
		apiServer.Close()
		storeServer.Close()
		if err := opened.close(); err != nil {
			t.Error(err)
		}
	})
	return client{base: webServer.URL}, client{base: storeServer.URL}
}

func TestTheFrontCountsVisitsThroughTheAPIInTheStore(t *testing.T) {
	front, store := stack(t, t.TempDir())
	if err := migrate(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"visit 1,", "visit 2,"} {
		answer, err := front.get(t.Context(), "/visits")
		if err != nil || !strings.Contains(answer, want) {
			t.Errorf("/visits answers %q, %v; want %q", answer, err, want)
		}
	}
	page, err := front.get(t.Context(), "/")
	if err != nil || !strings.Contains(page, "<p>visit 3,") {
		t.Errorf("/ answers %q, %v", page, err)
	}
}

func TestTheFrontIsUnhealthyBeforeTheMigration(t *testing.T) {
	front, store := stack(t, t.TempDir())
	if _, err := front.get(t.Context(), "/health"); err == nil {
		t.Error("healthy without a schema")
	}
	if err := migrate(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	if _, err := front.get(t.Context(), "/health"); err != nil {
		t.Error(err)
	}
}

func TestASecondMigrationKeepsTheData(t *testing.T) {
	front, store := stack(t, t.TempDir())
	for range 2 {
		if err := migrate(t.Context(), store); err != nil {
			t.Fatal(err)
		}
		if _, err := front.get(t.Context(), "/visits"); err != nil {
			t.Fatal(err)
		}
	}
	if visits, err := store.get(t.Context(), "/keys/visits"); err != nil || visits != "2" {
		t.Errorf("visits %q, %v; want 2", visits, err)
	}
}

func TestTheStoreKeepsItsDataOverARestart(t *testing.T) {
	dir := t.TempDir()
	first, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.set("greeting", "hello\nworld"); err != nil {
		t.Fatal(err)
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	second, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.close() }()
	if got := second.values["greeting"]; got != "hello\nworld" {
		t.Errorf("after the restart: %q", got)
	}
}

func TestTheStoreDropsATornLastLineAndGoesOn(t *testing.T) {
	dir := t.TempDir()
	torn := `{"key":"a","value":"1"}` + "\n" + `{"key":"b","va`
	if err := os.WriteFile(filepath.Join(dir, "journal"), []byte(torn), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		opened, err := openStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := opened.values["b"]; ok || opened.values["a"] != "1" {
			t.Errorf("values %v", opened.values)
		}
		if err := opened.set("a", "1"); err != nil {
			t.Fatal(err)
		}
		if err := opened.close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnUnknownServiceIsNamed(t *testing.T) {
	if err := run(t.Context(), []string{"cache"}); err == nil || !strings.Contains(err.Error(), "cache") {
		t.Errorf("run(cache) = %v", err)
	}
}
