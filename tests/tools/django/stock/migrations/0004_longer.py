"""Longer texts, in a table that others refer to and in one between."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stock", "0003_minimum")]
    operations = [
        migrations.AlterField("maker", "name", models.CharField(max_length=80, unique=True)),
        migrations.AlterField("part", "code", models.CharField(max_length=40, unique=True)),
    ]
