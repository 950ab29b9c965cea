package dropin

import (
	"strings"
	"testing"
)

func TestTheTestWorkflowOfTheGuideEndsWithTheTestsExitCode(t *testing.T) {
	fronts(t, func(t *testing.T, f front) {
		s := guide(t, f)
		s.play([]line{
			{sh: "docker compose -f docker-compose.test.yml up --abort-on-container-exit", out: `^test-unit-1 +\| unit tests$(.|\n)*^test-unit-1 exited with code 0$`},
			{sh: "UNIT=3 docker compose -f docker-compose.test.yml up --abort-on-container-exit --exit-code-from test-unit", code: 3, out: `^test-unit-1 exited with code 3$`},
			{sh: "docker compose -f docker-compose.test.yml run test-unit", out: `\Aunit tests\n\z`},
			{sh: "UNIT=42 docker compose -f docker-compose.test.yml run --rm test-unit", code: 42},
			{sh: "docker compose -f docker-compose.test.yml run test-coverage", out: `\Acoverage 97%\n\z`},
			{sh: "docker compose -f docker-compose.test.yml run --rm test-unit sh -c 'echo $LOG_LEVEL'", out: `\Adebug\n\z`},
			{sh: "docker compose -f docker-compose.test.yml down -v", err: `Volume \S+_cache Removed`},
			{sh: "docker ps -aq --filter label=com.docker.compose.project=$COMPOSE_PROJECT_NAME", out: nothing},
		})
	})
}

func TestTheProductionOverlayIsDeployedUpdatedAndScaled(t *testing.T) {
	fronts(t, func(t *testing.T, f front) {
		s := guide(t, f)
		s.play([]line{
			{sh: "docker compose -f docker-compose.prod.yml config", code: 1, err: `set it in \.env\.production`},
			{sh: "docker compose -f docker-compose.prod.yml --env-file .env.production up -d", err: `-nginx-1 Started`},
			{sh: "docker compose -f docker-compose.prod.yml --env-file .env.production ps --format json | jq -r .Service | sort | uniq -c", out: `3 app\n +1 nginx\n +1 redis$`},
			{sh: "wget -q -O - http://$(docker compose -f docker-compose.prod.yml --env-file .env.production port nginx 80)/", out: `VERSION=1|1`},
			{sh: "docker inspect $(docker compose -f docker-compose.prod.yml --env-file .env.production ps -q nginx app) | jq -r '.[].HostConfig.RestartPolicy.Name' | sort -u", out: `\Aalways\n\z`},
		})
		s.env = append(s.env, "REDIS_PASSWORD=s3cret")
		s.play([]line{
			{sh: "VERSION=v2.0.0 docker compose -f docker-compose.prod.yml up -d", err: `-app-3 Recreated`},
			{sh: "docker compose -f docker-compose.prod.yml exec -T --index 2 app /app env VERSION_WANTED", out: `^v2\.0\.0$`},
			{sh: "VERSION=v2.0.0 docker compose -f docker-compose.prod.yml up -d --no-deps --scale app=6 app"},
			{sh: "docker compose -f docker-compose.prod.yml ps -q app | wc -l", out: `^6$`},
			{sh: "VERSION=v2.0.0 docker compose -f docker-compose.prod.yml up -d --no-deps --scale app=3 app", err: `-app-6 Removed`},
			{sh: "docker compose -f docker-compose.prod.yml ps --format '{{.Name}}' app | sed 's/.*-app/app/'", out: `\Aapp-1\napp-2\napp-3\n\z`},
			{sh: "docker compose -f docker-compose.prod.yml rollback", err: `-app-3 Recreated`},
			{sh: "docker compose -f docker-compose.prod.yml exec -T --index 3 app /app env VERSION_WANTED", out: `^1$`},
			{sh: "docker compose -f docker-compose.prod.yml history app", out: `^3 \* +app .*\n2 +app .*\n1 +app `},
			{sh: "docker compose -f docker-compose.prod.yml down -v --remove-orphans"},
		})
	})
}

func TestASecondPlaybookChangesNothing(t *testing.T) {
	fronts(t, func(t *testing.T, f front) {
		s := guide(t, f)
		s.must("docker compose up -d --wait postgres redis nats")
		before := s.must("docker compose ps -q --no-trunc")
		r := s.run("docker compose up -d postgres redis nats")
		if r.code != 0 || strings.Contains(r.stderr, "Recreate") || strings.Contains(r.stderr, "Creating") || strings.Contains(r.stderr, "Starting") {
			t.Errorf("exit code %d\n%s", r.code, r.stderr)
		}
		if after := s.must("docker compose ps -q --no-trunc"); after != before {
			t.Errorf("containers before\n%s, after\n%s", before, after)
		}
	})
}
