"""A pretended network: namespaces whose only way out is a link that loses, delays and limits as it is told."""
