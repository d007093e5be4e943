"""What Alembic runs for each command: the file, the models, and what of the file is none of theirs."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from alembic import context
from models import Base
from sqlalchemy import create_engine, event


def ours(name, kind, _parents):
    """Leaves Dunlin's tables out of what is compared."""
    return not (kind == "table" and name.startswith("_dunlin_"))


engine = create_engine(f"sqlite:///{context.config.attributes['file']}", connect_args={"timeout": 30})
if os.environ.get("TRACE"):
    @event.listens_for(engine, "connect")
    def tell(connection, _record):
        connection.set_trace_callback(lambda sql: print(sql, file=sys.stderr))

with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        include_name=ours if context.config.attributes["only_ours"] else None,
    )
    with context.begin_transaction():
        context.run_migrations()
