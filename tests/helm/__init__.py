"""The Helm chart of `deploy/helm/`, rendered by the real helm."""
