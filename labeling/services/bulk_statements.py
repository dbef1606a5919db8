"""The SQL of bulk actions, over a batch of items whose rows the caller has locked.

Each statement changes, and writes down what was before, in one go: `changed` is (id, before, after) as JSON.
"""

from typing import Any

from django.db.backends.utils import CursorWrapper

from labeling.models import BulkAction

Act = BulkAction.Act

LOCK_ASSIGNMENTS = """
SELECT id FROM labeling_assignment WHERE item_id = ANY(%(ids)s) AND (slot IS NOT NULL OR state = 'expired')
ORDER BY id FOR NO KEY UPDATE
"""
LOCK_ITEMS = "SELECT id FROM labeling_item WHERE id = ANY(%(ids)s) ORDER BY priority * -1, id FOR NO KEY UPDATE"

_NOTE = """
INSERT INTO labeling_bulkchange (action_id, item_id, field, before, after)
SELECT %(action)s, id, '@field@', before, after FROM changed RETURNING item_id
"""
# How many have judged or hold it: fewer cannot be asked for any more.
_OVERLAP = """
WITH changed AS (
    UPDATE labeling_item i SET overlap = greatest(%(overlap)s, old.overlap - old.open_slots),
        open_slots = greatest(%(overlap)s, old.overlap - old.open_slots) - (old.overlap - old.open_slots)
    FROM labeling_item old
    WHERE old.id = i.id AND i.id = ANY(%(ids)s) AND i.withdrawn_at IS NULL
      AND i.overlap <> greatest(%(overlap)s, old.overlap - old.open_slots)
    RETURNING i.id, to_jsonb(old.overlap) AS before, to_jsonb(i.overlap) AS after)
"""
# Whoever judges an item that was moved judges what a manager wanted judged: it is no longer one that was drawn. What
# is judged by as many as asked stays what it was, and so does what came from feedback.
_PRIORITY = """
WITH placed AS (
    SELECT id, priority, policy, propensity,
           (open_slots > 0 OR withdrawn_at IS NOT NULL) AND policy NOT IN ('feedback', 'manager') AS was_drawn
    FROM labeling_item WHERE id = ANY(%(ids)s) AND priority <> %(priority)s
), changed AS (
    UPDATE labeling_item i SET priority = %(priority)s,
        policy = CASE WHEN was_drawn THEN 'manager' ELSE i.policy END,
        propensity = CASE WHEN was_drawn THEN 1 ELSE i.propensity END
    FROM placed WHERE placed.id = i.id
    RETURNING i.id, to_jsonb(placed.priority) AS before, to_jsonb(i.priority) AS after
), chosen AS (
    INSERT INTO labeling_bulkchange (action_id, item_id, field, before, after)
    SELECT %(action)s, id, 'policy', jsonb_build_object('policy', policy, 'propensity', propensity, 'last_leased',
        (SELECT max(a.leased_at) FROM labeling_assignment a WHERE a.item_id = placed.id)), '"manager"'::jsonb
    FROM placed WHERE was_drawn)
"""
_RESERVE = """
WITH changed AS (
    UPDATE labeling_item i SET reserved_for_id = %(person)s FROM labeling_item old
    WHERE old.id = i.id AND i.id = ANY(%(ids)s) AND i.reserved_for_id IS DISTINCT FROM %(person)s
    RETURNING i.id, to_jsonb(old.reserved_for_id) AS before, to_jsonb(i.reserved_for_id) AS after)
"""
_WITHDRAW = """
WITH changed AS (
    UPDATE labeling_item i SET withdrawn_at = statement_timestamp(), open_slots = 0, reopened = false
    WHERE i.id = ANY(%(ids)s) AND i.withdrawn_at IS NULL
    RETURNING i.id, NULL::jsonb AS before, to_jsonb(i.withdrawn_at) AS after)
"""
_BACK_IN_PLACE = """withdrawn_at = NULL, open_slots = greatest(0, i.overlap - (
        SELECT count(*) FROM labeling_assignment a WHERE a.item_id = i.id AND a.slot IS NOT NULL))"""
