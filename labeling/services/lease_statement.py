"""The SQL of the lease. `rank` is -priority: the queue is ordered by (rank, id), both ascending."""

MAKE_CURSOR = """
INSERT INTO labeling_queuecursor (project_id, annotator_id, epoch, priority, item_id)
VALUES (%(project)s, %(annotator)s, 0, 'Infinity', 0)
ON CONFLICT (project_id, annotator_id) DO NOTHING
"""

# The position is the cursor's when it is of the queue's epoch, else the very beginning.
LOCK_CURSOR = """
SELECT c.id, p.lease_minutes, p.queue_epoch,
       CASE WHEN c.epoch = p.queue_epoch THEN c.priority * -1 ELSE '-Infinity' END,
       CASE WHEN c.epoch = p.queue_epoch THEN c.item_id ELSE 0 END,
       p.paused_at IS NOT NULL, p.archived_at IS NOT NULL, p.requires, p.cap_per_day, p.cap_per_person,
       coalesce(f.tags, '{}'), f.paused_at IS NOT NULL
FROM labeling_queuecursor c JOIN labeling_project p ON p.id = c.project_id
LEFT JOIN labeling_annotatorprofile f ON f.membership_id = %(member)s
WHERE c.project_id = %(project)s AND c.annotator_id = %(annotator)s
FOR UPDATE OF c
"""

# Scalar subqueries, not NOT EXISTS nor joins: the planner could start those from everything this person has ever judged
# or written. As they stand each is a probe of an item's few rows, asked only for the items the scan comes to.
# annotator_id + 0 keeps the index by annotator out of it: the planner takes that one for a person of whom its
# statistics know no rows yet, and then reads everything they have judged for each item.
_FOR_THIS_PERSON = """
    i.project_id = %(project)s AND i.open_slots > 0 AND i.requires <@ %(tags)s::varchar[]
    AND coalesce(i.reserved_for_id, %(annotator)s) = %(annotator)s
    AND (SELECT a.id FROM labeling_assignment a WHERE a.item_id = i.id AND a.annotator_id + 0 = %(annotator)s
         LIMIT 1) IS NULL
    AND (SELECT ir.id FROM labeling_itemresponse ir WHERE ir.item_id = i.id AND %(annotator)s = (
             SELECT r.author_id FROM labeling_response r WHERE r.id = ir.response_id) LIMIT 1) IS NULL"""

