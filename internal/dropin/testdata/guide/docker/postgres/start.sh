#!/bin/sh
# What the entrypoint of the official image does, in short: make the cluster
# once, in the volume, and run the server as somebody who is not root.
# shellcheck disable=SC2016 # the shell of the other user expands them
set -e
as() { su tester -s /bin/sh -c 'exec "$0" "$@"' -- "$@"; }
chmod 1777 /var/run/postgresql
if ! [ -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  chown -R tester "$PGDATA"
  cp "$POSTGRES_PASSWORD_FILE" /tmp/password
  chown tester /tmp/password
  as initdb --pgdata "$PGDATA" --username "$POSTGRES_USER" --pwfile /tmp/password --auth-host scram-sha-256 \
    --no-sync --encoding UTF8 --locale C --no-instructions >/dev/null
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  echo "CREATE DATABASE $POSTGRES_DB" | as postgres --single -D "$PGDATA" postgres >/dev/null
fi
exec su tester -s /bin/sh -c 'exec "$0" "$@"' -- postgres -D "$PGDATA" -c 'listen_addresses=*' -c fsync=off "$@"
