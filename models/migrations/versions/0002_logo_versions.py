"""logo versions for light and for dark pages

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-24 14:00:00

"""

from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa


# revision identifiers, used by Alembic.
revision: str = "0002"
down_revision: Union[str, Sequence[str], None] = "0001"
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    """Upgrade schema."""
    with op.batch_alter_table("logos", schema=None) as batch_op:
        batch_op.add_column(sa.Column("png_light", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("png_dark", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Downgrade schema."""
    with op.batch_alter_table("logos", schema=None) as batch_op:
        batch_op.drop_column("png_dark")
        batch_op.drop_column("png_light")
