package dropin

import (
	"net/url"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
)

func TestImagesArePushedPulledAndBuiltOnThroughARegistry(t *testing.T) {
	fronts(t, func(t *testing.T, f front) {
		image := testengine.Busybox(t)
		s := newShell(t, f, "")
		repository := testengine.Registry(t) + "/" + s.project
		s.env = append(s.env, "REPO="+repository)
		s.write("compose.yaml", `services:
  base: {image: "${REPO}/base:1", command: "true"}
  app:
    image: ${REPO}/app:1
    build: {dockerfile_inline: "FROM ${REPO}/base:1"}
    command: echo from the registry
  gone: {image: "${REPO}/nosuch:1", profiles: [gone]}
`)
		for _, name := range []string{"/base:1", "/app:1"} {
			t.Cleanup(func() { removeImage(t, repository+name) })
		}
		testengine.Post(t, "/images/"+image+"/tag?"+url.Values{"repo": {repository + "/base"}, "tag": {"1"}}.Encode(), nil, nil)
		s.must("docker push -q $REPO/base:1")
		testengine.Delete(t, "/images/"+repository+"/base:1")
		s.play([]line{
			{sh: "docker compose pull base", err: `Image \S+/base:1 Pulled`},
			{sh: "docker compose pull -q base", out: nothing, err: nothing},
			{sh: "docker compose build --pull --progress quiet"},
			{sh: "docker compose push app"},
			{sh: "docker image rm $REPO/app:1 $REPO/base:1"},
			{sh: "docker compose pull --quiet --include-deps && docker compose run --rm app", out: `from the registry\n\z`},
			{sh: "docker compose pull --ignore-buildable"},
			{sh: "docker compose --profile gone pull", code: 1, err: `nosuch:1`},
			{sh: "docker compose --profile gone pull --ignore-pull-failures"},
			{sh: "docker compose --profile gone up -d", code: 1, err: `nosuch:1`},
			{sh: "docker compose ps -aq", out: nothing},
			{sh: "docker compose up -d --pull always --quiet-pull"},
			{sh: "docker compose config --resolve-image-digests | grep image:", out: `@sha256:[0-9a-f]{64}`},
			{sh: "docker compose down --rmi all", err: `Image \S+/app:1 Removed`},
		})
	})
}
