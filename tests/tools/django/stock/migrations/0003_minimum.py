"""A column that may not; Django leaves no DEFAULT in the table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stock", "0002_colour")]
    operations = [
        migrations.AddField("part", "minimum", models.IntegerField(default=0)),
    ]