_PUT_BACK = f"""
WITH changed AS (
    UPDATE labeling_item i SET {_BACK_IN_PLACE} FROM labeling_item old
    WHERE old.id = i.id AND i.id = ANY(%(ids)s) AND i.withdrawn_at IS NOT NULL
    RETURNING i.id, to_jsonb(old.withdrawn_at) AS before, NULL::jsonb AS after)
"""  # noqa: S608 - put together from this file's own text alone
# Whose: of this person alone (a queue filtered by them), or of everybody but the one who is to have it.
_RELEASE = """
WITH ended AS (
    UPDATE labeling_assignment SET state = 'expired', slot = NULL, closed_at = statement_timestamp()
    WHERE item_id = ANY(%(ids)s) AND state = 'leased' AND annotator_id = coalesce(%(whose)s, annotator_id)
      AND annotator_id IS DISTINCT FROM %(person)s
    RETURNING id, item_id, to_jsonb(closed_at) AS after
), opened AS (
    UPDATE labeling_item i SET open_slots = i.open_slots + back.slots
    FROM (SELECT item_id, count(*) AS slots FROM ended GROUP BY item_id) back
    WHERE i.id = back.item_id AND i.withdrawn_at IS NULL
)
INSERT INTO labeling_bulkchange (action_id, item_id, assignment_id, field, before, after)
SELECT %(action)s, item_id, id, 'lease', NULL, after FROM ended RETURNING item_id
"""
# What the person can have: they have the tags for it, have not judged or skipped it, wrote none of its answers, and
# something of it is left to judge.
_FIT_FOR_PERSON = """
SELECT i.id FROM labeling_item i
WHERE i.id = ANY(%(ids)s) AND i.withdrawn_at IS NULL AND i.requires <@ coalesce((
      SELECT f.tags FROM labeling_annotatorprofile f JOIN accounts_membership m ON m.id = f.membership_id
      JOIN labeling_project p ON p.organisation_id = m.organisation_id
      WHERE m.user_id = %(person)s AND p.id = i.project_id), '{}')
  AND (i.open_slots > 0 OR EXISTS (SELECT FROM labeling_assignment a WHERE a.item_id = i.id AND a.state = 'leased'))
  AND NOT EXISTS (SELECT FROM labeling_assignment a
                  WHERE a.item_id = i.id AND a.annotator_id = %(person)s AND a.state IN ('judged', 'skipped'))
  AND NOT EXISTS (SELECT FROM labeling_itemresponse ir JOIN labeling_response r ON r.id = ir.response_id
                  WHERE ir.item_id = i.id AND r.author_id = %(person)s)
"""
_OF_FIELD = {
    Act.OVERLAP: ("overlap", _OVERLAP),
    Act.PRIORITY: ("priority", _PRIORITY),
    Act.RESERVE: ("reserved_for", _RESERVE),
    Act.REASSIGN: ("reserved_for", _RESERVE),
    Act.WITHDRAW: ("withdrawn_at", _WITHDRAW),
    Act.PUT_BACK: ("withdrawn_at", _PUT_BACK),
}


def carry_out_batch(cursor: CursorWrapper, action: BulkAction, ids: list[int]) -> int:
    """Do it to these items; how many changed."""
    whose = action.scope.get("filter", {}).get("person") if action.act == Act.RELEASE else None
    given = {"action": action.pk, "ids": ids, "whose": whose, "person": None} | action.detail
    if given["person"] is not None:
        cursor.execute(_FIT_FOR_PERSON, given)
        given["ids"] = [row[0] for row in cursor.fetchall()]
    changed: set[int] = set()
    if action.act in (Act.RELEASE, Act.REASSIGN):
        cursor.execute(_RELEASE, given)
        changed |= {row[0] for row in cursor.fetchall()}
    if action.act in _OF_FIELD:
        field, statement = _OF_FIELD[Act(action.act)]
        cursor.execute(statement + _NOTE.replace("@field@", field), given)
        changed |= {row[0] for row in cursor.fetchall()}
    return len(changed)


