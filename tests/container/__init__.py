"""The image, compose and Kubernetes, on a real engine."""
