"""Releases side by side: fetched, checked, tried, and taken back when they do not work (docs/update.md).

    Updater(Releases(root), SystemMachine("nearfield.service"), models=None).update(open_source("/media/usb"), key)

Nothing of a bundle is looked into before the signature of its manifest has been verified.
"""
