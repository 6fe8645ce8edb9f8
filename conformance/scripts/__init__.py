"""What the clients run: each script logs what it knows and tells the truth of it as JSON.

They run in a client's environment: standard library, wandb, numpy and pillow, and nothing of
Holdfast's.
"""
