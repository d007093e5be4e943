"""The shop as it was opened."""

from django.db import migrations, models

KEY = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel("Maker", [
            ("id", KEY),
            ("name", models.CharField(max_length=40, unique=True)),
        ]),
        migrations.CreateModel("Part", [
            ("id", KEY),
            ("code", models.CharField(max_length=20, unique=True)),
            ("name", models.CharField(max_length=60)),
            ("count", models.IntegerField()),
            ("note", models.TextField(null=True)),
            ("shelf", models.CharField(max_length=20, null=True)),
            ("maker", models.ForeignKey(on_delete=models.CASCADE, to="stock.maker")),
        ]),
        migrations.CreateModel("Sale", [
            ("id", KEY),
            ("number", models.CharField(max_length=30, unique=True)),
            ("part", models.ForeignKey(on_delete=models.CASCADE, to="stock.part")),
            ("pieces", models.IntegerField()),
        ]),
    ]
