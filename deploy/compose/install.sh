#!/bin/sh
# Installs what these projects (folders below here) need into .venv, as requirements.lock has it: versions and hashes.
# Their own code is not copied yet: it is found where it will be, so that a change of it installs nothing again.
set -eu
export SSL_CERT_FILE="${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" UV_NO_CACHE=1 UV_LINK_MODE=copy
if [ -f /run/secrets/index ]; then . /run/secrets/index; fi # where the builder's own pip looks
sed -n '/^uv==/,/[^\\]$/p' requirements.lock > /tmp/uv.lock
python -m venv /tmp/uv
/tmp/uv/bin/pip install -q --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/uv.lock
python -m venv --without-pip .venv
for project in "$@"; do set -- "$@" -e "$project"; shift; done
/tmp/uv/bin/uv pip install -q --compile-bytecode --no-sources --python .venv -c requirements.lock -b requirements.lock "$@"
