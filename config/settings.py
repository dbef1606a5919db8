"""Accord's settings. Every one comes from the environment; .env.example lists them with their defaults."""

from pathlib import Path

from config.env import database_from_url, env_bool, env_int, env_list, env_str, secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

# Where everything lives that is not in the database: artifacts, run directories, snapshots, logs.
DATA_DIR = Path(env_str("ACCORD_DATA_DIR", str(BASE_DIR / "var"))).resolve()
MODELS_DIR = DATA_DIR / "models"
RUNS_DIR = DATA_DIR / "runs"
SNAPSHOTS_DIR = DATA_DIR / "snapshots"
IMPORTS_DIR = DATA_DIR / "imports"
ENGINE_DIR = DATA_DIR / "engine"

DEBUG = env_bool("DEBUG", False)
SECRET_KEY = secret_key(DATA_DIR)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS", [])

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "template_partials",
    "accounts",
    "webhooks",
    "labeling",
    "models_registry",
    "training",
    "serving",
    "config",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.security.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.MemberMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.errors.ErrorMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # A kind of judgement keeps its templates in its own folder: "comparison/answers.html".
        "DIRS": [BASE_DIR / "templates", BASE_DIR / "labeling" / "kinds"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context.member",
                "config.context.project",
                "config.context.projects",
                "webhooks.context.switched_off",
            ],
            "builtins": ["template_partials.templatetags.partials"],
        },
    }
]

DATABASES = {"default": database_from_url("DATABASE_URL", "postgresql://accord@localhost:5432/accord")}
DATABASES["default"]["CONN_MAX_AGE"] = env_int("DATABASE_CONN_MAX_AGE", 60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.PasswordBackend"]
SESSION_ENGINE = "accounts.sessions"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# Addresses of our own proxies, whose X-Forwarded-For is believed when sign-ins are counted.
TRUSTED_PROXIES = env_list("TRUSTED_PROXIES", [])
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env_bool("SECURE_COOKIES", False)
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = env_str("TIME_ZONE", "UTC")
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Without DEBUG WhiteNoise serves straight from the finders: no collectstatic step stands between a clone and a page.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# An import streams its body; a form field of an answer may be long.
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
IMPORT_MAX_LINE_BYTES = env_int("IMPORT_MAX_LINE_BYTES", 4 * 1024 * 1024)
# Of one large export at a time; 1 where the server has few connections or one core.
EXPORT_CONNECTIONS = env_int("EXPORT_CONNECTIONS", 2)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "accounts.authentication.MemberSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.authentication.IsMember"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.errors.api_exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Accord API",
    "DESCRIPTION": "Projects, judgements, snapshots, runs and model versions. Token in `Authorization: Bearer`.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    # Fields of one name with different choices, or of two names with the same ones.
    "ENUM_NAME_OVERRIDES": {
        "StageEnum": "models_registry.models.Stage",
        "VersionKindEnum": "models_registry.models.VersionKind",
        "JudgementKindEnum": "labeling.kinds.NAMES",
        "AssignmentStateEnum": "labeling.models.Assignment.State",
    },
}

BROKER_URL = env_str("BROKER_URL", "redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = BROKER_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "default"
# `fast`: recipes of seconds, which wait neither behind hours of training nor behind hours of sampling.
CELERY_TASK_ROUTES = {
    "training.tasks.execute_run_task": {"queue": "gpu"},
    "training.tasks.execute_refit_task": {"queue": "fast"},
    "training.tasks.execute_scoring_task": {"queue": "fast"},
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A broker that accepts and then hangs must not hang a request: the sweeper sends what could not be sent.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600, "socket_connect_timeout": 3}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = TIME_ZONE
# Beat's table of periodic tasks is config/celery.py.
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")

# The engine: anything that speaks OpenAI's chat completions. `embedded` is true when it loads our directories by name.
ENGINE_URL = env_str("ENGINE_URL", f"http://127.0.0.1:{env_int('ACCORD_ENGINE_PORT', 8002)}/v1")
ENGINE_EMBEDDED = not env_str("ENGINE_URL", "") or env_bool("ENGINE_EMBEDDED", False)
ENGINE_API_KEY = env_str("ENGINE_API_KEY", "")
ENGINE_MODEL = env_str("ENGINE_MODEL", "")
ENGINE_TIMEOUT_SECONDS = env_int("ENGINE_TIMEOUT_SECONDS", 300)
ENGINE_CONCURRENCY = env_int("ENGINE_CONCURRENCY", 16)
BASE_MODEL = env_str("ACCORD_BASE_MODEL", "package")
# Who gives training a sample of what was served: (project's id, most) -> [(messages, text), …].
SERVED_ANSWERS = "serving.services.sample_answers"
# What `seed_demo` makes its project of: project.json, prompts, demonstrations, guidelines.
DEMO_DIR = Path(env_str("ACCORD_DEMO_DIR", str(BASE_DIR / "demo")))
GATEWAY_URL = env_str("GATEWAY_URL", f"http://127.0.0.1:{env_int('ACCORD_GATEWAY_PORT', 8001)}")
WEB_URL = env_str("WEB_URL", f"http://127.0.0.1:{env_int('ACCORD_WEB_PORT', 8000)}")

# 1 lets webhooks call this machine and private networks too; link-local addresses never.
WEBHOOKS_ALLOW_PRIVATE = env_bool("WEBHOOKS_ALLOW_PRIVATE", False)

# How long the files of a refit's snapshot are kept after a later refit replaced it and nothing needs them; 0: for ever.
SNAPSHOT_KEEP_HOURS = env_int("SNAPSHOT_KEEP_HOURS", 24)
# How long a reward model stays loaded after it was asked for scores (0: not at all), and how much memory it may take.
SCORING_WARM_SECONDS = env_int("SCORING_WARM_SECONDS", 300)
SCORING_WARM_MB = env_int("SCORING_WARM_MB", 4096)
# What starts recipes that train a body over several devices, such as `accelerate launch --config_file fsdp.yaml`.
ACCORD_LAUNCH = env_str("ACCORD_LAUNCH", "")
# A run whose trainer has not been heard of for so long is taken from it.
RUN_HEARTBEAT_SECONDS = env_int("RUN_HEARTBEAT_SECONDS", 5)
RUN_LOST_AFTER_SECONDS = env_int("RUN_LOST_AFTER_SECONDS", 30)
RUN_MAX_ATTEMPTS = env_int("RUN_MAX_ATTEMPTS", 3)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env_str("LOG_LEVEL", "INFO")},
    "loggers": {
        "httpx": {"level": "WARNING"},
        # Two lines for every task: the sweepers alone would write sixty a minute.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
