"""A table under another name."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("stock", "0007_no_shelf")]
    operations = [
        migrations.RenameModel("Sale", "Ticket"),
    ]
