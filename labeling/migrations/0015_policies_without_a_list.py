from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0014_when_bodies_are_trained'),
    ]

    operations = [
        migrations.AlterField(
            model_name='item',
            name='policy',
            field=models.CharField(max_length=20),
        ),
        migrations.AddConstraint(
            model_name='item',
            constraint=models.CheckConstraint(condition=models.Q(('policy__regex', '^[a-z][a-z0-9_]*$')), name='item_policy_is_a_name'),
        ),
    ]
