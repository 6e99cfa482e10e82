"""Who owes whom: one list of transfers that is only ever added to.

`accounts` names what there is to owe, `postings` says which transfers a fact of the business makes, `service` writes
them, `check` proves that the sums are right.
"""
