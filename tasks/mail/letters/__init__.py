"""Every mail that the product writes: one function for each kind, whose parameters are what the mail must be told.

Each drafts a row that whoever has the reason puts in the outbox. Its key says what the mail is: there is one of each.
"""
