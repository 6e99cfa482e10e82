"""Receipts, invoices and credit notes: numbered without gaps, stored once, shown as HTML, PDF and EN 16931.

A document has a seller, a buyer, lines, sums and evidence. What was sold, the caller says in words.
"""
