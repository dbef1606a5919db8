"""What the benchmarks of labeling share: a database of their own, and content in bulk."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from supervisor.servers import start_postgres


@contextmanager
def own_database() -> Iterator[Path]:
    """A fresh PostgreSQL with the product's own settings and Accord's tables, and Django set up on it."""
    home = Path(tempfile.mkdtemp(prefix="accord-bench-"))
    home.chmod(0o755)  # PostgreSQL runs as another user than root, and must reach its directory.
    server = start_postgres(home / "postgres")
    os.environ |= {
        "DATABASE_URL": server.url,
        "ACCORD_DATA_DIR": str(home / "data"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOG_LEVEL": "WARNING",
    }
    try:
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield home
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def add_items(project_id: int, count: int, overlap: int) -> None:
    """Prompts of two short responses each, straight into the tables: what is measured is not their making."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """WITH prompts AS (
                   INSERT INTO labeling_prompt (project_id, messages, content_hash, external_id, source, metadata,
                                                held_out, created_at)
                   SELECT %(project)s, '[{"role": "user", "content": "Why?"}]', md5(n::text), '', '', '{}', n %% 5 = 0,
                          now()
                   FROM generate_series(1, %(count)s) n RETURNING id
               ), responses AS (
                   INSERT INTO labeling_response (prompt_id, text, content_hash, origin, model_name, sampling,
                                                  created_at)
                   SELECT id, 'Answer ' || place, place::text, 'import', '', '{}', now()
                   FROM prompts, generate_series(0, 1) place RETURNING id, prompt_id, content_hash
               ), items AS (
                   INSERT INTO labeling_item (project_id, prompt_id, kind, response_key, priority, overlap, open_slots,
                                              reopened, policy, propensity, created_at)
                   SELECT %(project)s, prompt_id, 'comparison', string_agg(id::text, ',' ORDER BY id), random(),
                          %(overlap)s, %(overlap)s, false, 'random', 1, now()
                   FROM responses GROUP BY prompt_id RETURNING id, prompt_id
               )
               INSERT INTO labeling_itemresponse (item_id, response_id, position)
               SELECT items.id, responses.id, responses.content_hash::int
               FROM items JOIN responses USING (prompt_id)""",
            {"project": project_id, "count": count, "overlap": overlap},
        )
        cursor.execute("ANALYZE")
