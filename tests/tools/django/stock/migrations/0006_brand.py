"""A reference under another name: its column is renamed with it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("stock", "0005_remark")]
    operations = [
        migrations.RenameField("part", "maker", "brand"),
    ]
