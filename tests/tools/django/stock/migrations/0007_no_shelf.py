"""A column that is given up."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("stock", "0006_brand")]
    operations = [
        migrations.RemoveField("part", "shelf"),
    ]
