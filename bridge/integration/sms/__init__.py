"""Text messages by the operator's supplier: a signed webhook for each, as README.md says.

`supplier` hands messages over, `receipts` hears what became of them.
"""
