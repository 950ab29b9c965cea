package dropin

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/berth-dev/berth/internal/testengine"
)

// guide opens a shell in a copy of testdata/guide. The images have names of
// this project, because the guide removes images, too.
func guide(t *testing.T, f front) *shell {
	t.Helper()
	image := requireServers(t)
	s := newShell(t, f, "guide")
	s.env = append(s.env,
		"SERVERS="+tag(t, image, s.project+"-servers", "16"),
		"APP_IMAGE="+s.project+"-release",
		"APP_PORTS="+freeRange(t, 5),
		"SECURE_REDIS_PASSWORD=s3cret",
	)
	tag(t, testengine.AppOne, s.project+"-release", "1")
	tag(t, testengine.AppTwo, s.project+"-release", "v2.0.0")
	t.Cleanup(func() { removeImage(t, s.project+"-app:latest") })
	return s
}

// tag gives an image another name until the test ends.
func tag(t *testing.T, image, repo, tag string) string {
	t.Helper()
	testengine.Post(t, "/images/"+image+"/tag?"+url.Values{"repo": {repo}, "tag": {tag}}.Encode(), nil, nil)
	t.Cleanup(func() { removeImage(t, repo+":"+tag) })
	return repo + ":" + tag
}

// freeRange is a range of so many ports that were free a moment ago.
func freeRange(t *testing.T, count int) string {
	t.Helper()
	for range 50 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		first := listener.Addr().(*net.TCPAddr).Port
		free := listener.Close() == nil
		for port := first; port < first+count && free; port++ {
			next, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			free = err == nil && next.Close() == nil
		}
		if free {
			return fmt.Sprintf("%d-%d", first, first+count-1)
		}
	}
	t.Fatalf("no %d free ports in a row", count)
	return ""
}

// section plays lines as a test of their own.
func (s *shell) section(name string, lines ...line) {
	parent := s.t
	parent.Run(name, func(t *testing.T) {
		inner := *s
		inner.t = t
		inner.play(lines)
	})
}

func TestTheGuidesCommandsWorkInItsOwnOrder(t *testing.T) {
	t.Parallel()
	s := guide(t, plugin)
	s.section("building", buildLines()...)
	s.section("starting", startLines()...)
	s.section("looking", lookLines()...)
	s.section("executing", executeLines()...)
	s.section("logs", logLines()...)
	s.section("network", networkLines()...)
	s.section("restarting", restartLines()...)
	s.section("scaling", scaleLines()...)
	s.section("stopping", stopLines()...)
}

// attached is what up says once it shows output.
const attached = "Attaching to"

func buildLines() []line {
	return []line{
		{sh: "docker compose build"},
		{sh: "docker compose build app"},
		{sh: "docker compose build --no-cache"},
		{sh: "docker compose build --build-arg RUST_VERSION=1.76"},
		{sh: "docker compose run --rm --no-deps app cargo test", out: `^cargo 1\.76: test$`},
		{sh: "docker compose build -q", out: `^sha256:[0-9a-f]{64}$|` + nothing},
		{sh: "docker compose run --rm --no-deps app cargo test", out: `^cargo 1\.75: test$`},
	}
}

