# The trainer: a Celery worker on queue `gpu` that starts recipes as processes.
# Build from the repository's root: docker build -f docker/trainer.Dockerfile -t accord-trainer .
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
# Triton compiles small helpers at run time.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml constraints.txt ./
# torch from the package index brings its CUDA libraries with it on Linux; constraints.txt names the rest.
RUN python -c "import tomllib; print('\n'.join(tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']))" \
    > requirements.txt && pip install -r requirements.txt -c constraints.txt
COPY manage.py ./
COPY config config
COPY accounts accounts
COPY webhooks webhooks
COPY labeling labeling
COPY models_registry models_registry
COPY training training
COPY serving serving
COPY demo demo
RUN useradd --system --uid 10001 --create-home accord && mkdir /data && chown accord /data
USER accord
ENV ACCORD_DATA_DIR=/data
VOLUME /data
CMD ["celery", "-A", "config", "worker", "--queues", "gpu", "--concurrency", "1", "--loglevel", "INFO"]
