"""A column that the migration fills in each row otherwise."""

from django.db import migrations, models


def fill(apps, _editor):
    for part in apps.get_model("stock", "Part").objects.all():
        part.label = f"{part.code} {part.name}"
        part.save(update_fields=["label"])


class Migration(migrations.Migration):
    dependencies = [("stock", "0008_tickets")]
    operations = [
        migrations.AddField("part", "label", models.CharField(max_length=120, default="")),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
