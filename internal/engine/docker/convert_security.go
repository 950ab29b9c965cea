package docker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// security is what security_opt and credential_spec come to.
type security struct {
	options []string
	// unconfined: systempaths=unconfined was given; the engine wants the lists
	// of hidden and read-only paths emptied instead.
	unconfined bool
}

// newSecurity translates security_opt and credential_spec. A seccomp profile
// is a file on this machine, relative to the project's directory, whose
// content the engine wants.
func newSecurity(service types.ServiceConfig, dir string, readFile func(string) ([]byte, error)) (security, error) {
	var result security
	for _, option := range service.SecurityOpt {
		key, value := cutSecurity(option)
		switch {
		case key == "systempaths" && value == "unconfined":
			result.unconfined = true
		case key == "seccomp" && value != "unconfined" && value != "builtin":
			profile, err := readProfile(dir, value, readFile)
			if err != nil {
				return result, fmt.Errorf("%s: %w", field(service.Name, "security_opt"), err)
			}
			result.options = append(result.options, "seccomp="+profile)
		case value == "" && key != "no-new-privileges":
			return result, fmt.Errorf("%s: %q is not of the form key=value", field(service.Name, "security_opt"), option)
		default:
			result.options = append(result.options, option)
		}
	}
	if spec := service.CredentialSpec; spec != nil {
		switch {
		case spec.File != "":
			result.options = append(result.options, "credentialspec=file://"+spec.File)
		case spec.Registry != "":
			result.options = append(result.options, "credentialspec=registry://"+spec.Registry)
		}
	}
	return result, nil
}

// cutSecurity divides at "=", or at ":" in the older form.
func cutSecurity(option string) (key, value string) {
	key, value, ok := strings.Cut(option, "=")
	if !ok {
		key, value, _ = strings.Cut(option, ":")
	}
	return key, value
}

// readProfile is a seccomp profile's content without white space. A value that
// is a JSON object already stays as it is.
func readProfile(dir, value string, readFile func(string) ([]byte, error)) (string, error) {
	content := []byte(value)
	if !strings.HasPrefix(strings.TrimSpace(value), "{") {
		if !filepath.IsAbs(value) {
			value = filepath.Join(dir, value)
		}
		read, err := readFile(value)
		if err != nil {
			return "", fmt.Errorf("seccomp profile: %w", err)
		}
		content = read
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, content); err != nil {
		return "", fmt.Errorf("seccomp profile %s: %w", value, err)
	}
	return compact.String(), nil
}
