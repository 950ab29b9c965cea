// Package dropin holds tests of berth in the place of docker compose: command
// lines as people and CI systems type them run unchanged, through the real
// Docker CLI as `docker compose` and as `docker-compose`, on a real engine.
// It has no other code.
package dropin
