"""Leases that ran out go back to the pool."""

from django.db import connection

_BATCH = 500

# It waits for nobody: an assignment that is being judged, or an item that is being leased, is left for the next sweep.
_EXPIRE = """
WITH due AS MATERIALIZED (
    SELECT a.id, a.item_id FROM labeling_assignment a JOIN labeling_item i ON i.id = a.item_id
    WHERE a.state = 'leased' AND a.expires_at <= statement_timestamp()
    ORDER BY a.expires_at LIMIT %s FOR NO KEY UPDATE OF a, i SKIP LOCKED
), expired AS (
    UPDATE labeling_assignment a SET state = 'expired', slot = NULL, closed_at = statement_timestamp()
    FROM due WHERE a.id = due.id
), opened AS (
    UPDATE labeling_item i SET open_slots = i.open_slots + back.slots, reopened = i.reopened OR i.open_slots = 0
    FROM (SELECT item_id, count(*) AS slots FROM due GROUP BY item_id) back
    WHERE i.id = back.item_id AND i.withdrawn_at IS NULL
)
SELECT count(*) FROM due
"""


def expire_leases() -> int:
    """End every lease whose time is over, a batch a transaction; return how many. Drafts stay."""
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_EXPIRE, [_BATCH])
            count = int(cursor.fetchone()[0])
        total += count
        if count < _BATCH:
            return total
