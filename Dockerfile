# The migration runner with this repository's models and revisions.
#   build            has pip and a shell; packages are installed here
#   runner, project  the files of this checkout
#   base             Python and the runner, without a project; other images start from it
#   (last)           base with alembic.ini, models/ and migrations/
ARG BASE_IMAGE=debian:trixie-slim

FROM ${BASE_IMAGE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        binutils ca-certificates python3 python3-venv tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/pip
COPY requirements.txt /opt/
RUN /opt/pip/bin/pip install --no-cache-dir --no-compile --disable-pip-version-check \
    --require-hashes --target /opt/packages -r /opt/requirements.txt
COPY deploy/image/ /usr/local/bin/
RUN assemble-root /opt/packages /root-of-image

# A stage with a shell makes the files readable for every user, whatever the umask of the checkout.
FROM build AS runner
COPY entrypoint.py /runner/usr/local/bin/migrate
COPY migration_runner /runner/usr/local/lib/migrate/migration_runner
RUN chmod -R a+rX /runner && finish-packages /runner

FROM build AS project
COPY alembic.ini /app/
COPY models /app/models
COPY migrations /app/migrations
RUN chmod -R a+rX /app

FROM scratch AS base
COPY --from=build /root-of-image /
COPY --from=runner /runner /
ENV PATH=/usr/local/bin:/usr/bin \
    LANG=C.UTF-8 \
    PYTHONPATH=/usr/local/lib/packages:/usr/local/lib/migrate \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONNOUSERSITE=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /app
USER 65532:65532
ENTRYPOINT ["migrate"]
LABEL org.opencontainers.image.title="migration-runner" \
      org.opencontainers.image.description="Waits for Postgres, takes a lock, runs alembic upgrade head, reports, exits" \
      org.opencontainers.image.licenses="MIT"

FROM base
COPY --from=project /app /app
USER 0
# Fails if the history cannot be applied: several heads, a missing parent, a broken file.
RUN ["migrate", "build", "--seal"]
USER 65532:65532
ARG BUILD=""
ARG REVISION=""
ENV MIGRATE_BUILD=${BUILD}
LABEL org.opencontainers.image.version="${BUILD}" \
      org.opencontainers.image.revision="${REVISION}"
