#!/bin/sh
# For every service a role and a database that no other role reaches. The password is the one in the service's secret.
set -eu
for service in dossier eligibility priority notifications; do
  url=$(sed -n 's/^database_url *= *"\(.*\)"/\1/p' "/run/secrets/$service")
  password=${url#"postgresql://$service:"}
  if [ "$password" = "$url" ]; then
    echo "the secret of $service has no line such as: database_url = \"postgresql://$service:PASSWORD@postgres/$service\"" >&2
    exit 1
  fi
  psql -q -v ON_ERROR_STOP=1 -v name="$service" -v password="${password%%@*}" -d postgres <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
psql -q -v ON_ERROR_STOP=1 -d postgres -c "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC"
