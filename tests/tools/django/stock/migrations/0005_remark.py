"""A column under another name."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("stock", "0004_longer")]
    operations = [
        migrations.RenameField("part", "note", "remark"),
    ]
