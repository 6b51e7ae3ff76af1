# The monitor as it runs in production: the locked packages, our own packages, nothing else. It listens on 8002, runs as
# an ordinary user, and needs no writable place but the volume of STATE_DIR.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv --without-pip /opt/venv
COPY requirements.lock /tmp/requirements.lock
# Wheels alone and by their hashes: nothing is compiled here and nothing comes in that the lock does not name.
RUN python -m pip --python /opt/venv/bin/python install --require-hashes --no-deps --only-binary=:all: \
        -r /tmp/requirements.lock
# -P: a folder called `agents` or `models`, wherever it is started, must not stand in for ours.
RUN printf '#!/bin/sh\nexec /opt/venv/bin/python -P -m episode_monitor "$@"\n' > /opt/venv/bin/episode-monitor \
    && chmod 755 /opt/venv/bin/episode-monitor

FROM python:${PYTHON}-slim AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin monitor
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
STOPSIGNAL SIGTERM

# The sample project service and its load driver, for docker-compose.yml alone: `docker build --target examples`.
FROM base AS examples
COPY examples examples
COPY client client
ENV PYTHONPATH=/app:/app/client
USER 10001:10001
EXPOSE 8001
CMD ["python", "-P", "-m", "examples.project_service"]

# The core compiled, for speed; the tools that do it stay in here. On `base`, because it must be the very same Python.
FROM base AS core
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY requirements-dev.lock /tmp/requirements-dev.lock
RUN python -m venv /opt/tools \
    && /opt/tools/bin/python -m pip install --require-hashes --no-deps --only-binary=:all: --no-cache-dir \
        -r /tmp/requirements-dev.lock
COPY models models
COPY streams streams
COPY tools tools
COPY episode_monitor/__init__.py episode_monitor/compiled.py episode_monitor/
RUN /opt/tools/bin/python -P -m tools.compile_core

# The last stage is what a plain `docker build` makes. curl is for health checks that people write themselves.
FROM base AS monitor
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl \
    && rm -rf /var/lib/apt/lists/*
COPY models models
COPY streams streams
COPY agents agents
COPY alert_sinks alert_sinks
COPY episode_monitor episode_monitor
COPY client/episode_monitor_client client/episode_monitor_client
COPY rules.yaml rules.yaml
COPY --from=core /app/.compiled .compiled
RUN python -c "import sys; from agents.fetching.decompression import missing_codecs; sys.exit(missing_codecs())" \
    && python -m compileall -q models streams agents alert_sinks episode_monitor client \
    && install -d -o 10001 -g 10001 /var/lib/episode-monitor
# HOME: libraries that look for one find a place that may be written. no_proxy: Docker hands a container the proxies of
# its client, and curl would ask them for this machine's own addresses.
ENV HOME=/var/lib/episode-monitor \
    PYTHONPATH=/app:/app/client \
    NO_PROXY=localhost,127.0.0.1,::1 \
    no_proxy=localhost,127.0.0.1,::1 \
    LOG_FORMAT=json \
    MONITORING_HOST=0.0.0.0 \
    MONITORING_PORT=8002 \
    STATE_DIR=/var/lib/episode-monitor
VOLUME ["/var/lib/episode-monitor"]
USER 10001:10001
EXPOSE 8002
# Unhealthy while tables are read back, too: then the answer is 503, for its numbers would be wrong.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --start-interval=2s --retries=3 \
    CMD ["python", "-P", "-m", "episode_monitor.observe.health"]
ENTRYPOINT ["episode-monitor"]
CMD ["worker"]
