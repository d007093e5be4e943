"""A column that may be empty."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stock", "0001_first")]
    operations = [
        migrations.AddField("part", "colour", models.CharField(max_length=20, null=True)),
    ]
