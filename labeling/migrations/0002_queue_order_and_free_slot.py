from django.db import migrations, models
from django.db.models import F

# VOLATILE on purpose: its query then sees what was committed after the calling statement began. The caller holds the
# item's row, so that nobody takes a slot meanwhile.
CREATE = """
CREATE FUNCTION labeling_free_slot(item bigint, overlap integer) RETURNS smallint LANGUAGE sql VOLATILE AS $$
    SELECT min(s)::smallint FROM generate_series(0, overlap - 1) s
    WHERE NOT EXISTS (SELECT FROM labeling_assignment a WHERE a.item_id = item AND a.slot = s)
$$
"""


class Migration(migrations.Migration):
    dependencies = [("labeling", "0001_initial")]

    operations = [
        migrations.RemoveIndex(model_name="item", name="item_queue"),
        migrations.RemoveIndex(model_name="item", name="item_queue_reopened"),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                models.F("project"), F("priority") * -1, models.F("id"),
                condition=models.Q(open_slots__gt=0), name="item_queue",
            ),
        ),
        migrations.AddIndex(
            model_name="item",
            index=models.Index(
                models.F("project"), F("priority") * -1, models.F("id"),
                condition=models.Q(open_slots__gt=0, reopened=True), name="item_queue_reopened",
            ),
        ),
        migrations.RemoveIndex(model_name="assignment", name="assignment_unfinished"),
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(
                fields=["annotator", "project", "state"],
                condition=models.Q(state__in=["leased", "expired"]), name="assignment_unfinished",
            ),
        ),
        migrations.RunSQL(CREATE, "DROP FUNCTION labeling_free_slot(bigint, integer)"),
    ]