func startLines() []line {
	return []line{
		{sh: "docker compose up -d", out: nothing, err: `Container \S+-app-1 Started`},
		{sh: "docker compose up -d --wait", err: `Container \S+-app-1 Healthy`},
		{sh: "docker compose exec -T app curl -f http://localhost:8080/health"},
		{sh: "docker compose up", until: attached, code: 130, err: `Container \S+-app-1 Running`},
		{sh: "docker compose ps --status running -q", out: nothing},
		{sh: "docker compose up app postgres redis", until: attached, code: 130, out: `^Attaching to app-1, postgres-1, redis-1$`},
		{sh: "docker compose up -d postgres redis nats app"},
		{sh: "docker compose up -d --build", err: `Image \S+-app Built`},
		{sh: "docker compose up -d --renew-anon-volumes"},
		{sh: "docker compose up -d --force-recreate app", err: `Container \S+-app-1 Recreated`},
		{sh: `docker compose \
  --env-file .env \
  --env-file .env.local \
  config --format json | jq -r .services.app.environment.JWT_SECRET`, out: `^local llm_cost_ops_dev$`},
		{sh: "docker compose --env-file .env --env-file .env.local up -d --wait", err: `-app-1 Recreated`},
		{sh: "docker compose exec -T app sh -c 'echo $JWT_SECRET $RUST_LOG'", out: `^local llm_cost_ops_dev trace$`},
		{sh: "docker compose exec -T app cat /app/config.toml /app/src/main.rs", out: `custom(.|\n)*fn main`},
		{sh: "RUST_LOG=info docker compose up -d app --wait && docker compose exec -T app env | grep RUST_LOG", out: `^RUST_LOG=info$`},
		{sh: "docker compose -f docker-compose.yml -f docker-compose.custom.yml config app | grep -A1 labels", out: `custom: ['"]yes['"]`},
		{sh: "docker compose --profile development up -d mailhog", err: `-mailhog-1 Started`},
	}
}

func lookLines() []line {
	return []line{
		{sh: "docker compose ps", out: `^NAME +IMAGE +COMMAND +SERVICE +CREATED +STATUS +PORTS$(.|\n)*-app-1 .* Up .*\(healthy\) +127\.0\.0\.1:\d+->8080/tcp`},
		{sh: "docker compose ps -a", out: `-migrate-1 .* Exited \(0\)`},
		{sh: "docker compose ps app", out: `\A.*\n\S+-app-1 .*\n\z`},
		{sh: "docker compose top", out: `postgres`},
		{sh: "docker compose port app 8080", out: `^127\.0\.0\.1:\d+$`},
		{sh: "docker inspect $(docker compose ps -q app) | jq -r '.[0].State.Health.Status'", out: `^healthy$`},
		{sh: "docker inspect $(docker compose ps -q app) | jq -r '.[0].HostConfig|[.Memory,.NanoCpus,.RestartPolicy.Name]|@csv'", out: `^134217728,1000000000,"unless-stopped"$`},
		{sh: "docker network inspect ${COMPOSE_PROJECT_NAME}_backend-network --format '{{.Internal}}'", out: `^true$`},
		{sh: "docker volume inspect ${COMPOSE_PROJECT_NAME}_postgres-data | jq -r '.[0].Labels[\"com.llm-cost-ops.backup\"]'", out: `^required$`},
	}
}

func executeLines() []line {
	return []line{
		{sh: "echo 'echo $0 here' | docker compose exec -T app bash", out: `here`},
		{sh: "docker compose exec app cargo test", out: `^cargo 1\.75: test$`},
		{sh: "docker compose exec app cargo fail", code: 1, out: `^cargo 1\.75: fail$`},
		{sh: "docker compose exec -u root app apt-get update", out: `^Reading package lists`},
		{sh: "docker compose exec -u nobody app apt-get update", code: 100, err: `are you root`},
		{sh: `docker compose exec -T app echo "hello"`, out: `\Ahello\n\z`},
		{sh: "docker compose run --rm app cargo test", out: `^cargo 1\.75: test$`},
		{sh: "docker compose exec app cargo sqlx migrate add add_users_table", out: `sqlx migrate add add_users_table`},
		{sh: `docker compose exec postgres psql -U postgres -d llm_cost_ops_dev -c "\dt"`, out: `costs \| table \| postgres`},
		{sh: `echo 'select sum(cents) from costs;' | docker compose exec -T postgres psql -U postgres -d llm_cost_ops_dev -At`, out: `\A\d+\n\z`},
		{sh: "docker compose exec -T redis redis-cli set key value", out: `^OK$`},
	}
}

