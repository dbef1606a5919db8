# Web, gateway, worker and beat: everything that never imports torch.
# Build from the repository's root: docker build -f docker/web.Dockerfile -t accord-web .
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
COPY pyproject.toml constraints.txt docker/web-requirements.py ./
# The web side needs none of the machine-learning packages: they are left out by name, the pins stay one list.
RUN python web-requirements.py > requirements.txt && pip install -r requirements.txt -c constraints.txt
COPY manage.py ./
COPY config config
COPY accounts accounts
COPY webhooks webhooks
COPY labeling labeling
COPY models_registry models_registry
COPY training training
COPY serving serving
COPY templates templates
COPY static static
COPY demo demo
RUN useradd --system --uid 10001 accord && mkdir /data && chown accord /data
USER accord
ENV ACCORD_DATA_DIR=/data
VOLUME /data
EXPOSE 8000 8001
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "8", "--access-logfile", "-"]
