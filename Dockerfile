# Builds from a folder with the source only: docker build --tag tasktracker .
# docs/deployment.md describes its use.
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python3 -m venv /opt/tasktracker \
    && /opt/tasktracker/bin/pip install --no-cache-dir --only-binary :all: --require-hashes \
        -r requirements/runtime.txt -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/tasktracker/bin/pip install --no-cache-dir --no-build-isolation --no-deps . \
    && /opt/tasktracker/bin/pip uninstall --yes --requirement requirements/build.txt pip \
    && /opt/tasktracker/bin/python -m compileall -q /opt/tasktracker/lib

FROM ${BASE}
# The client programs of PostgreSQL are for `tasktracker backup`.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 900 --home-dir /data --shell /usr/sbin/nologin tasktracker \
    && install -d -o tasktracker -g tasktracker -m 700 /data
COPY --from=build /opt/tasktracker /opt/tasktracker
ENV PATH=/opt/tasktracker/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    ENVIRONMENT=production \
    DATA_FOLDER=/data \
    HOST=0.0.0.0
USER tasktracker
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s \
    CMD ["python3", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT') or 8000}/health/live\", timeout=10)"]
ENTRYPOINT ["tasktracker"]
CMD ["serve"]
