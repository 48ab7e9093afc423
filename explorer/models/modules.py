"""Layers that no library has: what factorising leaves in the place of a linear layer or an embedding table."""

from __future__ import annotations

import torch


class LowRankLinear(torch.nn.Sequential):
    """Two linear layers in the place of one: [in, rank] without a bias, then [rank, out]."""

    def __init__(self, in_features: int, rank: int, out_features: int, bias: bool = True) -> None:
        super().__init__(torch.nn.Linear(in_features, rank, bias=False), torch.nn.Linear(rank, out_features, bias=bias))

    @property
    def in_features(self) -> int:
        """Columns of the first factor."""
        return self[0].in_features  # type: ignore[return-value]

    @property
    def rank(self) -> int:
        """What lies between the factors."""
        return self[0].out_features  # type: ignore[return-value]

    @property
    def out_features(self) -> int:
        """Rows of the second factor."""
        return self[1].out_features  # type: ignore[return-value]


class FactorizedEmbedding(torch.nn.Sequential):
    """A narrow table [rows, rank] and a linear layer [rank, columns] in the place of a wide table [rows, columns]."""

    def __init__(self, rows: int, rank: int, columns: int, padding_idx: int | None = None) -> None:
        super().__init__(
            torch.nn.Embedding(rows, rank, padding_idx=padding_idx), torch.nn.Linear(rank, columns, bias=False)
        )
        self.padding_idx = padding_idx

    @property
    def num_embeddings(self) -> int:
        """Rows of the table."""
        return self[0].num_embeddings  # type: ignore[return-value]

    @property
    def rank(self) -> int:
        """Columns of the table."""
        return self[0].embedding_dim  # type: ignore[return-value]

    @property
    def embedding_dim(self) -> int:
        """What the linear layer makes of them."""
        return self[1].out_features  # type: ignore[return-value]
