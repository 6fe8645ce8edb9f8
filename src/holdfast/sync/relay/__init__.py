"""The relay: takes runs on a cluster's inner network, keeps them, and forwards them.

Owns the spool (`spool`, `blobs`), what is answered from it (`service`) and the listener (`http`).
Forwarding is `sync.watch`, as for any other runs. Must not know what a metric is.
"""
