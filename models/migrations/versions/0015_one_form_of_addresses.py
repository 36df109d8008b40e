"""Addresses in the one form in which they are compared: with the letters of their domain, in small ones.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op
from email_validator import EmailNotValidError, validate_email

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ADDRESSES = {"accounts": "email", "persons": "email", "outbox": "to_address"}


def upgrade() -> None:
    """An address that another row has already in that form stays as it is: whose it is, only people can tell."""
    connection = op.get_bind()
    for name, column in ADDRESSES.items():
        table = sa.table(name, sa.column("id"), sa.column(column))
        address = table.c[column]
        odd = sa.or_(address.like("%xn--%"), address != sa.func.lower(address))
        for row_id, written in connection.execute(sa.select(table.c.id, address).where(odd)).all():
            try:
                right = validate_email(written, check_deliverability=False, test_environment=True).normalized.lower()
            except EmailNotValidError:
                continue
            try:
                with connection.begin_nested():
                    connection.execute(sa.update(table).where(table.c.id == row_id).values({column: right}))
            except sa.exc.IntegrityError:
                continue


def downgrade() -> None:
    """Nothing that was written is lost."""
