"""The version of the package; written into every manifest, dataset and model."""

__version__ = "0.2.0"
