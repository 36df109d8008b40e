"""Each recipient of invoices gets them in their own way.

Revision ID: 0051
Revises: 0050
"""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

BILLINGS = sa.table("billings", sa.column("id", sa.Integer), sa.column("document", sa.JSON))


def upgrade() -> None:
    """What was chosen for all of a firm is what each of them gets; so it is said of months that are closed, too."""
    op.add_column(
        "invoice_recipients", sa.Column("sent_as", sa.String(40), server_default="attachment", nullable=False)
    )
    op.execute(
        "UPDATE invoice_recipients SET sent_as ="
        " (SELECT sent_as FROM contracts WHERE contracts.firm_id = invoice_recipients.firm_id)"
        " WHERE firm_id IN (SELECT firm_id FROM contracts)"
    )
    with op.batch_alter_table("invoice_recipients") as table:
        table.alter_column("sent_as", server_default=None)
    bind, after = op.get_bind(), 0
    while rows := bind.execute(
        sa.select(BILLINGS).where(BILLINGS.c.id > after).order_by(BILLINGS.c.id).limit(500)
    ).all():
        for key, document in rows:
            sent_as = document.pop("sent_as", "")
            named = f"{document['to']} {document['cc']}".strip() if sent_as == "link" else ""
            changed = {**document, "by_link": named}
            bind.execute(sa.update(BILLINGS).where(BILLINGS.c.id == key).values(document=changed))
        after = rows[-1].id


def downgrade() -> None:
    op.drop_column("invoice_recipients", "sent_as")
