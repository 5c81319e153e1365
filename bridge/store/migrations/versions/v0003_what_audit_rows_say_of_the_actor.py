"""What audit rows say of who acted, and why; rows of before are covered by the hash as they were."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Rows of before are of version 1, which has none of this in its hash."""
    op.add_column("audit", sa.Column("assurance", sa.String(16)))
    op.add_column("audit", sa.Column("organisation", sa.String(9)))
    op.add_column("audit", sa.Column("reason", sa.String(64)))
    op.add_column("audit", sa.Column("version", sa.Integer, nullable=False, server_default="1"))
    op.create_index("ix_audit_at", "audit", ["at"])


def downgrade() -> None:
    """Refuse: rows of version 2 cannot be verified without what would be dropped."""
    raise NotImplementedError("audit rows need what this version added")
