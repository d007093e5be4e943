"""The shop's models as the newest version of the project has them."""

from django.db import models


class Maker(models.Model):
    name = models.CharField(max_length=80, unique=True)


class Part(models.Model):
    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    count = models.IntegerField()
    remark = models.TextField(null=True)
    brand = models.ForeignKey(Maker, models.CASCADE)
    colour = models.CharField(max_length=20, null=True)
    minimum = models.IntegerField(default=0)
    label = models.CharField(max_length=120, default="")


class Ticket(models.Model):
    number = models.CharField(max_length=30, unique=True)
    part = models.ForeignKey(Part, models.CASCADE)
    pieces = models.IntegerField()