# Undo: each looks whether the row is still as the action left it.
_THESE = "FROM labeling_bulkchange c WHERE c.action_id = %(action)s AND c.item_id = i.id AND i.id = ANY(%(ids)s)"
_UNDO = [
    f"""UPDATE labeling_item i SET overlap = c.before::int, open_slots = c.before::int - (i.overlap - i.open_slots)
        {_THESE} AND c.field = 'overlap' AND to_jsonb(i.overlap) = c.after AND i.withdrawn_at IS NULL
        AND c.before::int >= i.overlap - i.open_slots RETURNING c.id""",  # noqa: S608
    f"""UPDATE labeling_item i SET priority = c.before::float8
        {_THESE} AND c.field = 'priority' AND to_jsonb(i.priority) = c.after RETURNING c.id""",  # noqa: S608
    # Unless somebody was given it in the place where the manager had put it.
    f"""UPDATE labeling_item i SET policy = c.before ->> 'policy', propensity = (c.before -> 'propensity')::float8
        {_THESE} AND c.field = 'policy' AND to_jsonb(i.policy) = c.after AND NOT EXISTS (
            SELECT FROM labeling_assignment a WHERE a.item_id = i.id
            AND a.leased_at > coalesce((c.before ->> 'last_leased')::timestamptz, '-infinity')) RETURNING c.id""",  # noqa: S608
    f"""UPDATE labeling_item i SET reserved_for_id = c.before::bigint
        {_THESE} AND c.field = 'reserved_for' AND to_jsonb(i.reserved_for_id) IS NOT DISTINCT FROM c.after
        RETURNING c.id""",  # noqa: S608
    f"""UPDATE labeling_item i SET {_BACK_IN_PLACE}
        {_THESE} AND c.field = 'withdrawn_at' AND c.after = to_jsonb(i.withdrawn_at) RETURNING c.id""",  # noqa: S608
    f"""UPDATE labeling_item i SET withdrawn_at = (c.before #>> '{{}}')::timestamptz, open_slots = 0, reopened = false
        {_THESE} AND c.field = 'withdrawn_at' AND c.after IS NULL AND i.withdrawn_at IS NULL RETURNING c.id""",  # noqa: S608
]
# One an item, so that two of one item do not get the same slot: it is run until nothing moves.
_LEASE_AGAIN = """
WITH first AS (
    SELECT DISTINCT ON (c.item_id) c.id, c.item_id, a.id AS assignment_id
    FROM labeling_bulkchange c JOIN labeling_assignment a ON a.id = c.assignment_id
    JOIN labeling_item i ON i.id = c.item_id
    WHERE c.action_id = %(action)s AND c.item_id = ANY(%(ids)s) AND c.field = 'lease' AND a.state = 'expired'
      AND to_jsonb(a.closed_at) = c.after AND i.open_slots > 0
    ORDER BY c.item_id, c.id
), taken AS (
    UPDATE labeling_item i SET open_slots = open_slots - 1, reopened = reopened AND open_slots > 1
    FROM first WHERE i.id = first.item_id RETURNING i.id, i.overlap
), again AS (
    UPDATE labeling_assignment a SET state = 'leased', slot = labeling_free_slot(taken.id, taken.overlap),
        closed_at = NULL, expires_at = statement_timestamp() + make_interval(mins => %(minutes)s)
    FROM first JOIN taken ON taken.id = first.item_id WHERE a.id = first.assignment_id
)
SELECT id FROM first
"""


def undo_batch(cursor: CursorWrapper, action: BulkAction, ids: list[int]) -> int:
    """Put these items as they were before; how many are so in every respect."""
    given: dict[str, Any] = {"action": action.pk, "ids": ids, "minutes": action.project.lease_minutes}
    restored: list[int] = []
    for statement in _UNDO:
        cursor.execute(statement, given)
        restored += [row[0] for row in cursor.fetchall()]
    while True:
        cursor.execute(_LEASE_AGAIN, given)
        again = [row[0] for row in cursor.fetchall()]
        if not again:
            break
        restored += again
    return _whole(cursor, given | {"restored": restored})


def _whole(cursor: CursorWrapper, given: dict[str, Any]) -> int:
    cursor.execute(
        """SELECT count(*) FROM (
               SELECT FROM labeling_bulkchange WHERE action_id = %(action)s AND item_id = ANY(%(ids)s)
               GROUP BY item_id HAVING bool_and(id = ANY(%(restored)s))) found""",
        given,
    )
    return int(cursor.fetchone()[0])
