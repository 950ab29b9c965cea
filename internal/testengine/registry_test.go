package testengine

import (
	"net/http"
	"testing"
)

func TestARegistryAnswersAndAPrivateOneAsksForItsPassword(t *testing.T) {
	for name, address := range map[string]string{"open": Registry(t), "private": PrivateRegistry(t)} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/v2/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := status(t, request), map[string]int{"open": 200, "private": 401}[name]; got != want {
			t.Errorf("%s registry answers %d without a password, want %d", name, got, want)
		}
		request.SetBasicAuth(RegistryUser, RegistryPassword)
		if got := status(t, request); got != 200 {
			t.Errorf("%s registry answers %d with the password", name, got)
		}
	}
}

// status is the answer's HTTP status.
func status(t *testing.T, request *http.Request) int {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	return response.StatusCode
}
