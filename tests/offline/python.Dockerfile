# What python:3.11-slim-bookworm gives, of Debian's packages.
FROM cir-offline/debian:bookworm AS slim
RUN --mount=type=secret,id=mirror --mount=type=secret,id=ca sh -ec '\
  echo "deb $(cat /run/secrets/mirror) bookworm main" > /etc/apt/sources.list; \
  apt="apt-get -qq -o Acquire::https::CAInfo=/run/secrets/ca"; \
  $apt update; $apt install -y --no-install-recommends python3-venv ca-certificates > /dev/null; \
  rm -rf /var/lib/apt/lists/* /var/cache/apt/* /etc/apt/sources.list; \
  ln -s /usr/bin/python3 /usr/local/bin/python'

# What python:3.11-bookworm gives: with a compiler.
FROM slim AS whole
RUN --mount=type=secret,id=mirror --mount=type=secret,id=ca sh -ec '\
  echo "deb $(cat /run/secrets/mirror) bookworm main" > /etc/apt/sources.list; \
  apt="apt-get -qq -o Acquire::https::CAInfo=/run/secrets/ca"; \
  $apt update; $apt install -y --no-install-recommends gcc g++ libc6-dev python3-dev > /dev/null; \
  rm -rf /var/lib/apt/lists/* /var/cache/apt/* /etc/apt/sources.list'
