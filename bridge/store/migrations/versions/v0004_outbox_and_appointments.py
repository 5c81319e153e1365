"""What is still to be told to others of the events, and rooms that an appointment book has arranged."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Events of before are told to nobody."""
    op.create_table(
        "outbox",
        sa.Column("endpoint", sa.String(24), nullable=False),
        sa.Column("room", sa.String(64), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("due_at", sa.String(32), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("dead", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("endpoint", "room", "revision", name="pk_outbox"),
        sa.ForeignKeyConstraint(["room"], ["rooms.id"], name="fk_outbox_room"),
    )
    op.create_index("ix_outbox_due", "outbox", ["endpoint", "dead", "due_at"])
    op.create_table(
        "appointments",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("room", sa.String(64), nullable=False),
        sa.Column("identifier", sa.String(64)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_appointments"),
        sa.ForeignKeyConstraint(["room"], ["rooms.id"], name="fk_appointments_room"),
    )
    op.create_index("ix_appointments_identifier", "appointments", ["identifier"], unique=True)


def downgrade() -> None:
    """Forget what was not told yet, and for which appointments rooms are."""
    op.drop_table("appointments")
    op.drop_table("outbox")
