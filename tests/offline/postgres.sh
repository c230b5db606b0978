#!/bin/sh
# As the public image starts: at first a cluster, its superuser's password and what /docker-entrypoint-initdb.d says.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb -U "${POSTGRES_USER:=postgres}" -A scram-sha-256 --auth-local=trust --pwfile="$POSTGRES_PASSWORD_FILE" \
    --encoding=utf8 --locale=C.UTF-8 > /dev/null
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  pg_ctl -w start -o "-c listen_addresses=''" > /dev/null
  for script in /docker-entrypoint-initdb.d/*.sh; do
    if ! PGUSER=$POSTGRES_USER sh "$script"; then # begin anew next time, as if nothing had been
      pg_ctl -m immediate stop
      rm -rf "${PGDATA:?}"/*
      exit 1
    fi
  done
  pg_ctl -w stop > /dev/null
fi
exec "$@" -c listen_addresses='*'
