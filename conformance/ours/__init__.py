"""Put first on the path of a script, this folder makes its `import wandb` mean Holdfast."""
