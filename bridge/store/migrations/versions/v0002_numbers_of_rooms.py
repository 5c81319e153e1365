"""Numbers by which rooms are called."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Rooms of before have none."""
    op.add_column("rooms", sa.Column("number", sa.String(12)))
    op.create_index("ix_rooms_number", "rooms", ["number"], unique=True)


def downgrade() -> None:
    """Forget the numbers; the rooms' own records keep them."""
    op.drop_index("ix_rooms_number", "rooms")
    op.drop_column("rooms", "number")
