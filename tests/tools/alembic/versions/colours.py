"""Colours and least counts: what Alembic does in place."""

import sqlalchemy as sa
from alembic import op

revision = "colours"
down_revision = "first"


def upgrade():
    with op.batch_alter_table("parts") as parts:
        parts.add_column(sa.Column("colour", sa.String(20)))
        parts.add_column(sa.Column("minimum", sa.Integer, nullable=False, server_default="0"))
        parts.create_index("ix_parts_colour", ["colour"])
