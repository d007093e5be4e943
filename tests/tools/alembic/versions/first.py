"""The shop as it was opened."""

import sqlalchemy as sa
from alembic import op

revision = "first"
down_revision = None


def upgrade():
    op.create_table(
        "makers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(40), nullable=False),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "parts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("code", sa.String(20), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("note", sa.String),
        sa.Column("shelf", sa.String(20)),
        sa.Column("maker", sa.Integer, sa.ForeignKey("makers.id", name="part_maker"), nullable=False),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "sales",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.String(30), nullable=False),
        sa.Column("part", sa.Integer, sa.ForeignKey("parts.id", name="sale_part"), nullable=False),
        sa.Column("pieces", sa.Integer, nullable=False),
        sa.UniqueConstraint("number"),
    )
