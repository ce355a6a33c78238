"""What `migrate build` finds out and writes into the manifest.

It imports `run` and what is below; no run imports it. Start with `manifest`.
"""
