"""Longer texts, another name for notes, shelves given up: what Alembic makes tables anew for."""

import sqlalchemy as sa
from alembic import op

revision = "words"
down_revision = "colours"


def upgrade():
    with op.batch_alter_table("makers") as makers:
        makers.alter_column("name", type_=sa.String(80))
    with op.batch_alter_table("parts") as parts:
        parts.alter_column("code", type_=sa.String(40))
        parts.alter_column("note", new_column_name="remark")
        parts.drop_column("shelf")
    op.rename_table("sales", "tickets")