# What the two statements differ in is written @so@.
_STATEMENT = f"""
WITH mine AS (
    -- What this person holds, also when its time is over and nobody has swept it yet. The empty strings keep it off the
    -- index of everybody's leases: one planned while there are few would read them all when there are many.
    UPDATE labeling_assignment SET expires_at = now() + make_interval(mins => %(minutes)s),
        shown_at = CASE WHEN %(in_reserve)s THEN shown_at ELSE coalesce(shown_at, now()) END
    WHERE state || '' = 'leased' AND id = (
        SELECT id FROM labeling_assignment
        WHERE annotator_id = %(annotator)s AND project_id = %(project)s
          AND state IN ('leased', 'expired') AND state || '' = 'leased' AND id <> ALL(%(beside)s::bigint[])
        ORDER BY shown_at IS NULL, leased_at DESC, id DESC LIMIT 1)
    RETURNING id
), shown AS (
    -- What the browser held in reserve is on its screen now: it is not lightly given to others any more.
    UPDATE labeling_assignment SET shown_at = now()
    WHERE id = %(showing)s AND annotator_id = %(annotator)s AND project_id = %(project)s AND shown_at IS NULL
), first_new AS MATERIALIZED (
    -- The first open item behind the cursor that this person has not had, locked by somebody or not.
    SELECT i.id, i.priority * -1 AS rank FROM labeling_item i
    WHERE NOT EXISTS (SELECT FROM mine)
      AND (i.priority * -1, i.id) > (%(rank)s::float8, %(item)s::bigint) AND {_FOR_THIS_PERSON}
    ORDER BY i.priority * -1, i.id LIMIT 1
), first_reopened AS MATERIALIZED (
    -- The same among those that came back, wherever they lie.
    SELECT i.id, i.priority * -1 AS rank FROM labeling_item i
    WHERE NOT EXISTS (SELECT FROM mine) AND i.reopened AND @looks_back@ AND {_FOR_THIS_PERSON}
    ORDER BY i.priority * -1, i.id LIMIT 1
), from_reopened AS MATERIALIZED (
    SELECT i.id FROM labeling_item i
    WHERE i.reopened AND {_FOR_THIS_PERSON}
      AND (i.priority * -1, i.id) >= ((SELECT rank FROM first_reopened), (SELECT id FROM first_reopened))
      AND ((SELECT id FROM first_new) IS NULL OR ((SELECT rank FROM first_reopened), (SELECT id FROM first_reopened))
           <= ((SELECT rank FROM first_new), (SELECT id FROM first_new)))
    ORDER BY i.priority * -1, i.id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
), from_queue AS MATERIALIZED (
    SELECT i.id FROM labeling_item i
    WHERE NOT EXISTS (SELECT FROM from_reopened) AND {_FOR_THIS_PERSON}
      AND (i.priority * -1, i.id) >= ((SELECT rank FROM first_new), (SELECT id FROM first_new))
    ORDER BY i.priority * -1, i.id LIMIT 1 FOR NO KEY UPDATE @skip_locked@
), new_item AS (
    SELECT id FROM from_reopened UNION ALL SELECT id FROM from_queue
), again AS MATERIALIZED (
    -- Nothing new: a lease of this person's own that ran out, if the item still has a slot.
    SELECT a.id, a.item_id FROM labeling_assignment a JOIN labeling_item i ON i.id = a.item_id
    WHERE a.annotator_id = %(annotator)s AND a.project_id = %(project)s AND a.state = 'expired' AND i.open_slots > 0
      AND coalesce(i.reserved_for_id, %(annotator)s) = %(annotator)s
      AND NOT EXISTS (SELECT FROM mine) AND (SELECT id FROM first_new) IS NULL
      AND (SELECT id FROM first_reopened) IS NULL
    ORDER BY i.priority * -1, i.id LIMIT 1 FOR NO KEY UPDATE OF a, i SKIP LOCKED
), taken AS (
    -- Under fewest_judgements an item goes back behind those that have fewer.
    UPDATE labeling_item SET open_slots = open_slots - 1, reopened = reopened AND open_slots > 1,
           priority = priority - (policy = 'fewest_judgements')::int
    WHERE id = (SELECT id FROM new_item UNION ALL SELECT item_id FROM again)
    RETURNING id, overlap
), made AS (
    -- free_slot looks at what is committed now; this statement alone still sees the slots as they were when it began.
    INSERT INTO labeling_assignment (project_id, item_id, annotator_id, slot, state, shown_order, leased_at, expires_at,
                                     shown_at, skip_reason, draft)
    SELECT %(project)s, t.id, %(annotator)s, labeling_free_slot(t.id, t.overlap), 'leased',
           ARRAY(SELECT ir.position FROM labeling_itemresponse ir WHERE ir.item_id = t.id ORDER BY random()),
           now(), now() + make_interval(mins => %(minutes)s), CASE WHEN NOT %(in_reserve)s THEN now() END, '', '{{}}'
    FROM taken t WHERE NOT EXISTS (SELECT FROM again)
    RETURNING id
), leased_again AS (
    UPDATE labeling_assignment a SET state = 'leased', slot = labeling_free_slot(t.id, t.overlap), closed_at = NULL,
           leased_at = now(), expires_at = now() + make_interval(mins => %(minutes)s),
           shown_at = CASE WHEN NOT %(in_reserve)s THEN now() END
    FROM again, taken t WHERE a.id = again.id
    RETURNING a.id
), last_open AS (
    SELECT i.id, i.priority * -1 AS rank FROM labeling_item i
    WHERE NOT EXISTS (SELECT FROM first_new) AND NOT EXISTS (SELECT FROM mine)
      AND i.project_id = %(project)s AND i.open_slots > 0
    ORDER BY i.priority * -1 DESC, i.id DESC LIMIT 1
), cursor_moved AS (
    -- Over everything this person has had, and never over an item that somebody else's lock hid.
    UPDATE labeling_queuecursor c SET epoch = %(epoch)s, priority = f.rank * -1, item_id = f.id - f.is_left
    FROM (SELECT rank, id, CASE WHEN id = (SELECT id FROM new_item) THEN 0 ELSE 1 END AS is_left FROM first_new
          UNION ALL SELECT rank, id, 0 FROM last_open) f
    WHERE c.id = %(cursor)s AND @looks_back@
)
SELECT coalesce((SELECT id FROM mine), (SELECT id FROM made), (SELECT id FROM leased_again)),
       EXISTS (SELECT FROM first_new) OR EXISTS (SELECT FROM first_reopened)
"""  # noqa: S608 - put together from this file's own text alone

LEASE = _STATEMENT.replace("@looks_back@", "true").replace("@skip_locked@", "SKIP LOCKED")
# From the queue's beginning, waiting for the rows that others hold, in one order for everybody: no deadlock. What
# they leave is looked at anew, so that it cannot be taken twice.
LEASE_PATIENTLY = _STATEMENT.replace("@looks_back@", "false").replace("@skip_locked@", "")

# Near a project's end everything is given out: take the lease that nobody has touched for longest. Whoever held it
# may still judge; that is kept, as surplus if this person was faster.
STEAL = f"""
WITH stale AS MATERIALIZED (
    SELECT a.id, a.item_id FROM labeling_assignment a JOIN labeling_item i ON i.id = a.item_id
    WHERE a.project_id = %(project)s AND a.state = 'leased' AND a.annotator_id <> %(annotator)s
      AND a.expires_at < now() + make_interval(mins => %(minutes)s) - CASE WHEN a.shown_at IS NULL
          THEN make_interval(secs => %(reserve_seconds)s) ELSE make_interval(secs => %(idle_seconds)s) END
      AND {_FOR_THIS_PERSON.replace("AND i.open_slots > 0", "AND i.withdrawn_at IS NULL")}
    ORDER BY a.expires_at, a.id LIMIT 1 FOR NO KEY UPDATE OF a, i SKIP LOCKED
), expired AS (
    UPDATE labeling_assignment a SET state = 'expired', slot = NULL, closed_at = now() FROM stale WHERE a.id = stale.id
)
UPDATE labeling_item i SET open_slots = open_slots + 1, reopened = true FROM stale WHERE i.id = stale.item_id
RETURNING i.id
"""  # noqa: S608
