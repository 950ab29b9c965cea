package app

import (
	"fmt"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/platforms"

	"github.com/berth-dev/berth/internal/engine"
)

// policyOf is a service's pull policy, or the command's.
func policyOf(svc types.ServiceConfig, r UpRequest) (policy string, age time.Duration, err error) {
	where := "services." + svc.Name + ".pull_policy"
	if r.Pull != "" && r.Pull != "policy" {
		svc.PullPolicy, where = r.Pull, "--pull"
	}
	policy, age, err = svc.GetPullPolicy()
	if err != nil {
		err = fmt.Errorf("%s: %w", where, err)
	}
	return policy, age, err
}

// imageDecision is what is to be done about one service's image. A pull with
// keep may fail: the image that is here will do. Refresh says that the policy
// goes by the image's age.
type imageDecision struct{ pull, build, keep, refresh bool }

// decideImage applies a pull policy. builders are the services that can build
// the image, this one maybe among them. An image with a name that can be built is
// pulled first, as the Compose specification says, and built if that fails.
func decideImage(svc types.ServiceConfig, image engine.Image, local bool, builders []string, r UpRequest) (imageDecision, error) {
	policy, age, err := policyOf(svc, r)
	if err != nil {
		return imageDecision{}, err
	}
	buildable := contains(builders, svc.Name)
	switch {
	case buildable && (r.Build || policy == types.PullPolicyBuild):
		return imageDecision{build: true}, nil
	case svc.Image == "" && !local && buildable:
		return imageDecision{build: true}, nil
	case svc.Image == "" && !local:
		return imageDecision{}, &missingImage{svc.Name, "build", "its image has not been built, and --no-build forbids it"}
	case svc.Image == "":
		return imageDecision{}, nil
	case policy == types.PullPolicyAlways:
		return imageDecision{pull: true, keep: local && len(builders) > 0}, nil
	case policy == types.PullPolicyRefresh && (!local || isOlder(svc.Image, image, age)):
		return imageDecision{pull: true, keep: local, refresh: true}, nil
	case local:
		return imageDecision{}, nil
	case policy != types.PullPolicyNever && policy != types.PullPolicyBuild:
		return imageDecision{pull: true}, nil
	case buildable:
		return imageDecision{build: true}, nil
	case len(builders) > 0: // it comes with theirs
		return imageDecision{}, nil
	}
	return imageDecision{}, &missingImage{svc.Name, "image", fmt.Sprintf("image %s is not here and its pull policy is %q", svc.Image, policy)}
}

// isOlder tells whether a local image is due for a pull. What a reference by
// digest stands for never changes.
func isOlder(ref string, image engine.Image, age time.Duration) bool {
	return !strings.Contains(ref, "@") && time.Since(image.LastTagged) > age
}

// pullPlatform is the platform that a service's image is pulled for: its own or
// that of DOCKER_DEFAULT_PLATFORM, which may stand in the env file; empty for
// the engine's.
func pullPlatform(p *types.Project, svc types.ServiceConfig) string {
	if svc.Platform != "" {
		return svc.Platform
	}
	return p.Environment["DOCKER_DEFAULT_PLATFORM"]
}

// isFor tells whether an image that is here is one for the service's platform.
func isFor(svc types.ServiceConfig, image engine.Image, here bool) (bool, error) {
	if !here || svc.Platform == "" || image.OS == "" {
		return true, nil
	}
	wanted, err := platforms.Parse(svc.Platform)
	if err != nil {
		return false, fmt.Errorf("services.%s.platform: %q is no platform such as linux/arm64", svc.Name, svc.Platform)
	}
	matcher := platforms.NewMatcher(wanted)
	for _, name := range image.Platforms() {
		if got, err := platforms.Parse(name); err == nil && matcher.Match(got) {
			return true, nil
		}
	}
	return false, nil
}

// missingImage is an image that a service needs and that may neither be pulled
// nor built.
type missingImage struct{ service, key, text string }

// Error names the service.
func (e *missingImage) Error() string { return "service " + e.service + ": " + e.text }
