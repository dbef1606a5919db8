"""What a file says about which answer is better, kept as what it is: somebody's word from elsewhere."""

import hmac
import json
from collections.abc import Mapping, Sequence

from django.conf import settings
from django.db import connection

from labeling.importing.records import Record

_KEEP = """
INSERT INTO labeling_importedverdict (prompt_id, response_a_id, response_b_id, choice, annotator, said_at, source,
                                      created_at)
SELECT p, a, b, c, w, t, %s, now() FROM jsonb_to_recordset(%s::jsonb) AS said(p bigint, a bigint, b bigint, c text,
                                                                              w text, t text)
ON CONFLICT DO NOTHING
"""


def keep_verdicts(
    project_id: int,
    source: str,
    records: Sequence[Record],
    prompt_ids: Mapping[str, int],
    response_ids: Mapping[tuple[int, str], int],
) -> int:
    """Store those of a batch whose texts are stored; return how many were not there yet."""
    said = []
    names: dict[str, str] = {}
    for record in records:
        if not record.verdicts or len(record.responses) < 2:
            continue
        prompt_id = prompt_ids[record.content_hash]
        a, b = (response_ids[prompt_id, response.content_hash] for response in record.responses[:2])
        for choice, who, when in record.verdicts:
            if who not in names:
                names[who] = _pseudonym(project_id, who)
            said.append({"p": prompt_id, "a": a, "b": b, "c": choice, "w": names[who], "t": when[:40]})
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [source, json.dumps(said)])
        return int(cursor.rowcount)


def _pseudonym(project_id: int, who: str) -> str:
    digest = hmac.new(settings.SECRET_KEY.encode(), f"imported:{project_id}:{who}".encode(), "sha256").hexdigest()
    return f"imported-{digest[:12]}"
