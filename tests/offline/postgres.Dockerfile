# What postgres:17 gives, of Debian's packages.
FROM cir-offline/debian:trixie
RUN --mount=type=secret,id=mirror --mount=type=secret,id=ca sh -ec '\
  echo "deb $(cat /run/secrets/mirror) trixie main" > /etc/apt/sources.list; \
  apt="apt-get -qq -o Acquire::https::CAInfo=/run/secrets/ca"; \
  $apt update; $apt install -y --no-install-recommends postgresql-common > /dev/null; \
  echo "create_main_cluster = false" >> /etc/postgresql-common/createcluster.conf; \
  $apt install -y --no-install-recommends postgresql-17 > /dev/null; \
  rm -rf /var/lib/apt/lists/* /var/cache/apt/* /etc/apt/sources.list'
COPY tests/offline/postgres.sh /usr/local/bin/
ENV PATH=/usr/lib/postgresql/17/bin:$PATH PGDATA=/var/lib/postgresql/data
RUN install -d -o postgres -m 700 $PGDATA && install -d -o postgres -m 3777 /var/run/postgresql
USER postgres
STOPSIGNAL SIGINT
ENTRYPOINT ["sh", "/usr/local/bin/postgres.sh"]
CMD ["postgres"]
