"""The vocabulary of a run: what can be said about it, and its bytes.

Owns records, W&B's field numbers and the value grammar. Must not know files or the network.
`encode` and `values` load nothing but the standard library (they run inside training);
`decode` and `replay` are for readers and load protobuf.
"""
