#!/bin/sh
# For every service a role and a database that no other role reaches. The password is that of the service's own secret,
# of which this container is given no more.
set -eu
for service in dossier eligibility priority notifications; do
  password=$(sed -n "s/^$service=//p" /run/secrets/roles)
  if [ -z "$password" ]; then
    echo "the secret \`roles\` has no line such as: $service=PASSWORD" >&2
    exit 1
  fi
  psql -q -v ON_ERROR_STOP=1 -v name="$service" -v password="$password" -d postgres <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
psql -q -v ON_ERROR_STOP=1 -d postgres -c "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC"