func logLines() []line {
	return []line{
		{sh: "docker compose logs", out: `(?s)^app-1 +\| serving on.*`},
		{sh: "docker compose logs | grep 'ready to accept connections'", out: `^postgres-1 +\| `},
		// PostgreSQL recovers only if it was killed, and nothing above does.
		{sh: "docker compose logs postgres 2>&1 | grep 'not properly shut down'", code: 1},
		{sh: "docker compose logs -f", until: "serving on", code: 130},
		{sh: "docker compose logs -f app", until: "serving on", code: 130, out: `\A(app-1  \| .*\n)+\z`},
		{sh: "docker compose logs --tail=100 app", out: `\A(app-1  \| .*\n)+\z`},
		{sh: "docker compose logs --since 2024-01-01T00:00:00 app", out: `serving on`},
		{sh: "docker compose logs --until 2024-01-01T00:00:00 app", out: nothing},
		{sh: "docker compose logs -f --timestamps app", until: "serving on", code: 130, out: `^app-1  \| \d{4}-\d\d-\d\dT\S+Z serving on`},
		{sh: "docker compose logs -f app postgres redis", until: "ready to accept connections", code: 130},
	}
}

func networkLines() []line {
	return []line{
		{sh: "docker compose exec app ping -c 1 postgres", out: `1 packets received`},
		{sh: "docker compose exec -T app nc -w 1 nats 4222", out: `^INFO \{`},
		{sh: "{ echo PING; sleep 1; } | docker compose exec -T app telnet redis 6379; true", out: `\+PONG`},
		{sh: "docker compose exec -T nats wget -q -O - http://api:8080/health"},
		{sh: "docker compose exec -T nats wget -q -O - http://llm-ops:8080/health"},
	}
}

func restartLines() []line {
	return []line{
		{sh: "docker compose restart", err: `-nats-1 Restarting`},
		{sh: "docker compose restart app"},
		{sh: "docker compose restart -t 30 app", err: `^ Container \S+-app-1 Restarting\n Container \S+-app-1 Started\n\z`},
	}
}

func scaleLines() []line {
	return []line{
		{sh: "docker compose up -d --scale app=5"},
		{sh: "docker compose ps app -q | wc -l", out: `^5$`},
		{sh: "for i in 1 2 3 4 5; do docker compose port --index $i app 8080; done | sort -u | wc -l", out: `^5$`},
		{sh: "docker compose up -d --scale app=1"},
		{sh: "docker compose ps app -q | wc -l", out: `^1$`},
	}
}

func stopLines() []line {
	return []line{
		{sh: "docker compose stop app", err: `-app-1 Stopped`},
		{sh: "docker compose --profile '*' down", err: `-app-1 Removed`},
		{sh: "docker compose up -d --wait postgres redis"},
		{sh: `docker compose exec -T postgres psql -U postgres -d llm_cost_ops_dev -Atc 'select count(*) from costs'`, out: `^[1-9]\d*$`},
		{sh: "docker compose exec -T redis redis-cli get key", out: `^value$`},
		{sh: "docker compose down -v", err: `Volume \S+_postgres-data Removed`},
		{sh: "docker volume ls -q --filter label=com.docker.compose.project=$COMPOSE_PROJECT_NAME", out: nothing},
		{sh: "docker compose down --rmi all", err: `Image \S+-servers:16 Removed`},
		{sh: "docker image inspect $SERVERS", code: 1},
	}
}

// removeImage removes a name of an image if it is still there. It is for
// clean-up, when the test's context has ended.
func removeImage(t *testing.T, name string) {
	t.Helper()
	host, socket := "engine", strings.TrimPrefix(testengine.Require(t).Host, "unix://")
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		if address, ok := strings.CutPrefix(socket, "tcp://"); ok {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequest(http.MethodDelete, "http://"+host+"/images/"+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Errorf("remove image %s: %v", name, err)
		return
	}
	_ = response.Body.Close() // nothing in it is of interest
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotFound {
		t.Errorf("remove image %s: %s", name, response.Status)
	}
}
